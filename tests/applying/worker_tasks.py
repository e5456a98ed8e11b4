"""Tasks that end in every way that a task can end in; worker processes import them from here."""

import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from lsap_cli.applying.workers import MEMORY_BYTES
from lsap_cli.cluster.work import Report
from lsap_cli.video.reading import UnreadableVideo


@dataclass(frozen=True)
class Trial:
    how: str
    number: int = 0

    def run(self, report: Report) -> int:
        if self.how == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.how == "hang":
            time.sleep(3600)
        if self.how == "slow":
            for number in range(12):
                time.sleep(0.3)
                report(number)
        if self.how == "refuse":
            raise UnreadableVideo("it is no good")
        if self.how == "full":
            raise OSError(28, "No space left on device")
        if self.how == "fault":
            raise KeyError("surprise")
        if self.how == "memory":
            return int(np.ones(2 * MEMORY_BYTES, dtype=np.uint8)[0])
        return self.number * 2
