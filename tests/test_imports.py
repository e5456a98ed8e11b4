import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video
from tests.classifiers.cards import write_card

HEAVY = ("torch", "torchvision", "av", "numpy", "matplotlib", "jinja2", "safetensors", "PIL", "textual", "cv2", "numba")
AT_START = ("msgspec", *HEAVY)  # files of runs need it, and it is quick; help needs nothing
SHOW = "import sys; print(*[name for name in {heavy} if name in sys.modules])"


def loaded_after(code: str, heavy: tuple[str, ...] = HEAVY) -> str:
    """Which of the heavy packages are loaded in a new process that has run `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{SHOW.format(heavy=heavy)}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_commands_are_known_without_anything_heavy() -> None:
    assert loaded_after("import lsap_cli.main", AT_START) == ""


@pytest.mark.parametrize(
    "command",
    ["", "generate", "apply", "defend", "train", "harden", "study", "models", "report", "demo", "dashboard", "list"],
)
def test_help_is_built_without_anything_heavy(command: str) -> None:
    arguments = [*command.split(), "--help"]
    code = (
        "from typer.testing import CliRunner\n"
        "from lsap_cli.main import app\n"
        f"result = CliRunner().invoke(app, {arguments})\n"
        "assert result.exit_code == 0, result.output\n"
        "assert 'Usage' in result.output"
    )
    assert loaded_after(code, AT_START) == ""


def test_a_model_card_and_its_files_are_checked_without_torch(tmp_path: Path) -> None:
    card = write_card(tmp_path, sampling__sampler="uniform", weights="weights.pth")
    (tmp_path / "weights.pth").touch()
    assert loaded_after(f"from lsap_cli.commands.arguments import model; model({str(card)!r})") == ""


@pytest.mark.parametrize("module", ["defenses", "lsap_cli.jobs.defend", "lsap_cli.dashboard.app"])
def test_opencv_and_numba_are_imported_when_a_defense_needs_them(module: str) -> None:
    assert loaded_after(f"import {module}", ("cv2", "numba")) == ""


def test_run_folders_need_no_torch() -> None:
    assert loaded_after("import lsap_cli.runs.run") == ""


def test_a_set_of_videos_is_shown_without_torch(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", torch.zeros(2, 3, 32, 32, dtype=torch.uint8), Fraction(25), H264Codec())
    code = (
        "from typer.testing import CliRunner\n"
        "from lsap_cli.main import app\n"
        f"result = CliRunner().invoke(app, ['datasets', 'show', {str(tmp_path)!r}, '--json'])\n"
        "assert '\"32x32\"' in result.output, result.output"
    )
    assert loaded_after(code, ("torch", "torchvision")) == ""


def test_reports_need_no_torch() -> None:
    code = "import lsap_cli.reports.html, lsap_cli.reports.tables, lsap_cli.reports.plots, lsap_cli.pictures.drawing"
    assert loaded_after(code, ("torch", "torchvision", "av")) == ""


@pytest.mark.parametrize("side", ["perturbations", "defenses"])
def test_the_two_sides_know_neither_each_other_nor_the_shell(side: str) -> None:
    other = "defenses" if side == "perturbations" else "perturbations"
    code = (
        f"import importlib, pkgutil, {side}\n"
        f"for module in pkgutil.walk_packages({side}.__path__, '{side}.'): importlib.import_module(module.name)"
    )
    assert loaded_after(code, (other, "lsap_cli", "typer", "rich")) == ""
    if side == "perturbations":
        assert loaded_after(code, ("av",)) == ""  # the defenses have codecs
