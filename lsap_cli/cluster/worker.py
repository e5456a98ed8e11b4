"""What runs in a worker of Ray: the checks before a task, the task, and what is said of it meanwhile."""

import os
import pickle
import platform
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch

from lsap_cli.cluster.work import Report
from lsap_cli.errors import LsapError
from lsap_cli.hashing import output_hash, text_hash
from lsap_cli.results.events import Event
from lsap_cli.runs.run import versions
from lsap_cli.video.memory_limit import set_memory_limit

REPORT_SECONDS = 0.5  # between two messages of one task
SOURCES = ("lsap_cli", "defenses", "perturbations", "lsap_common")


class Setup(Protocol):
    """What many tasks have in common: sent once, made ready once in each worker."""

    def prepare(self, report: Report) -> Any:  # the state that the tasks of this set-up take
        """What `run` of each task gets. What takes long reports, as a task does."""
        ...


class ClusterTask(Protocol):
    """Work for a worker of the cluster. Pickled; it holds paths and hashes, not contents."""

    @property
    def name(self) -> str:
        """Of the video, or whatever it is about, for people."""
        ...

    @property
    def files(self) -> "Sequence[SharedFile]":
        """What must be there before the task begins."""
        ...

    def run(self, state: Any, report: "Reporter") -> Any:  # of the task's own kinds
        """Does the task. An error that ends it is raised as on one machine."""
        ...


@dataclass(frozen=True)
class SharedFile:
    """A file or folder of the storage.

    Attributes:
        path: the same on all nodes.
        sha256: as `output_hash` gives it; None: that it is there is enough.
    """

    path: Path
    sha256: str | None = None


@dataclass(frozen=True)
class TaskOrder:
    """What holds for all tasks of a pool, sent with each.

    Attributes:
        board: the name of the actor that takes messages.
        fingerprint: of the driver's versions.
        threads: of torch.
        memory_limit: bytes for the frames of videos in one worker.
        setup: a key of the set-up; None: there is none.
    """

    board: str
    fingerprint: str
    threads: int
    memory_limit: int
    setup: str | None = None


@dataclass(frozen=True)
class TaskProblem:
    """Why a worker could not do a task: the cluster's fault, or that of the program, not of a video.

    Attributes:
        kind: "versions", "missing", "content", "refused" (an `LsapError`) or "fault".
        text: a sentence, or its end.
        path: of a missing or different file.
        exit_code: of what was refused.
    """

    kind: str
    text: str
    path: Path | None = None
    exit_code: int = 1


@dataclass(frozen=True)
class TaskEnd:
    """What a worker returns.

    Attributes:
        node: the identity of its node.
        result: of the task, or a TaskProblem.
        messages: how many it has posted; each is to be read before the end is believed to be the last word.
        seconds: that it took.
    """

    node: str
    result: Any
    messages: int
    seconds: float


@dataclass(frozen=True)
class TaskNews:
    """What a worker says while it works; the first message of a task says that it began.

    Attributes:
        node: the identity of its node.
        done: how far the task is, in its own count; None: it says nothing of that.
        events: for the run folder.
    """

    node: str
    done: int | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class NodeFacts:
    """What a node says about itself before it gets tasks."""

    host: str
    versions: dict[str, str]
    sees_storage: bool


class Reporter:
    """Messages of one task: progress, of which the last one counts, and events, which are all kept."""

    def __init__(self, board: Any, number: int, node: str) -> None:  # an actor's handle, which has no type
        self._board, self._number, self._node = board, number, node
        self._done: int | None = None
        self._events: list[Event] = []
        self._said = 0.0
        self.messages = 0
        self.flush()

    def __call__(self, done: int) -> None:
        """How far the task is."""
        self._done = done
        self._flush_at_intervals()

    def event(self, event: Event) -> None:
        """An event for the run folder."""
        self._events.append(event)
        self._flush_at_intervals()

    def finish(self) -> None:
        """Says what has not been said."""
        if self._events:
            self.flush()

    def flush(self) -> None:
        self._board.post.remote(self._number, pickle.dumps(TaskNews(self._node, self._done, tuple(self._events))))
        self.messages += 1
        self._events, self._said = [], time.monotonic()

    def _flush_at_intervals(self) -> None:
        if time.monotonic() - self._said >= REPORT_SECONDS:
            self.flush()


