"""The stages of `apply`: keep what is there, inspect the sources, write the copies, draw previews."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lsap_cli.applying.output_folder import OutputFolder
from lsap_cli.applying.pace import CopyPace
from lsap_cli.applying.planning import OutputNames, PlannedCopy, check_disk, name_problem, needed_bytes
from lsap_cli.applying.previews import DrawPreview
from lsap_cli.applying.recipe import Recipe
from lsap_cli.applying.tasks import FinishedCopy, InspectSource, SourceFacts, WriteCopy
from lsap_cli.applying.workers import cannot_write
from lsap_cli.cluster.work import FileTask, TaskPool, WorkFailure, WorkProgress
from lsap_cli.datasets.base import Video
from lsap_cli.results.documents import SkippedVideo
from lsap_cli.results.events import (
    ExpectedStage,
    FileEvent,
    HeaderEvent,
    KeptEvent,
    PlanEvent,
    PreviewEvent,
    SkippedEvent,
    StageEvent,
    WarningEvent,
)
from lsap_cli.runs import Run
from lsap_cli.video.threads import DecoderThreads

TaskType = TypeVar("TaskType", bound=FileTask[Any])
Subject = TypeVar("Subject")  # what a task is about


@dataclass(frozen=True)
class ApplyContext:
    """What all stages of one `apply` share.

    Attributes:
        run: where events go.
        pool: the processes that work on the files, here or on a cluster.
        folder: where copies go.
        recipe: what is done to every video.
        threads: of each file's decoder.
        left_out: the videos that have no copy, and why; stages add to it.
    """

    run: Run
    pool: TaskPool
    folder: OutputFolder
    recipe: Recipe
    threads: DecoderThreads
    left_out: list[SkippedVideo] = field(default_factory=list)

    def leave_out(self, video: Video, failure: WorkFailure) -> None:
        """Names a video that gets no copy."""
        self.left_out.append(SkippedVideo(path=video.name, reason=failure.reason))
        self.run.event(SkippedEvent(path=video.name, file=str(video.path), reason=failure.reason, cause=failure.kind))


def keep_copies(context: ApplyContext, videos: Sequence[Video]) -> list[Video]:
    """Keeps the copies of an earlier part that are still as they were written; gives the videos that have none."""
    folder, run = context.folder, context.run
    earlier = folder.begin()
    known = [video for video in videos if video.name in earlier]
    if known:
        run.event(StageEvent(name="checking what is there", files=len(known)))
    for video in folder.keep(earlier, known):
        run.event(KeptEvent(path=video.name, output=folder.entries[video.name].output))
    folder.rewrite()
    return [video for video in videos if video.name not in folder.entries]


def plan_copies(context: ApplyContext, videos: Sequence[Video], missing: Sequence[Video]) -> list[PlannedCopy]:
    """Reads the header of every video without a copy, and plans where its copy goes.

    Args:
        context: of this call.
        videos: all of them; their folders' names are taken.
        missing: those that have no copy.

    Raises:
        LsapError: if the copies are not likely to fit on the disk.
    """
    if not missing:
        return []
    context.run.event(StageEvent(name="looking at the files", files=len(missing)))
    facts: dict[str, SourceFacts] = {}
    inspections = {InspectSource(video.media, context.recipe.codec): video for video in missing}
    for video, result in _outcomes(context.pool, inspections):
        if isinstance(result, WorkFailure):
            context.leave_out(video, result)
        else:
            facts[video.name] = result
            context.run.event(HeaderEvent(path=video.name))
    names = OutputNames(videos, {name: entry.output for name, entry in context.folder.entries.items()})
    planned = [
        PlannedCopy(video, names.choose(video, facts[video.name].suffix), facts[video.name], number)
        for number, video in enumerate(missing)
        if video.name in facts
    ]
    return _fitting(context, planned)


def write_copies(context: ApplyContext, planned: Sequence[PlannedCopy]) -> None:
    """Writes, proves and places every copy; what fails is named and the rest goes on."""
    if not planned:
        return
    context.run.event(PlanEvent(stages=(ExpectedStage(stage="applying"), ExpectedStage(stage="drawing previews"))))
    context.run.event(StageEvent(name="applying", files=len(planned)))
    recipe, folder = context.recipe, context.folder
    tasks = {
        WriteCopy(
            copy.video.media,
            copy.staged(folder.root),
            recipe.codec,
            folder.perturbation,
            recipe.segment,
            context.threads,
            recipe.ssim_every,
        ): copy
        for copy in planned
    }
    pace = CopyPace(context.run, planned)
    for copy, result in _outcomes(context.pool, tasks, pace.report):
        pace.finish(copy)
        if isinstance(result, WorkFailure):
            context.leave_out(copy.video, result)
        else:
            _accept(context, copy, result)
    folder.rewrite()


def draw_previews(context: ApplyContext, videos: Sequence[Video], count: int) -> None:
    """Pictures of the first few written files, for people."""
    folder, run = context.folder, context.run
    shown = [video for video in videos if video.name in folder.entries][:count]
    if not shown:
        return
    run.event(StageEvent(name="drawing previews", files=len(shown)))
    drawings = {video.name: run.folder / "preview" / str(number) for number, video in enumerate(shown)}
    tasks = {
        DrawPreview(video.media, folder.root / folder.entries[video.name].output, drawings[video.name]): video
        for video in shown
    }
    for video, result in _outcomes(context.pool, tasks):
        if isinstance(result, WorkFailure):
            run.event(WarningEvent(message=f"no preview of {video.name}: {result.reason}"))
        else:
            run.event(PreviewEvent(path=video.name, folder=str(drawings[video.name])))


def _accept(context: ApplyContext, copy: PlannedCopy, finished: FinishedCopy) -> None:
    try:
        entry = context.folder.accept(copy, finished)
    except OSError as error:
        context.leave_out(copy.video, cannot_write(error))
        return
    for remark in finished.remarks:
        context.run.event(WarningEvent(message=f"{copy.video.name}: {remark}"))
    context.run.event(
        FileEvent(
            path=copy.video.name,
            output=copy.output,
            frames=entry.frames,
            linf=entry.linf,
            l2_rms=entry.l2_rms,
            exact=entry.exact,
            cosine=entry.cosine,
            energy_kept=entry.energy_kept,
            seconds=finished.seconds,
            memory_bytes=finished.memory_bytes,
        )
    )


def _fitting(context: ApplyContext, planned: Sequence[PlannedCopy]) -> list[PlannedCopy]:
    """Without the files whose copies cannot be: one absurd header or name must not stop the others."""
    disk = os.statvfs(context.folder.root)
    largest = disk.f_frsize * disk.f_blocks
    fitting: list[PlannedCopy] = []
    for copy in planned:
        problem = name_problem(copy, context.folder.root)
        if problem is not None:
            context.leave_out(copy.video, WorkFailure(problem, "file"))
        elif needed_bytes(copy.facts, context.recipe.codec) > largest:
            claim = f"its header claims {copy.facts.frames} frames, whose copy would be larger than the whole disk"
            context.leave_out(copy.video, WorkFailure(claim, "file"))
        else:
            fitting.append(copy)
    check_disk(fitting, context.recipe.codec, context.folder.root)
    return fitting


def _outcomes(
    pool: TaskPool, tasks: Mapping[TaskType, Subject], report: Callable[[Subject, int], object] | None = None
) -> Iterator[tuple[Subject, Any]]:
    """What came of each task, with what it was about; `report` is called with each task's progress."""
    for step in pool.work(tasks):
        if isinstance(step, WorkProgress):
            if report is not None:
                report(tasks[step.task], step.done)
        else:
            yield tasks[step.task], step.result
