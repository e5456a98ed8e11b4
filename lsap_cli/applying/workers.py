"""Processes that each work on one file at a time, and that can be given up on.

Decoders are large C programs that are fed with files from strangers: one that crashes, hangs or wants all memory takes
its own process with it, and nothing else. Threads would be lighter, but could not be stopped.
"""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterable, Iterator
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from lsap_cli.cluster.work import FileTask, Report, WorkFailure, WorkOutcome, WorkProgress
from lsap_cli.errors import FULL_DISK
from lsap_cli.video.memory_limit import memory_limit, set_memory_limit
from lsap_cli.video.reading import UnreadableVideo

MEMORY_BYTES = 2**33  # that one process may take: a file that needs more is given up on
REPORT_SECONDS = 0.1
TaskType = TypeVar("TaskType", bound=FileTask[Any])


def cannot_write(error: OSError) -> WorkFailure:
    """A copy that the file system refuses."""
    reason = error.strerror or str(error)
    if error.errno in FULL_DISK:
        reason = f"the disk is full: {reason}; free some, and go on with --resume"
    return WorkFailure(f"its copy cannot be written ({reason})", "file")


class WorkerPool:
    """A number of working processes. A context manager: leaving it ends them all.

    Args:
        size: how many.
        patience_seconds: after which a process that reports nothing is given up on.
    """

    def __init__(self, size: int, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["lsap_cli.applying.workers"])
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, _Worker] = {}
        self._size = size

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self._idle, *self._busy.values()]:
            worker.kill()
        self._idle, self._busy = [], {}

    def work(self, tasks: Iterable[TaskType]) -> Iterator[WorkProgress[TaskType] | WorkOutcome[TaskType]]:
        """Does all tasks, in the order in which they end; progress comes in between."""
        waiting = iter(tasks)
        more = True
        while more or self._busy:
            while more and len(self._busy) < self._size:
                task = next(waiting, None)
                more = task is not None
                if task is not None:
                    self._begin(task)
            if self._busy:
                yield from self._receive()

    def _begin(self, task: Any) -> None:
        worker = self._idle.pop() if self._idle else _Worker(self._context, memory_limit() // self._size)
        worker.begin(task)
        self._busy[worker.pipe] = worker

    def _receive(self) -> Iterator[Any]:
        for pipe in connection.wait(list(self._busy), timeout=0.5):
            assert isinstance(pipe, Connection)  # nothing else is waited for
            yield from self._message(self._busy[pipe])
        for worker in [one for one in self._busy.values() if one.silent_seconds > self._patience]:
            self._dismiss(worker)
            reason = f"nothing came of it for {self._patience:.0f} seconds, so it was given up on"
            yield WorkOutcome(worker.task, WorkFailure(reason, "hang"))

    def _message(self, worker: "_Worker") -> Iterator[Any]:
        try:
            word, value = worker.pipe.recv()
        except (EOFError, OSError):
            self._dismiss(worker)
            yield WorkOutcome(
                worker.task, WorkFailure(f"the process that worked on it crashed ({worker.ending})", "crash")
            )
            return
        worker.last_message = time.monotonic()
        if word == "progress":
            yield WorkProgress(worker.task, value)
        elif word == "end":
            del self._busy[worker.pipe]
            self._idle.append(worker)
            yield WorkOutcome(worker.task, value)

    def _dismiss(self, worker: "_Worker") -> None:
        del self._busy[worker.pipe]
        worker.kill()


class _Worker:
    """One working process, from the side of the one that commands."""

    def __init__(self, context: Any, memory_bytes: int) -> None:
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, memory_bytes), daemon=True)
        self._process.start()
        theirs.close()
        self.task: Any = None
        self.last_message = 0.0

    def begin(self, task: Any) -> None:
        self.task, self.last_message = task, time.monotonic()
        with contextlib.suppress(OSError):  # a process that has ended is noticed when its pipe is read
            self.pipe.send(task)

    @property
    def silent_seconds(self) -> float:
        return time.monotonic() - self.last_message

    @property
    def ending(self) -> str:
        code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, memory_bytes: int) -> None:
    """The life of a working process: tasks come in, progress and results go out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that commands
    torch.set_num_threads(1)
    set_memory_limit(memory_bytes)
    try:
        while True:
            task = pipe.recv()
            pipe.send(("end", _attempt(task, pipe)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # whoever commanded is gone; what was being written is of no use


def _attempt(task: FileTask[Any], pipe: Connection) -> Any:
    reported = time.monotonic()

    def report(done: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            pipe.send(("progress", done))

    return attempted(task, report)


def attempted(task: FileTask[Any], report: Report) -> Any:
    """What a task gives, or why not: whatever one file does must not end the others' work."""
    limit_memory()
    try:
        return task.run(report)
    except UnreadableVideo as error:
        return WorkFailure(str(error), "file")
    except (BrokenPipeError, ConnectionResetError):
        raise
    except OSError as error:
        return cannot_write(error)
    except MemoryError:
        return WorkFailure(f"it needs more than {MEMORY_BYTES / 2**30:.0f} GiB of memory", "file")
    except Exception as error:  # one file's fault is named like any other
        return WorkFailure(f"{type(error).__name__}: {error}", "fault")


def limit_memory() -> None:
    """Limits what this process may take: a file that needs more is given up on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY or soft > MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, hard))
