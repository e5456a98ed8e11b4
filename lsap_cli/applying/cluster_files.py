"""The tasks of `apply` on a cluster: the same as on one machine, with what several machines need around them."""

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from lsap_cli.applying.planning import place
from lsap_cli.applying.tasks import FinishedCopy, InspectSource, WriteCopy, remove
from lsap_cli.applying.workers import attempted, cannot_write
from lsap_cli.cluster.pool import ClusterPool
from lsap_cli.cluster.work import FileTask, Report, WorkFailure, WorkOutcome, WorkProgress
from lsap_cli.cluster.worker import SharedFile
from lsap_cli.video.media import Media, absolute_media, media_hash

TaskType = TypeVar("TaskType", bound=FileTask[Any])


@dataclass(frozen=True)
class InspectedSource:
    """What the header says, and the content that it belongs to."""

    facts: Any  # what InspectSource gives, or WorkFailure
    sha256: str


@dataclass(frozen=True)
class FileOnCluster:
    """A task of `apply` for a worker of the cluster.

    Attributes:
        name: of the source.
        task: as on one machine.
        files: what must be there.
    """

    name: str
    task: InspectSource | WriteCopy
    files: tuple[SharedFile, ...]

    def run(self, state: None, report: Report) -> Any:  # what the task gives, or WorkFailure
        """Does the task; a copy is written under a name of this attempt's own, which the driver moves."""
        task = self.task
        return attempted(_OwnCopy(task) if isinstance(task, WriteCopy) else _HashedInspection(task), report)


@dataclass(frozen=True)
class _HashedInspection:
    """Looks at a source, and at its content."""

    task: InspectSource

    def run(self, report: Report) -> InspectedSource:
        return InspectedSource(self.task.run(report), media_hash(self.task.source))


@dataclass(frozen=True)
class WrittenCopy:
    """A copy under the name that its attempt gave it."""

    finished: FinishedCopy
    path: Path


@dataclass(frozen=True)
class _OwnCopy:
    """Writes a copy that another worker may be writing, too: one whose driver was killed, or whose node is cut off."""

    task: WriteCopy

    def run(self, report: Report) -> WrittenCopy:
        staged = self.task.staged
        own = staged.with_name(f"{os.getpid()}-{secrets.token_hex(8)}-{staged.name}")
        return WrittenCopy(replace(self.task, staged=own).run(report), own)


@dataclass
class ClusterFiles:
    """Does the tasks of `apply` on a cluster.

    Args:
        pool: of the cluster.
        hashes: of the files that copies are made with, by absolute path.
    """

    pool: ClusterPool
    hashes: Mapping[Path, str]
    _sources: dict[Media, str] = field(default_factory=dict)
    _sent: dict[FileOnCluster, FileTask[Any]] = field(default_factory=dict)

    def work(self, tasks: Iterable[TaskType]) -> Iterator[WorkProgress[TaskType] | WorkOutcome[TaskType]]:
        """As `WorkerPool.work`."""
        for step in self.pool.work(map(self._on_cluster, tasks)):
            if isinstance(step, WorkProgress):
                yield WorkProgress(self._original(step.task), step.done)
            else:
                task = self._original(step.task)
                del self._sent[step.task]
                yield WorkOutcome(task, self._result(task, step.result))

    def _original(self, task: FileOnCluster) -> Any:  # of the caller's own type
        return self._sent[task]

    def _on_cluster(self, task: FileTask[Any]) -> FileOnCluster:
        """The task with absolute paths: a worker's folder is another."""
        assert isinstance(task, InspectSource | WriteCopy)  # previews are drawn on this machine
        source = absolute_media(task.source)
        files = [SharedFile(source if isinstance(source, Path) else source.path)]
        sent: InspectSource | WriteCopy = replace(task, source=source)
        if isinstance(sent, WriteCopy):
            perturbation = sent.perturbation.absolute()
            sent = replace(sent, staged=sent.staged.absolute(), perturbation=perturbation)
            files.append(SharedFile(perturbation, self.hashes.get(perturbation)))
        on_cluster = FileOnCluster(files[0].path.name, sent, tuple(files))
        self._sent[on_cluster] = task
        return on_cluster

    def _result(self, task: FileTask[Any], result: Any) -> Any:
        if isinstance(task, InspectSource) and isinstance(result, InspectedSource):
            self._sources[task.source] = result.sha256
            return result.facts
        if isinstance(task, WriteCopy) and isinstance(result, WrittenCopy):
            return self._checked(task, result)
        return result

    def _checked(self, task: WriteCopy, written: WrittenCopy) -> FinishedCopy | WorkFailure:
        """Moves a copy to where it is expected, if it was made from what was looked at."""
        finished = written.finished
        if finished.source_sha256 == self._sources.get(task.source, finished.source_sha256):
            try:
                place(written.path, task.staged)
            except OSError as error:
                return cannot_write(error)
            return finished
        remove(written.path)
        reason = "it changed after it was looked at, or two nodes have different files under its name"
        return WorkFailure(reason, "file")
