"""A study before any work: its videos and folds, its networks, its cells, and which of them are done."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.classifiers.spec_checks import absolute_spec, check_model_spec
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.splits import merged_groups
from lsap_cli.errors import LsapError
from lsap_cli.jobs.defend_inputs import classifier_inputs, environment_inputs
from lsap_cli.jobs.study_checks import check_goal_labels, check_parts
from lsap_cli.jobs.study_workshop import StudySetup, StudyWorkshop
from lsap_cli.results.events import SkippedEvent, StageEvent, WarningEvent
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.results.study import FailedCell, FinishedCell, StudyModel
from lsap_cli.runs import Run
from lsap_cli.set_sources import SetSource
from lsap_cli.study.cells import PlannedCell, StudyContext, StudyVideo, each_once, plan_cells, specs_of
from lsap_cli.study.code_version import code_version
from lsap_cli.study.folds import assign_folds
from lsap_cli.study.grid import StudyPoint
from lsap_cli.study.request import StudyRequest
from lsap_cli.study.settings import StudySettings, StudySource
from lsap_cli.study.store import CellStore
from lsap_cli.video.media import readable_media_hash
from lsap_common import did_you_mean


@dataclass(frozen=True)
class StudyPlan:
    """What a study is to do.

    Attributes:
        request: of the study file.
        setup: for every process.
        context: what cells depend on.
        cells: all of them; two points of the grid that are the same in fact have cells of one hash.
        done: those that are finished, by their hash.
        failed: those that failed, likewise.
        models: the networks.
        skipped: videos that are in no fold.
        shop: of this process, with the networks that are loaded.
    """

    request: StudyRequest
    setup: StudySetup
    context: StudyContext
    cells: Sequence[PlannedCell]
    done: Mapping[str, FinishedCell]
    failed: Mapping[str, FailedCell]
    models: tuple[StudyModel, ...]
    skipped: tuple[SkippedVideo, ...]
    shop: StudyWorkshop

    @property
    def left(self) -> list[PlannedCell]:
        """Cells that are to be done."""
        return [cell for cell in each_once(self.cells) if cell.hash not in self.done]


def plan_study(request: StudyRequest, settings: StudySettings, folder: Path, run: Run) -> StudyPlan:
    """Reads the set, loads the networks, and finds the cells that are done.

    Args:
        request: of the study file.
        settings: of the command.
        folder: of the study, absolute; nothing is written into it.
        run: gets events.

    Raises:
        LsapError: for anything in the file that cannot work, before any work is done.
    """
    if request.videos is None:
        raise request.refusal("[study] videos", "there is none; add it, or give --videos")
    points = request.points()
    check_parts(request, points)
    for spec in specs_of(points):
        try:
            check_model_spec(spec)
        except LsapError as error:
            raise request.refusal("[grid] model", str(error)) from None
    source = _source(request)
    run.event(StageEvent(name="reading the set of videos"))
    videos, skipped = _videos(source, run)
    folds = _folds(request, videos)
    device = choose_device(settings.device)
    places: dict[str, tuple[str, Mapping[str, str]]] = {spec: (absolute_spec(spec), {}) for spec in specs_of(points)}
    setup = StudySetup(
        folder=folder, source=source, folds=folds, networks=places, device=str(device), batch=request.batch,
        views=request.views, seconds=request.seconds, seed=request.seed, threads=request.threads,
        ladder_steps=request.ladder_steps, memory=settings.memory,
    )  # fmt: skip
    run.event(StageEvent(name="loading the models"))
    shop = setup.prepare(lambda _: None)
    classifiers = _load(specs_of(points), shop, run)
    check_goal_labels(request, points, classifiers)
    names = _names(classifiers)
    identities = {
        spec: classifier_inputs(one, "it") if isinstance(one, Classifier) else {"cannot be loaded": str(one)}
        for spec, one in classifiers.items()
    }
    shop.setup = setup = replace(
        setup, networks={spec: (place, identities[spec]) for spec, (place, _) in places.items()}
    )
    context = StudyContext(
        networks=identities, names=names, folds=folds,
        drawn_label=_drawn_label(videos, classifiers, request.seed),
        protocol={
            "batch": request.batch, "views": request.views, "threads": request.threads, "seconds": request.seconds,
            "seed": request.seed, "ladder_steps": request.ladder_steps,
        },
        environment=environment_inputs(device), code=code_version(),
    )  # fmt: skip
    cells = _planned(request, points, context)
    _tell_unused_names(request, settings, cells, run)
    store = CellStore(folder)
    done = {cell.hash: one for cell in cells if (one := store.finished(cell.hash)) is not None}
    failed = {
        cell.hash: why for cell in cells if cell.hash not in done and (why := store.failed(cell.hash)) is not None
    }
    models = tuple(
        StudyModel(name=names[spec], spec=spec, problem="" if isinstance(one, Classifier) else str(one))
        for spec, one in classifiers.items()
    )
    return StudyPlan(request, setup, context, cells, done, failed, models, skipped, shop)


def _source(request: StudyRequest) -> StudySource:
    """The set with absolute paths, for processes of other folders.

    Raises:
        LsapError: if it is not there.
    """
    try:
        given = SetSource.parse(request.videos or "", request.root, request.fps, request.labels)
    except LsapError as error:
        raise request.refusal("[study]", str(error)) from None
    place = str(given.path.absolute())
    videos = place if given.format is None else f"{given.format}:{place}"
    return StudySource(videos, _absolute(request.root), request.fps, _absolute(request.labels))


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _videos(source: StudySource, run: Run) -> tuple[list[tuple[Video, str]], tuple[SkippedVideo, ...]]:
    """The videos of the set with their hashes, and those that cannot be read."""
    listed = list_videos(source.source, [])
    skipped = [SkippedVideo(path=place.name, reason=f"it {place.reason}") for place in listed.unreadable]
    videos = []
    for video in listed.videos:
        sha256 = readable_media_hash(video.media)
        if sha256 is None:
            skipped.append(SkippedVideo(path=video.name, reason="it cannot be read"))
        else:
            videos.append((video, sha256))
    for one in skipped:
        run.event(SkippedEvent(path=one.path, reason=one.reason))
    if not videos:
        raise LsapError(f"none of the videos in {source.videos} can be read", 1)
    return videos, tuple(skipped)


def _folds(request: StudyRequest, videos: Sequence[tuple[Video, str]]) -> tuple[tuple[StudyVideo, ...], ...]:
    groups = merged_groups([video for video, _ in videos], [sha256 for _, sha256 in videos])
    labels = [video.label for video, _ in videos]
    try:
        chosen = assign_folds(groups, labels, request.folds, request.seed)
    except LsapError as error:
        raise request.refusal("[study] folds", str(error)) from None
    every = [
        StudyVideo(video.name, sha256, group, video.label)
        for (video, sha256), group in zip(videos, groups, strict=True)
    ]
    return tuple(
        tuple(one for one, own in zip(every, chosen, strict=True) if own == fold) for fold in range(request.folds)
    )


def _load(specs: Sequence[str], shop: StudyWorkshop, run: Run) -> dict[str, Classifier | LsapError]:
    """Every network, or why it cannot be loaded: its cells fail, the others go on."""
    found: dict[str, Classifier | LsapError] = {}
    for spec in specs:
        try:
            found[spec] = shop.network(spec).classifier
        except LsapError as error:
            found[spec] = error
            run.event(WarningEvent(message=f"the model {spec} cannot be loaded, so its cells fail: {error}"))
    return found


def _names(classifiers: Mapping[str, Classifier | LsapError]) -> dict[str, str]:
    """What tables call each network: its own name, or its spec where several have one name."""
    names = {spec: one.name if isinstance(one, Classifier) else spec for spec, one in classifiers.items()}
    own = list(names.values())
    return {spec: name if own.count(name) == 1 else spec for spec, name in names.items()}


def _drawn_label(
    videos: Sequence[tuple[Video, str]], classifiers: Mapping[str, Classifier | LsapError], seed: int
) -> str:
    """The label of goals that name none: one of the videos' that every network has; empty where there is none."""
    indices = [LabelIndex(one.labels) for one in classifiers.values() if isinstance(one, Classifier)]
    labels = sorted({video.label for video, _ in videos if video.label})
    known = [label for label in labels if all(one.find(label, "the label") is not None for one in indices)]
    return random.Random(seed).choice(known) if known else ""


def _planned(request: StudyRequest, points: Sequence[StudyPoint], context: StudyContext) -> list[PlannedCell]:
    try:
        return plan_cells(points, context)
    except LsapError as error:
        raise request.refusal("[grid] goal", str(error)) from None


def _tell_unused_names(request: StudyRequest, settings: StudySettings, cells: Sequence[PlannedCell], run: Run) -> None:
    """A word for a value that no cell has is a slip, unless other networks took the places of the file's."""
    values = list(dict.fromkeys(value for cell in cells for value in cell.axes.values()))
    for name in request.names:
        if name not in values and not settings.model:
            hint = did_you_mean(name, values)
            run.event(WarningEvent(message=f"{request.path}: [names] {name}: no cell has this value{hint}"))
