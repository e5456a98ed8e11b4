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
        (["--to", "pdf"], "needs a run of defend"),
    ],
)
def test_what_cannot_be_is_one_sentence(lsap: Lsap, tmp_path: Path, words: list[str], sentence: str) -> None:
    outcome = lsap("report", RUNS["apply"](tmp_path), *words, cwd=tmp_path)
    assert outcome.code == 2
    assert any(one in outcome.err for one in sentence.split("|"))
    assert len(outcome.err.strip().splitlines()) == 1
