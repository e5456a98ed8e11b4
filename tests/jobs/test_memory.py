"""The allocator keeps what is freed; counted in page faults, by which the system gives memory."""

import ctypes
import platform
import subprocess
import sys
from typing import Any

import pytest

from lsap_cli.jobs.memory import keep_memory

COUNT = """
import resource, sys, torch
from lsap_cli.jobs.memory import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
def change_frames():
    levels = torch.zeros(40, 3, 256, 340, dtype=torch.uint8)
    numbers = levels.float() / 255
    (numbers.roll(1, 0) + numbers).mul_(127).round_().to(torch.uint8)
def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        change_frames()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(4)
print(faults(12), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
def test_large_blocks_that_were_freed_are_used_again_without_the_system() -> None:
    (returned, low), (kept, high) = (
        map(
            int,
            subprocess.run(
                [sys.executable, "-c", COUNT, how], check=True, capture_output=True, text=True
            ).stdout.split(),
        )
        for how in ("return", "keep")
    )
    assert kept < returned / 5
    assert high < 1.5 * low


@pytest.mark.parametrize("library", [object(), OSError("none")])
def test_where_the_c_library_is_another_one_nothing_happens(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    def load(name: str | None) -> Any:
        if isinstance(library, OSError):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not keep_memory()
