"""The videos of `generate` as each of its models takes them: frames at its size, its labels, its clean predictions.

The first model decides which videos there are, and how they are split; all others take the same ones.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from torch import Tensor

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, videos_of_run
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.learning.problems import clean_predictions
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import LearningTask
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.learning.training_videos import TrainingVideos, load_training_videos
from lsap_cli.learning.variant_learning import affordable_verification
from lsap_cli.learning.variants import LearningRun
from lsap_cli.results.documents import FrameStoreCost
from lsap_cli.results.events import StageEvent
from lsap_cli.runs import Run
from lsap_cli.video.reading import UnreadableVideo


@dataclass(frozen=True)
class VideoLoading:
    """How videos are loaded.

    Attributes:
        settings: of the command.
        run: gets the events.
        resume: whether the run goes on.
        budget: of the whole command.
        group: the processes that share the learning.
        skipped: the command's list of videos that are left out; unreadable ones are appended to it.
    """

    settings: GenerateSettings
    run: Run
    resume: bool
    budget: TimeBudget
    group: ProcessGroup
    skipped: Skipped


@contextmanager
def frame_stores(tasks: Sequence[LearningTask], memory_bytes: int) -> Iterator[list[FrameStore]]:
    """A frame store for each model; models whose resize is the same share one.

    Args:
        tasks: one for each model.
        memory_bytes: of all stores; frames beyond this go to disk.
    """
    geometries = [task.classifier.geometry for task in tasks]
    owners = [next(n for n, one in enumerate(geometries) if one.shrinks_as(geometry)) for geometry in geometries]
    each = memory_bytes // len(set(owners))
    with ExitStack() as stack:
        made = {number: stack.enter_context(FrameStore(geometries[number].shrink, each)) for number in set(owners)}
        yield [made[number] for number in owners]


def cost_of_stores(stores: Sequence[FrameStore]) -> FrameStoreCost:
    """What all stores took."""
    costs = [store.cost for store in dict.fromkeys(stores)]
    return FrameStoreCost(
        seconds=sum(cost.seconds for cost in costs),
        memory_bytes=sum(cost.memory_bytes for cost in costs),
        disk_bytes=sum(cost.disk_bytes for cost in costs),
    )


def load_learning_run(
    tasks: Sequence[LearningTask], stores: Sequence[FrameStore], loading: VideoLoading
) -> LearningRun:
    """Decodes the videos, splits them, and predicts them clean, for each model.

    Args:
        tasks: one for each model.
        stores: where each model's frames go.
        loading: how.

    Raises:
        LsapError: if too few videos are left, or one can be read for one model and not for another.
    """
    settings, run = loading.settings, loading.run
    several_processes = loading.group.processes > 1  # all load the same videos, whatever time that takes
    deadline = float("inf") if several_processes else _share(loading.budget.loading_deadline(), len(set(stores)))
    videos = [load_training_videos(stores[0], tasks[0], settings, deadline, loading.skipped, run)]
    for number in range(1, len(tasks)):
        frames = next((videos[one] for one in range(number) if stores[one] is stores[number]), None)
        videos.append(_same_videos(stores[number], tasks[number], videos[0], frames, loading))
    clean, pace, end = [], 0.0, loading.budget.predicting_deadline()
    for number, (task, own) in enumerate(zip(tasks, videos, strict=True)):
        deadline = float("inf") if several_processes else _share(end, len(tasks) - number)
        before = time.monotonic()
        clean.append(clean_predictions(task.classifier, own.fit, settings.seed, settings.batch, deadline))
        pace += (time.monotonic() - before) / (2 * len(clean[-1]))  # seconds that a clip takes in all networks
    if not several_processes:
        videos, clean = _affordable(tasks[0], settings, videos, clean, pace, run)
    first, *others = (
        LearningRun(settings, task, own, loading.group, run, loading.resume, predicted)
        for task, own, predicted in zip(tasks, videos, clean, strict=True)
    )
    return replace(first, others=tuple(others))


def _share(deadline: float, parts: int) -> float:
    """The end of the first of equal parts of the time up to a deadline."""
    now = time.monotonic()
    return now + (deadline - now) / parts


def _affordable(
    task: LearningTask,
    settings: GenerateSettings,
    videos: Sequence[TrainingVideos],
    clean: Sequence[Tensor],
    pace: float,
    run: Run,
) -> tuple[list[TrainingVideos], list[Tensor]]:
    """What the time budget leaves time for, the same videos for each model."""
    fit = min(map(len, clean))
    verified = affordable_verification(task, settings, videos[0], pace)
    first = videos[0].first(fit, verified, run)
    others = [replace(own, fit=own.fit[:fit], verify=own.verify[:verified]) for own in videos[1:]]
    return [first, *others], [predicted[:fit] for predicted in clean]


def _same_videos(
    store: FrameStore,
    task: LearningTask,
    of_first: TrainingVideos,
    frames: TrainingVideos | None,
    loading: VideoLoading,
) -> TrainingVideos:
    """The first model's videos for another one, with that one's labels.

    Args:
        store: where frames go.
        task: of the model.
        of_first: the first model's videos.
        frames: the same videos of a model that shares the store; None: they are decoded.
        loading: how.
    """
    listed = videos_of_run(loading.settings.source, task.classifier.labels, loading.run, loading.skipped).videos
    by_name = {video.name: video for video in listed}
    names = list(dict.fromkeys(one.video.name for one in (*of_first.fit, *of_first.verify)))
    wanted = [by_name[name] for name in names]
    if frames is None:
        loading.run.event(StageEvent(name=f"decoding for {task.called}", videos=len(wanted)))
        stored = _decoded(store, wanted, task)
    else:
        known = {one.video.name: one for one in (*frames.fit, *frames.verify)}
        stored = {video.name: replace(known[video.name], video=video) for video in wanted}
    fit, verify = ([stored[one.video.name] for one in some] for some in (of_first.fit, of_first.verify))
    return TrainingVideos(fit, verify, of_first.hashes)


def _decoded(store: FrameStore, videos: Sequence[Video], task: LearningTask) -> dict[str, StoredVideo]:
    stored = {}
    for video, one in store.load(videos):
        if isinstance(one, UnreadableVideo):
            raise LsapError(f"{video.name} could be read for the first model, but not for {task.called}: {one}", 1)
        stored[video.name] = one
    return stored
