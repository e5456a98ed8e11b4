"""One bar and one time left for all stages of a run that goes on."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.panes.live import status_lines
from lsap_cli.dashboard.run_progress import run_progress
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.results.events import ExpectedStage, PlanEvent, StageEvent, StepEvent, VerificationEvent, VideoEvent
from lsap_cli.results.rates import rate_of
from lsap_cli.runs import Run
from lsap_cli.runs.whole_progress import NOT_KNOWN
from tests.dashboard.conftest import play, until, until_true


def write_planned_run(run: Run, clock: Callable[[float], None]) -> None:
    """A `generate` that has learned for 80 s, after 10 s of loading, and has verified 2 of 10 videos in 8 s."""
    run.event(StageEvent(name="loading the model"))
    clock(10.0)
    run.event(
        PlanEvent(stages=(ExpectedStage(stage="learning", clips=800), ExpectedStage(stage="verifying", clips=400)))
    )
    run.event(StageEvent(name="learning", steps=40))
    for number in range(1, 41):
        clock(10.0 + 2 * number)
        run.event(StepEvent(number=number, loss=0.5, clips=4, progress=number / 40, seconds_left=2.0 * (40 - number)))
    run.event(StageEvent(name="verifying on frames", videos=10))
    for number in (1, 2):
        clock(90.0 + 4 * number)
        run.event(VideoEvent(path=f"{number}.mp4"))


def test_one_bar_and_one_time_left_are_of_all_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)

    def clock(passed: float) -> None:
        nonlocal now
        now = 1000.0 + passed

    with Run(tmp_path / "run", "generate", {"model": "demo"}, []) as run:
        reader = RunReader(tmp_path / "run")
        run.event(StageEvent(name="decoding", videos=10))
        run.event(VideoEvent(path="a.mp4"))
        reader.update()
        assert run_progress(reader).share is None
        assert NOT_KNOWN in status_lines(reader)[0].plain, "the time that decoding takes is not that of the run"
        write_planned_run(run, clock)
        reader.update()
        progress = run_progress(reader)
        assert progress.left is not None
        assert progress.left == pytest.approx(32.0, abs=3.0), "8 of 10 videos at 4 s each"
        assert progress.share == pytest.approx(98 / (98 + progress.left), abs=0.05)
        lines = "\n".join(line.plain for line in status_lines(reader))
        assert "verifying on frames · 2 of 10" in lines
        assert lines.count(" left") == 1
        again = RunReader(tmp_path / "run")
        again.update()
        assert run_progress(again).left == pytest.approx(progress.left, abs=3.0), "also where all is read at once"
        for one in (reader, again):
            one.close()


def test_a_run_that_learns_is_seen_on_its_results_tab_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "▶ live")
        await pilot.press("1")
        shown = await until(pilot, app, "unseen videos fooled so far")
        assert "verifying on frames" in shown
        assert re.search(r"after step +20 +0.50  5/10", shown)
        assert "0.24–0.76 uniform to 0.80 8/10 0.49–0.94 random" in re.sub(r"\s+", " ", shown)
        assert shown.count(" left") == 1
        assert "━" in shown

    began, passed = time.time() - 100, 0.0  # the run is as old as its events say
    with Run(tmp_path / "run", "generate", {"model": "demo"}, []) as run:
        monkeypatch.setattr(time, "time", lambda: began + passed)

        def clock(seconds: float) -> None:
            nonlocal passed
            passed = seconds

        write_planned_run(run, clock)
        counts = {"random": 8, "uniform": 5}
        by_sampler = {name: rate for name, count in counts.items() if (rate := rate_of(count, 10))}
        run.event(VerificationEvent(step=20, fooled=rate_of(5, 10), by_sampler=by_sampler))
        monkeypatch.undo()
        play(tmp_path, act, opened=tmp_path / "run")


def test_the_attacker_that_learns_is_counted_with_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    with Run(tmp_path / "run", "defend", {"model": "demo"}, []) as run:
        run.event(StageEvent(name="learning 1 of 4: a", steps=300, seconds=None, attacker=1, attackers=4))
        run.event(StepEvent(number=300, clips=4, progress=1.0, seconds_left=90.0, member="a"))
        run.event(StageEvent(name="learning 2 of 4: b", steps=300, seconds=None, attacker=2, attackers=4))
        reader = RunReader(tmp_path / "run")
        reader.update()
        assert "step" not in status_lines(reader)[0].plain, "the step of the last attacker is none of this one"
        run.event(StepEvent(number=75, clips=4, progress=0.25, member="b"))
        reader.update()
        assert run_progress(reader).share == (1 + 0.25) / 4, "by steps where no time left is told"
        now = 1020.0
        run.event(StepEvent(number=150, clips=4, progress=0.5, seconds_left=60.0, member="b"))
        reader.update()
        first = status_lines(reader)[0].plain
        assert "attacker 2 of 4: b" in first
        assert "step 150 of 300" in first
        assert "1:00 left" in first
        assert run_progress(reader).share == 20 / (20 + 60), "by time, so that it agrees with the time left"


def test_while_attackers_learn_the_log_has_the_room_of_the_matrix_that_is_empty_yet(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        shown = await until(pilot, app, "attacker 2 of 4: b")
        await until_true(pilot, lambda: not app.screen.query_one("#live-matrix").display)
        await until_true(pilot, lambda: app.screen.query_one("#live-pane #log").size.height > 10)
        assert "defense" not in shown

    with Run(tmp_path / "run", "defend", {"model": "demo"}, []) as run:
        run.event(StageEvent(name="learning 2 of 4: b", steps=300, seconds=None, attacker=2, attackers=4))
        play(tmp_path, act, opened=tmp_path / "run")
