"""`lsap report --to`, from the command line."""

from pathlib import Path

import pytest

from tests.commands.conftest import Lsap
from tests.reports.exports.runs import RUNS


def test_several_runs_go_to_one_folder_of_logs(lsap: Lsap, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    runs = [RUNS["generate"](tmp_path), RUNS["apply"](tmp_path)]
    (tmp_path / "r.safetensors").unlink()
    outcome = lsap("report", *runs, "--to", "tensorboard", "--out", tmp_path / "logs")
    assert outcome.code == 0, outcome.err
    assert outcome.out.split() == [str(tmp_path / "logs" / run.name) for run in runs]
    assert outcome.err.count("is not there any more") == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--to", "tensorbord"], "Did you mean tensorboard?"),
        (["--to", "pdf", "--to", "parquet", "--out", "x"], "one RUN and one --to"),
        (["--to", "mlflow", "--out", "x"], "lsap[mlflow]|MLFLOW_TRACKING_URI"),
        (["--out", "page"], "use page.html"),
        (["--out", "page.pdf"], "use page.html"),
        (["--to", "pdf", "--out", "page.html"], "use page.pdf"),
        (["--to", "parquet", "--out", "records"], "use records.parquet"),
    ],
)
def test_what_cannot_be_is_one_sentence(lsap: Lsap, tmp_path: Path, words: list[str], sentence: str) -> None:
    outcome = lsap("report", RUNS["apply"](tmp_path), *words, cwd=tmp_path)
    assert outcome.code == 2
    assert any(one in outcome.err for one in sentence.split("|"))
    assert len(outcome.err.strip().splitlines()) == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("page", "records"))]


@pytest.mark.parametrize(("command", "heading"), [("generate", "How it was learned"), ("apply", "Perturbed files")])
def test_a_run_of_another_command_has_a_page_with_its_tables_and_curves(
    command: str, heading: str, lsap: Lsap, tmp_path: Path
) -> None:
    run = RUNS[command](tmp_path)
    outcome = lsap("report", run)
    assert outcome.code == 0, outcome.err
    assert outcome.out.strip() == str(run / "report.html")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert heading in page
    assert "Settings and versions" in page
    assert "http" not in page.partition("</style>")[2].replace("http-equiv", "")
    assert list((run / "tables").glob("*.csv"))
    figures = list((run / "figures").glob("*"))
    assert len(figures) == 2 * page.count("<svg")


@pytest.mark.parametrize("folder", ["tables", "figures"])
def test_a_file_in_the_place_of_a_folder_is_one_sentence(lsap: Lsap, tmp_path: Path, folder: str) -> None:
    run = RUNS["generate"](tmp_path)
    (run / folder).write_text("mine")
    outcome = lsap("report", run)
    assert outcome.code == 1
    assert f"{run / folder} is no folder, and one is needed there; remove it" in outcome.err
    assert (run / folder).read_text() == "mine"


def test_a_folder_in_the_place_of_a_file_is_one_sentence_that_names_it(lsap: Lsap, tmp_path: Path) -> None:
    run = RUNS["generate"](tmp_path)
    (run / "report.html").mkdir()
    outcome = lsap("report", run)
    assert outcome.code == 1
    assert f"{run / 'report.html'} cannot be read or written (Is a directory)" in outcome.err
