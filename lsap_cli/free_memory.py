"""The memory that is left for this process, as the system and its container say."""

from contextlib import suppress
from pathlib import Path

UNKNOWN_FREE = 2**34  # bytes, where the system does not say what is free
GROUP = Path("/sys/fs/cgroup")  # of control groups, version 2: the limit of a container


def free_memory() -> int:
    """What the system and the container have left, in bytes."""
    left = [UNKNOWN_FREE]
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        left = [int(line.split()[1]) * 2**10 for line in lines if line.startswith("MemAvailable:")] or left
    with suppress(OSError, ValueError):  # a group without a limit says "max"
        most, used = ((GROUP / name).read_text(encoding="ascii") for name in ("memory.max", "memory.current"))
        left.append(max(0, int(most) - int(used)))
    return min(left)
