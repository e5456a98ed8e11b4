"""A CUDA device that cannot be there is refused before torch is imported."""

import importlib.util
import sys
from pathlib import Path

import pytest

from lsap_cli import cuda_devices as module
from lsap_cli.commands.arguments import device
from lsap_cli.cuda_devices import why_no_device
from lsap_cli.errors import LsapError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a torch for CUDA and two devices; a test changes one thing of it."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(module, "DEVICES", tmp_path)
    monkeypatch.setattr(module, "_is_built_without_cuda", lambda: False)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.usefixtures("machine")
def test_numbers_of_devices_that_are_there_are_taken() -> None:
    assert (why_no_device(0), why_no_device(1)) == (None, None)
    assert why_no_device(2) == "there are 2 CUDA devices, numbered from 0"


def test_a_machine_without_a_device_has_none(machine: Path) -> None:
    for one in machine.glob("nvidia*"):
        one.unlink()
    assert why_no_device(0) == "there is no CUDA device here; use --device cpu"
    with pytest.raises(LsapError, match="--device cuda:0: there is no CUDA device here"):
        device("cuda:0")
    (machine / "dxg").touch()  # WSL shows its devices in another way
    assert why_no_device(0) is None


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("visible", "number", "refused"), [("", 0, True), ("-1", 0, True), ("1", 0, False), ("1", 1, True)]
)
def test_what_the_environment_hides_is_not_there(
    monkeypatch: pytest.MonkeyPatch, visible: str, number: int, refused: bool
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert (why_no_device(number) is not None) == refused


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", True),
        ("cuda = None\n", True),
        ("cuda: Optional[str] = '13.2'\nhip: Optional[str] = None\n", False),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n", False),
    ],
)
def test_a_torch_for_processors_alone_is_told_by_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, without: bool
) -> None:
    (tmp_path / "version.py").write_text(text)

    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: Found())
    problem = why_no_device(0)
    assert ("made for processors alone" in (problem or "")) == without


def test_words_that_are_no_device_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(LsapError, match=r"--device cdua is unknown; use auto, cpu, cuda or cuda:N.*cuda"):
        device("cdua")
