"""What every use of an encoder in this project shares, in the codec defenses and where video files are written.

It stands beside the codec defenses because they open encoders in any process that imports them, a notebook's too, and
do not import the program.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from av.video.reformatter import Interpolation

UNBIASED_CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Flags for RGB to 4:2:0 and back without a change of the mean. swscale's default rounds down: each trip darkens."""


@contextmanager
def opening_encoder() -> Iterator[None]:
    """Surrounds the opening of an encoder: the process stays as it is.

    SVT-AV1 writes its whole configuration to the terminal unless SVT_LOG says otherwise. Run by root, it puts the
    calling thread and its own under SCHED_FIFO at the highest priority, which starves every other process of the
    machine for as long as this one lives. All threads of the process come back under the ordinary scheduler.
    """
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    try:
        yield
    finally:
        leave_real_time_scheduling()


def leave_real_time_scheduling() -> None:
    """Put all threads of this process under the ordinary scheduler."""
    if not hasattr(os, "sched_setscheduler"):
        return  # not Linux: nothing was taken
    for thread in Path("/proc/self/task").iterdir():
        try:
            if os.sched_getscheduler(int(thread.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
        except ProcessLookupError:
            continue  # the thread has ended
