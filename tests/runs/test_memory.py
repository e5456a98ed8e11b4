"""The allocator keeps what is freed; counted in page faults, by which the system gives memory."""

import ctypes
import platform
import subprocess
import sys
from typing import Any

import pytest

from lsap_cli.runs.memory import give_back_memory, keep_memory

COUNT = """
import resource, sys, numpy
from lsap_cli.runs.memory import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
def change_frames():
    levels = numpy.full((40, 3, 256, 340), 7, numpy.uint8)
    floats = levels.astype(numpy.float32) / 255
    ((numpy.roll(floats, 1, 0) + floats) * 127).round().astype(numpy.uint8)
def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        change_frames()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(4)
print(faults(12), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

GROW = """
import sys, time, numpy
from lsap_cli.runs import memory
memory.EVERY = 0.01
if sys.argv[1] == "keep":
    assert memory.keep_memory(2**30) and memory.keep_memory(2**30)  # an eighth of it stays
small, most = [], 0
for count in range(1, 300):  # each block is larger than every gap before it, and something small stays behind it
    block = numpy.ones(2**17 + 2**12 * count, numpy.float32)
    small.append(numpy.ones(2**10, numpy.float32))
    most = max(most, memory._resident_bytes())
    time.sleep(0.005)
print(most)
"""
AFTER_WORK = """
import sys, time, numpy
from lsap_cli.runs import memory
memory.EVERY = memory.SECONDS_BETWEEN_LOOKS = 0.01
if sys.argv[1] == "short":
    left = iter([100])
    memory.free_memory = lambda: next(left, 9)
assert memory.keep_memory()
before = memory._resident_bytes()
blocks = [numpy.ones(2**22, numpy.float32) for _ in range(16)]  # 256 MB, below what is given back by itself
kept = numpy.ones(2**10, numpy.float32)
del blocks
if sys.argv[1] == "asked":
    memory.give_back_memory()
time.sleep(1.0)
print(memory._resident_bytes() - before)
"""
glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")


def run_both(script: str) -> list[list[int]]:
    """The numbers that a script prints, without and with kept memory."""
    command = [sys.executable, "-c", script]
    made = [subprocess.run([*command, how], check=True, capture_output=True, text=True) for how in ("return", "keep")]
    return [[int(number) for number in one.stdout.split()] for one in made]


@glibc_only
def test_what_no_block_fits_into_is_given_back() -> None:
    (low,), (high,) = run_both(GROW)
    assert high < low + 2**28  # about 800 MB of gaps would be left behind


@glibc_only
def test_large_blocks_that_were_freed_are_used_again_without_the_system() -> None:
    (returned, low), (kept, high) = run_both(COUNT)
    assert kept < returned / 5
    assert high < 1.5 * low


@glibc_only
@pytest.mark.parametrize(("how", "given_back"), [("kept", False), ("asked", True), ("short", True)])
def test_what_is_free_is_given_back_when_asked_and_where_the_system_is_short(how: str, given_back: bool) -> None:
    command = [sys.executable, "-c", AFTER_WORK, how]
    left = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert (left < 2**26) == given_back


@pytest.mark.parametrize("library", [object(), OSError("none")])
def test_where_the_c_library_is_another_one_nothing_happens(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    def load(name: str | None) -> Any:
        if isinstance(library, OSError):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not keep_memory()
    give_back_memory()
