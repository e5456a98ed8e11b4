"""An encoder that takes real-time priority for itself must not keep it.

SVT-AV1, run by root, puts the calling thread and its own under SCHED_FIFO at the highest priority, which starves
every other process of the machine, for as long as the process lives.
"""

import os
from pathlib import Path


def take_ordinary_priority() -> None:
    """Puts all threads of this process back under the ordinary scheduler. Call it when an encoder has been opened."""
    if not hasattr(os, "sched_setscheduler"):
        return  # not Linux: nothing was taken
    for thread in Path("/proc/self/task").iterdir():
        try:
            if os.sched_getscheduler(int(thread.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
        except ProcessLookupError:
            continue  # the thread has ended
