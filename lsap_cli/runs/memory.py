"""How this process holds memory between one batch of frames and the next."""

import ctypes
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lsap_cli.free_memory import free_memory

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
LARGE = 2**31 - 1
GROWTH = 64 * 2**20  # bytes that the heap grows by
KEPT = 2**30  # bytes by which the process may grow before what is free is given back
KEPT_SHARE = 8  # of the memory limit, that this growth may take at most
EVERY = 0.1  # seconds from one look at the process's size to the next
SECONDS_BETWEEN_LOOKS = 1.0  # at what the system has left
SHORT_SHARE = 0.1  # of what the system had left at the beginning: below it, all that is free is given back


def keep_memory(memory_limit: int | None = None) -> bool:
    """Lets the C library's allocator keep large blocks that are freed, for the next ones, instead of returning them.

    Frames and activations are made anew for every batch and every defense, in blocks of tens of megabytes. By default
    glibc maps each such block from the system, which clears it page by page; that took half of the time of many
    transforms (benchmarks/defend_cost.py, with and without --returned).

    Blocks of many sizes leave gaps between used ones which no later block fits, so the heap of a long run would grow
    and grow. A thread looks at the process's size and gives back all that is free each time that it has grown by 1 GB
    (by an eighth of the memory limit, where that is less), and each second while the system has less than a tenth left
    of what it had at first.

    Args:
        memory_limit: of this process, in bytes; None: none.

    Returns:
        Whether the C library took it; False for one that is not glibc's.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, trim = library.mallopt, library.malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    options = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGE), (M_TOP_PAD, GROWTH))
    if not all(mallopt(option, value) == 1 for option, value in options):
        return False
    if not any(thread.name == _give_back.__name__ for thread in threading.enumerate()):
        kept = KEPT if memory_limit is None else min(KEPT, memory_limit // KEPT_SHARE)
        arguments = (trim, _resident_bytes(), kept)
        threading.Thread(target=_give_back, args=arguments, name=_give_back.__name__, daemon=True).start()
    return True


def give_back_memory() -> None:
    """Gives back all that is free, after work that needed more than what follows it."""
    with suppress(AttributeError, OSError, TypeError):  # a C library that is not glibc's keeps nothing for lsap
        ctypes.CDLL(None).malloc_trim(0)


def _give_back(trim: Callable[[int], int], needed: int, kept: int) -> None:
    short, looked = SHORT_SHARE * free_memory(), time.monotonic()
    while True:
        time.sleep(EVERY)
        size, is_short = _resident_bytes(), False
        needed = min(needed, size)
        if time.monotonic() > looked + SECONDS_BETWEEN_LOOKS:
            is_short, looked = free_memory() < short, time.monotonic()
        if is_short or size > needed + kept:
            trim(0)
            needed = _resident_bytes()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
