"""The checks of a command without the command: a form that is filled in starts nothing."""

from pathlib import Path

import pytest
import typer

from lsap_cli.commands.checking import ChecksPassed, checks_alone
from lsap_cli.commands.forms import STARTABLE, dashboard_commands
from lsap_cli.commands.options import running
from lsap_cli.main import app as program

WORDS = {
    "demo": [],
    "generate": ["videos", "--model", "demo", "--out", "new.safetensors"],
    "apply": ["r.safetensors", "videos", "copies"],
    "defend": ["videos", "--model", "demo", "--perturbation", "r.safetensors"],
    "train": ["videos", "--family", "tsn", "--backbone", "resnet18", "--out", "trained"],
    "harden": ["videos", "--model", "demo", "--out", "hardened"],
    "study": ["study.toml", "--model", "demo"],
}
STUDY = '[study]\nvideos = "videos"\n\n[[grid]]\nname = "g"\nmodel = ["@each"]\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the commands name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").touch()
    (tmp_path / "r.safetensors").touch()
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


@pytest.mark.parametrize("name", STARTABLE)
def test_a_command_whose_options_are_checked_begins_nothing(place: Path, name: str) -> None:
    before = sorted(place.rglob("*"))
    assert dashboard_commands(typer.main.get_command(program)).check(name, WORDS[name]) is None
    assert sorted(place.rglob("*")) == before


def test_no_run_begins_while_options_are_checked_wherever_a_command_ends_its_checks(place: Path) -> None:
    with checks_alone(), pytest.raises(ChecksPassed), running("generate", place / "run", {}, quiet=True):
        pass
    assert not (place / "run").exists()
