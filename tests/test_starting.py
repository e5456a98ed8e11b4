"""Where lsap cannot run, it says so in one sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lsap_cli
from lsap_cli.starting import OWN, why_it_cannot_run

ROOT = Path(lsap_cli.__file__).parents[1]


def started(words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=folder, env=os.environ | environment
    )


def test_here_it_runs() -> None:
    assert why_it_cannot_run() is None


def test_windows_is_refused_in_one_sentence() -> None:
    assert why_it_cannot_run("win32") == (
        "lsap does not run on Windows: it needs Linux's locks and process groups; use WSL or a container"
    )


@pytest.mark.parametrize("words", [["--version"], ["list"], ["generate", "--help"]])
def test_each_command_says_that_it_does_not_run_on_windows(words: list[str], tmp_path: Path) -> None:
    script = f"import sys; sys.platform = 'win32'; sys.argv = ['lsap', *{words!r}]; import lsap_cli.main"
    script = "import typer\n" + script  # imported as on this system
    done = started(["-c", script], tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "does not run on Windows" in done.stderr


@pytest.mark.parametrize("package", OWN)
def test_a_folder_of_the_users_that_hides_a_package_is_named(package: str, tmp_path: Path) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    done = started(["-m", "lsap_cli", "list"], tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"lsap: {tmp_path / package} hides lsap's own package {package}, because Python looks there first: rename it, "
        "or start lsap in another folder, by the command lsap, without PYTHONPATH\n"
    )


def test_a_module_in_pythonpath_that_hides_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "perturbations.py").touch()
    done = started(["-c", "from lsap_cli.main import run; run()"], tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert f"{tmp_path / 'perturbations.py'} hides lsap's own package perturbations" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_code_hides_nothing(tmp_path: Path) -> None:
    """Where Python takes such a folder for the package all the same, as some editable installs do, it is named."""
    (tmp_path / "defenses").mkdir()
    hidden = started(["-c", "from defenses import DEFENSES"], tmp_path).returncode != 0
    done = started(["-m", "lsap_cli", "--version"], tmp_path)
    assert done.returncode == (2 if hidden else 0)
    assert (f"{tmp_path / 'defenses'} hides lsap's own package" in done.stderr) == hidden


def test_a_package_that_was_installed_over_lsaps_is_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "lsap_cli", tmp_path / "lsap_cli", ignore=shutil.ignore_patterns("__pycache__"))
    for package in OWN:
        (tmp_path / package).mkdir()
        shutil.copy(ROOT / package / "__init__.py", tmp_path / package)
    (tmp_path / "defenses" / "__init__.py").write_text("class Shield: ...\n")
    done = started(["-m", "lsap_cli", "list"], tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"lsap: {tmp_path / 'defenses' / '__init__.py'} is not lsap's: another package")


@pytest.mark.parametrize("package", ["defenses", "perturbations"])
@pytest.mark.parametrize("module", ["api", "testing"])
def test_an_import_of_lsap_names_what_hides_a_package_in_one_sentence(
    package: str, module: str, tmp_path: Path
) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    done = started(["-c", f"import lsap_cli.{module}"], tmp_path, PYTHONPATH=str(tmp_path))
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(
        f"ImportError: {tmp_path / package} hides lsap's own package {package}, because Python looks"
    )
