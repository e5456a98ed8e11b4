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
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
def test_a_large_block_that_was_freed_is_used_again_without_the_system() -> None:
    returned, kept = (
        int(subprocess.run([sys.executable, "-c", COUNT, how], check=True, capture_output=True, text=True).stdout)
        for how in ("return", "keep")
    )
    assert kept < 20
    assert returned >= 32  # 64 MiB in pages of 2 MiB at the most


@pytest.mark.parametrize("library", [object(), OSError("none")])
def test_where_the_c_library_is_another_one_nothing_happens(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    def load(name: str | None) -> Any:
        if isinstance(library, OSError):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not keep_memory()
