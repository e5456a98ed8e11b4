"""How this process holds memory between one batch of frames and the next."""

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
LARGE = 2**31 - 1
GROWTH = 64 * 2**20  # bytes that the heap grows by


def keep_memory() -> bool:
    """Lets the C library's allocator keep large blocks that are freed, for the next ones, instead of returning them.

    Frames and activations are made anew for every batch and every defense, in blocks of tens of megabytes. By default
    glibc maps each such block from the system, which clears it page by page; that took half of the time of many
    transforms (benchmarks/defend_cost.py, with and without --returned). The price is a higher
    peak, since free blocks lie between used ones (a 1280x720 video behind five defenses: 4.6 GB instead of 3.9, 113 s of
    processor time instead of 184), and that little is given back before the process ends.

    Returns:
        Whether the C library took it; False for one that is not glibc's.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGE), (M_TOP_PAD, GROWTH))
    return all(mallopt(option, value) == 1 for option, value in wanted)
