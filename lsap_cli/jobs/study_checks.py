"""What of a study file can be refused once torch is there, before any work: settings of parts, labels of goals."""

from collections.abc import Mapping, Sequence

from defenses.fitting import fittable_part
from lsap_cli.applying.adding import SEGMENTS
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.errors import LsapError
from lsap_cli.learning.task import learnable_defense
from lsap_cli.specs import build, build_attack, build_defense, check_specs
from lsap_cli.study.axes import ALL, NONE, OWN, USUAL, parse_budget, parse_goal
from lsap_cli.study.grid import StudyPoint
from lsap_cli.study.request import StudyRequest
from lsap_cli.video.codecs import CODECS
from perturbations import Budget, parse_binding

TOGETHER = ("attack", "budget", "binding", "frames", "defense", "from")  # axes of which some values exclude others


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
            defenses=given("defense", NONE),
            detectors=given("detector", NONE),
        )
        for spec in given("through", NONE):
            learnable_defense(spec, "through")
        for spec in given("file", NONE):
            build(spec, CODECS, "codec")
        for spec in given("frames", ALL):
            build(spec, SEGMENTS, "choice of frames")
        for values in dict.fromkeys(tuple(point.text(axis) for axis in TOGETHER) for point in points):
            _check_together(dict(zip(TOGETHER, values, strict=True)))
    except LsapError as error:
        raise request.refusal("[grid]", str(error)) from None


def _check_together(values: Mapping[str, str]) -> None:
    """Refuses values of `TOGETHER` that no cell can have."""
    own = values["binding"] == OWN
    attack = build_attack(values["attack"])
    binding = attack.binding if own else values["binding"]
    try:
        parsed = parse_binding(binding)
    except ValueError as error:
        raise LsapError(f"binding: {error}") from None
    if not parsed.fits_a_video:
        raise LsapError(f"binding = {binding} is of clips, and a study judges videos; use cyclic:P or relative:P")
    if parsed.appended and values["frames"] != ALL:
        whose = f"attack = {values['attack']}" if own else "binding"
        raise LsapError(f"{whose} appends frames, which goes with frames = {ALL}, and not with {values['frames']}")
    norm, epsilon = parse_budget(values["budget"])
    try:
        attack.check(parsed, Budget.parse(norm, epsilon))  # type: ignore[arg-type]  # parse_budget has checked it
    except ValueError as error:
        raise LsapError(f"attack = {values['attack']}: {error}") from None
    defense = None if values["defense"] == NONE else build_defense(values["defense"])
    if values["from"] == "one-video" and defense is not None and fittable_part(defense) is not None:
        raise LsapError(
            f"defense = {values['defense']} is fitted on the other videos, and from = one-video has a perturbation for "
            "each"
        )


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
            raise request.refusal("[grid] goal", f"'{label}' is no label of {loaded[0].name}{hint}")
