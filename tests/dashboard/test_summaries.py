"""What a run's line in the list says."""

from pathlib import Path

from lsap_cli.dashboard.summaries import RunSummarizer
from lsap_cli.results.events import StageEvent, StepEvent
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


def test_a_run_whose_attackers_learn_says_which_one_and_which_step(tmp_path: Path) -> None:
    summaries = RunSummarizer(tmp_path)
    with Run(tmp_path / "run", "defend", {"model": "demo"}, []) as run:
        run.event(StageEvent(name="learning 3 of 46: knows jpeg", steps=300, seconds=None, attacker=3, attackers=46))
        for number in range(1, 251):  # more than the lines that are looked at for another figure
            run.event(
                StepEvent(
                    number=number, loss=0.5, fooled=1, clips=4, seconds=1.0, progress=0.5, seconds_left=48.0,
                    member="knows jpeg",
                )
            )  # fmt: skip
        assert [one.figure for one in summaries.all()] == ["attacker 3 of 46, step 250 of 300, 0:48 left"]
