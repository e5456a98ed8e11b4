"""The table of targets, and what is said where a package is missing."""

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.packages import optional_package
from lsap_cli.reports.exports.targets import TARGETS, export_of, export_to
from tests.reports.exports.runs import RUNS

ROOT = Path(__file__).parents[3]
PACKAGES = ("tensorboard", "mlflow", "wandb", "pyarrow", "torch")


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_takes_a_run_and_a_place(target: str) -> None:
    assert list(inspect.signature(export_of(target)).parameters) == ["run", "out"]


@pytest.mark.parametrize(
    ("target", "package"),
    [("tensorboard", "tensorboard"), ("mlflow", "mlflow"), ("wandb", "wandb"), ("parquet", "pyarrow")],
)
def test_a_missing_package_is_one_sentence_with_its_extra(
    target: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (package, "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LsapError, match=rf"needs the package {package} .*pip install 'lsap\[{target}\]'"):
        export_to(target, RUNS["apply"](tmp_path), None)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert any(requirement.startswith(package) for requirement in extras[target])


def test_each_target_has_a_row_in_the_documentation() -> None:
    page = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
    assert [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")] == list(TARGETS)


def test_an_installed_package_is_given() -> None:
    assert optional_package("json", "wandb").dumps([]) == "[]"


def test_tables_of_wandb_hold_plain_texts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its package takes a column of texts and of figures, a subclass of them, for two types, and refuses it."""
    package = MagicMock(Error=RuntimeError)
    monkeypatch.setitem(sys.modules, "wandb", package)
    export_to("wandb", RUNS["defend"](tmp_path), tmp_path / "out")
    tables = [call.kwargs["data"] for call in package.Table.call_args_list]
    assert tables
    assert {type(cell) for table in tables for line in table for cell in line} == {str}


def test_the_dashboard_imports_none_of_the_packages() -> None:
    code = f"import sys, lsap_cli.dashboard.app; print(*[name for name in {PACKAGES!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_help_and_a_plain_report_import_none_of_the_packages(tmp_path: Path) -> None:
    code = (
        "import sys; from lsap_cli.main import app; from typer.testing import CliRunner\n"
        "done = CliRunner().invoke(app, sys.argv[1:]); assert done.exit_code == 0, done.output\n"
        f"print(*[name for name in {PACKAGES!r} if name in sys.modules])"
    )
    run = RUNS["defend"](tmp_path)
    for words in (["report", "--help"], ["report", str(run)]):
        done = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
        assert done.stdout.strip() == ""
