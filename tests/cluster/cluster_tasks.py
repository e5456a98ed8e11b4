"""Tasks that end in every way that a task of a cluster can end in; workers import them from here."""

import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from lsap_cli.cluster.work import Report
from lsap_cli.cluster.worker import Reporter, SharedFile
from lsap_cli.errors import LsapError
from lsap_cli.results.events import NoteEvent


@dataclass(frozen=True)
class Weights:
    """A set-up: numbers that each worker gets for itself."""

    values: torch.Tensor

    def prepare(self, report: Report) -> torch.Tensor:
        return self.values


@dataclass(frozen=True)
class Trial:
    how: str
    number: int = 0
    marks: Path | None = None  # a folder in which attempts leave a file each
    files: tuple[SharedFile, ...] = field(default=())

    @property
    def name(self) -> str:
        return f"{self.how} {self.number}"

    def run(self, state: torch.Tensor, report: Reporter) -> object:
        if self.marks is not None:
            (self.marks / f"{self.how}-{self.number}-{time.monotonic_ns()}").touch()
        if self.how.startswith("crash"):
            time.sleep(0.3)  # so that it is known where it began
        if self.how == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "crash once" and self.marks is not None and len(list(self.marks.glob("crash once*"))) == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.how == "hang":
            threading.Event().wait()
        if self.how == "slow":
            for number in range(5):
                time.sleep(0.6)
                report(number)
        if self.how == "refuse":
            raise LsapError("that cannot be", 2)
        if self.how == "fault":
            raise KeyError("surprise")
        if self.how == "events":
            for number in range(5):
                report.event(NoteEvent(message=f"{self.number}: {number}"))
        if self.how == "write":
            time.sleep(0.3)  # so that both workers are needed
            state += 1  # must not reach anybody else
            return float(state.sum())
        if self.how == "threads":
            before = torch.get_num_threads()
            torch.set_num_threads(3)  # left behind for the next task of this worker
            return before
        return 2 * self.number
