"""Compiled loops run whether or not what was compiled can be kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from defenses.kernels import Kernel

LOOP = """
def add_one(numbers, out):
    for place in range(len(numbers)):
        out[place] = numbers[place] + 1
"""


def loop_in(path: str) -> Callable[..., None]:
    """A loop that is, as numba is told, in a file."""
    names: dict[str, Callable[..., None]] = {}
    exec(compile(LOOP, path, "exec"), names)
    return names["add_one"]


def check(kernel: Kernel) -> None:
    out = np.empty(3)
    kernel(np.arange(3.0), out)
    assert out.tolist() == [1, 2, 3]


def test_a_loop_is_compiled_once_and_kept_for_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "loops.py"
    file.write_text(LOOP)
    kernel = Kernel(loop_in(str(file)))
    check(kernel)
    check(kernel)
    assert list(tmp_path.rglob("*.nbi"))
    assert len(list(tmp_path.rglob("*.nbc"))) == 1


def test_where_no_folder_can_be_written_a_loop_is_compiled_all_the_same() -> None:
    check(Kernel(loop_in("<no file>")))


def test_a_full_disk_does_not_stop_a_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core.caching import FunctionCache

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FunctionCache, "save_overload", no_space)
    file = tmp_path / "loops.py"
    file.write_text(LOOP)
    check(Kernel(loop_in(str(file))))
