"""What a run's line in the list says."""

from pathlib import Path

from lsap_cli.dashboard.summaries import RunSummarizer
from lsap_cli.results.events import StepEvent
from lsap_cli.runs import Run


def test_a_run_that_goes_on_says_how_much_time_is_left_and_one_that_was_killed_does_not(tmp_path: Path) -> None:
    summaries = RunSummarizer(tmp_path)
    with Run(tmp_path / "run", "generate", {"model": "demo"}, []) as run:
        run.event(StepEvent(number=7, loss=0.5, fooled=1, clips=4, seconds=1.0, progress=0.1, seconds_left=48.0))
        assert [one.figure for one in summaries.all()] == ["step 7, 0:48 left"]
        written = (tmp_path / "run" / "run.json").read_text()
    (tmp_path / "run" / "run.json").write_text(written)  # as if the process had been killed
    (killed,) = summaries.all()
    assert (killed.snapshot.state, killed.figure) == ("killed", "step 7")