def run_task(order_bytes: bytes, setup: Any, number: int, task_bytes: bytes) -> bytes:
    """Does one task; whatever ends it is returned as data, since exceptions lose their class on the way.

    Args:
        order_bytes: a pickled TaskOrder.
        setup: the pickled set-up as an array of bytes, read-only and shared by all workers of a node; or None.
        number: of the task's attempt.
        task_bytes: a pickled ClusterTask.

    Returns:
        A pickled TaskEnd.
    """
    import ray

    start = time.monotonic()
    node = ray.get_runtime_context().get_node_id()
    order: TaskOrder = pickle.loads(order_bytes)
    torch.set_num_threads(order.threads)  # an earlier task may have left another number
    report = Reporter(_board(order.board), number, node)
    try:
        result = _checked(order, setup, task_bytes, report)
    except LsapError as error:
        result = TaskProblem("refused", str(error), exit_code=error.exit_code)
    except Exception as error:  # named by the driver, with the traceback
        result = TaskProblem("fault", f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    report.finish()
    return pickle.dumps(TaskEnd(node, result, report.messages, time.monotonic() - start))


def node_facts(marker: Path | None, content: str) -> bytes:
    """What the node that runs this says about itself: a pickled NodeFacts.

    Args:
        marker: a file that the driver wrote into the storage.
        content: what is in it.
    """
    try:
        sees_storage = marker is None or marker.read_text(encoding="ascii") == content
    except OSError:
        sees_storage = False
    return pickle.dumps(NodeFacts(platform.node(), full_versions(), sees_storage))


@lru_cache(maxsize=1)
def full_versions() -> dict[str, str]:
    """The versions that results depend on, and a hash of lsap's own source: a checkout can differ at one version."""
    return versions() | {"source of lsap": _source_hash()[:12]}


def fingerprint() -> str:
    """All of `full_versions` in one text."""
    return ", ".join(f"{name} {version}" for name, version in full_versions().items())


def _source_hash() -> str:
    root = Path(__file__).parents[2]
    paths = sorted(path for package in SOURCES for path in (root / package).rglob("*.py"))
    return text_hash("\n".join(f"{path.relative_to(root)} {output_hash(path)}" for path in paths))


def _checked(order: TaskOrder, setup: Any, task_bytes: bytes, report: Reporter) -> Any:
    if order.fingerprint != fingerprint():
        return TaskProblem("versions", fingerprint())
    set_memory_limit(order.memory_limit)
    state = None if order.setup is None else _prepared(order.setup, setup, report)
    task: ClusterTask = pickle.loads(task_bytes)
    for file in task.files:
        problem = file_problem(file)
        if problem is not None:
            return problem
    return task.run(state, report)


def file_problem(file: SharedFile) -> TaskProblem | None:
    """Why a worker cannot use a file of the storage; None: it can."""
    if not os.access(file.path, os.R_OK):
        return TaskProblem("missing", f"does not find {file.path}", file.path)
    if file.sha256 is not None and _hash(file.path, file.path.stat().st_mtime_ns) != file.sha256:
        return TaskProblem("content", f"finds another content in {file.path}", file.path)
    return None


@lru_cache(maxsize=256)
def _hash(path: Path, _changed: int) -> str:
    """Once for a file that many tasks need, until it changes."""
    return output_hash(path)


@lru_cache(maxsize=1)
def _board(name: str) -> Any:  # an actor's handle
    import ray

    return ray.get_actor(name)


class _Prepared:
    """The state of the last set-up of this process."""

    key: str | None = None
    state: Any = None


def _prepared(key: str, setup: Any, report: Report) -> Any:
    if _Prepared.key != key:
        _Prepared.key = _Prepared.state = None  # frees the earlier one first
        ready: Setup = pickle.loads(memoryview(setup))  # copies all tensors: none is shared with other workers
        _Prepared.state, _Prepared.key = ready.prepare(report), key
    return _Prepared.state
