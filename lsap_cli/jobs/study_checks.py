"""What of a study file can be refused once torch is there, before any work: settings of parts, labels of goals."""

from collections.abc import Mapping, Sequence

from lsap_cli.applying.adding import SEGMENTS
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.errors import LsapError
from lsap_cli.specs import build, check_specs
from lsap_cli.study.axes import ALL, NONE, OWN, USUAL, parse_goal
from lsap_cli.study.grid import StudyPoint
from lsap_cli.study.request import StudyRequest
from lsap_cli.video.codecs import CODECS


def check_parts(request: StudyRequest, points: Sequence[StudyPoint]) -> None:
    """Builds everything that values name, but for networks and videos.

    Raises:
        LsapError: naming the file.
    """

    def given(axis: str, *besides: str) -> list[str]:
        every = dict.fromkeys(part for point in points for part in point.parts(axis))
        return [one for one in every if one not in besides]

    try:
        check_specs(
            attacks=list(dict.fromkeys(point.attack for point in points)),
            samplers=[*given("sampler", USUAL), *given("judged_sampler", OWN)],
            defenses=[*given("defense", NONE), *given("through", NONE)],
            detectors=given("detector", NONE),
        )
        for spec in given("file", NONE):
            build(spec, CODECS, "codec")
        for spec in given("frames", ALL):
            build(spec, SEGMENTS, "choice of frames")
    except LsapError as error:
        raise LsapError(f"{request.path}: [grid]: {error}") from None


def check_goal_labels(
    request: StudyRequest,
    points: Sequence[StudyPoint],
    classifiers: Mapping[str, Classifier | LsapError],
) -> None:
    """Refuses labels of goals that no network has."""
    loaded = [one for one in classifiers.values() if isinstance(one, Classifier)]
    for goal in dict.fromkeys(point.text("goal") for point in points):
        _, label = parse_goal(goal)
        if label is None or not loaded:
            continue
        indices = [LabelIndex(one.labels) for one in loaded]
        if not any(one.find(label, "goal") is not None for one in indices):
            close = list(dict.fromkeys(name for one in indices for name in one.close_to(label)))[:3]
            hint = f"; did you mean {', '.join(close)}?" if close else ""
            raise LsapError(f"{request.path}: [grid] goal: '{label}' is no label of {loaded[0].name}{hint}")
