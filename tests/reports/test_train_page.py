"""The page of a `train` run."""

import csv
from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.reports.pages import write_page
from lsap_cli.results.events import StageEvent, StepEvent, VerificationEvent
from lsap_cli.results.files import RESULTS_FILE, RUN_FILE, write_document
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.results.training import ClassAccuracy, SplitPart, TrainResults
from tests.reports.exports.runs import facts, write_events


def known(rate: Rate | None) -> Rate:
    assert rate is not None
    return rate


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run with two measurements, a hostile label and a file that was left out."""
    run = tmp_path / "trained"
    run.mkdir()
    write_document(run / RUN_FILE, facts(run, "train", {"family": "tsn", "seed": 3}))
    results = TrainResults(
        out="victim", family="tsn", backbone="resnet18", fit=SplitPart(videos=40, recordings=9),
        held_out=SplitPart(videos=12, recordings=4), accuracy=known(rate_of(9, 12)),
        most_frequent_class=rate_of(6, 12), warnings=("few recordings are held out",),
        classes=(
            ClassAccuracy(label="sit", fit_videos=20, accuracy=rate_of(6, 6)),
            ClassAccuracy(label="<b>run", fit_videos=20, accuracy=rate_of(3, 6)),
        ),
        skipped=(SkippedVideo(path="broken.mp4", reason="it is no video"),),
    )  # fmt: skip
    write_document(run / RESULTS_FILE, results)
    events = [StageEvent(name="training")]
    for number in (1, 2):
        events.append(StepEvent(number=number, loss=2.0 / number, right=float(number), clips=4.0))  # type: ignore[arg-type]  # a list of any event
        events.append(VerificationEvent(step=number, accuracy=rate_of(number, 4)))  # type: ignore[arg-type]  # likewise
    write_events(run, events)
    return run


def test_the_page_has_the_result_its_curves_tables_and_warnings(run: Path) -> None:
    said: list[str] = []
    page = write_page(run, None, said.append).read_text(encoding="utf-8")
    for words in (
        "right about 9 of 12 held-out videos", "few recordings are held out", "verification/accuracy",
        "learning/accuracy of batches", "&lt;b&gt;run", "broken.mp4", "--",
    ):  # fmt: skip
        assert words in page, words
    assert "<script" not in page
    assert "verification/accuracy low" not in page
    assert said == []


def test_its_tables_and_figures_are_files(run: Path) -> None:
    write_page(run, None, lambda _: None)
    header, first, second = csv.reader((run / "tables" / "classes.csv").read_text(encoding="utf-8").splitlines())
    assert header == [
        "class",
        "videos learned from",
        *(f"accuracy{end}" for end in ("", " count", " of", " low", " high")),
    ]
    assert (first[0], first[2:5]) == ("<b>run", ["0.5", "3", "6"])
    assert second[0] == "sit"
    assert (run / "figures" / "verification-accuracy.svg").is_file()
    assert (run / "figures" / "verification-accuracy.pdf").is_file()
    assert r"\caption{" in (run / "tables" / "accuracy.tex").read_text(encoding="utf-8")


def test_a_run_that_is_not_finished_has_no_page(run: Path) -> None:
    (run / RUN_FILE).write_text((run / RUN_FILE).read_text(encoding="utf-8").replace('"done"', '"running"'))
    with pytest.raises(LsapError, match="is running, not done"):
        write_page(run, None, lambda _: None)
