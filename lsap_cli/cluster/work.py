"""What is worked on elsewhere, and what comes back of it: the same for processes of this machine and for a cluster."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

Report = Callable[[int], None]
"""Called with how far a task is, in its own count."""

Result = TypeVar("Result", covariant=True)


class FileTask(Protocol[Result]):
    """Work on one file, sent to another process."""

    def run(self, report: Report) -> Result:
        """Does the task and reports progress at intervals."""
        ...


TaskType = TypeVar("TaskType")
FileTaskType = TypeVar("FileTaskType", bound=FileTask[Any])


@dataclass(frozen=True)
class WorkFailure:
    """Why a file could not be worked on.

    Attributes:
        reason: a sentence's end, such as "it is empty".
        kind: "file" (said by the reader or the writer), "crash", "hang" or "fault" (one of lsap's own).
    """

    reason: str
    kind: str


@dataclass(frozen=True)
class WorkProgress(Generic[TaskType]):
    """How far one task is, in its own count."""

    task: TaskType
    done: int


@dataclass(frozen=True)
class WorkOutcome(Generic[TaskType]):
    """What came of one task: what its `run` gave, or why not."""

    task: TaskType
    result: Any  # of the task's own type, or WorkFailure


class TaskPool(Protocol):
    """Processes that work on files, here or on other machines."""

    def work(self, tasks: Iterable[FileTaskType]) -> Iterator[WorkProgress[FileTaskType] | WorkOutcome[FileTaskType]]:
        """Does all tasks, in the order in which they end; progress comes in between."""
        ...
