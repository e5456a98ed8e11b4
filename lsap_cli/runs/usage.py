"""The run's use of memory, processor and GPU, written into its events at intervals."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from lsap_cli.results.base import UNSET, UnsetType
from lsap_cli.results.events import UsageEvent

EVERY_SECONDS = 5.0


class UsageWriter:
    """A thread that reports every few seconds until it is closed.

    Args:
        report: gets one event.
        every_seconds: the pause between two.
    """

    def __init__(self, report: Callable[[UsageEvent], object], every_seconds: float = EVERY_SECONDS) -> None:
        self._report, self._every = report, every_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name="usage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        gpu = _Gpu()
        wall, busy = time.monotonic(), time.process_time()
        while not self._done.wait(self._every):
            now, used = time.monotonic(), time.process_time()
            percent = 100 * (used - busy) / (now - wall)
            wall, busy = now, used
            with suppress(OSError):  # a full disk: the command's own next event is refused, too, and says so
                used_now = UsageEvent(
                    memory_bytes=memory_bytes(), cpu_percent=round(percent, 1), disk_bytes=disk_bytes(), **gpu.read()
                )
                self._report(used_now)
        gpu.close()


def memory_bytes() -> int | None:
    """Resident memory of this process; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def disk_bytes() -> int | UnsetType:
    """What this process has read from and written to storage; absent where the system does not say."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
        found = dict(line.split(": ") for line in lines)
        return int(found["read_bytes"]) + int(found["write_bytes"])
    except (OSError, ValueError, KeyError):
        return UNSET


class _GpuUsage(TypedDict, total=False):
    gpu: int
    gpu_percent: float
    gpu_memory_bytes: int


class _Gpu:
    """The GPU that this process computes on, by NVIDIA's management library; nothing where either is missing."""

    def __init__(self) -> None:
        try:
            import pynvml

            pynvml.nvmlInit()
        except (
            Exception
        ):  # the extra is not installed, or no driver: whatever the library raises, there is no GPU to measure
            self._library = None
        else:
            self._library = pynvml

    def read(self) -> _GpuUsage:
        if self._library is None:
            return _GpuUsage()
        library = self._library
        try:
            for number in range(library.nvmlDeviceGetCount()):
                handle = library.nvmlDeviceGetHandleByIndex(number)
                own = [one for one in library.nvmlDeviceGetComputeRunningProcesses(handle) if one.pid == os.getpid()]
                if own:
                    return _GpuUsage(
                        gpu=number,
                        gpu_percent=library.nvmlDeviceGetUtilizationRates(handle).gpu,
                        gpu_memory_bytes=own[0].usedGpuMemory or library.nvmlDeviceGetMemoryInfo(handle).used,
                    )
        except library.NVMLError:
            return _GpuUsage()
        return _GpuUsage()

    def close(self) -> None:
        if self._library is not None:
            self._library.nvmlShutdown()
