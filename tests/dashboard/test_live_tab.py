"""The Live tab: figures, curves, files and the log of a run while it goes on and when it is done."""

import json
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard import run_reader
from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.panes.live import status_lines
from lsap_cli.dashboard.run_reader import ENDED_SECONDS, READ_EVERY_SECONDS, YIELDING_SECONDS, RunReader
from lsap_cli.dashboard.summaries import RunSummarizer
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.results.events import ClusterEvent, StageEvent, StepEvent, UsageEvent, VerificationEvent
from lsap_cli.results.node_use import NodeUse
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.runs import Run
from lsap_cli.runs.usage import UsageWriter
from tests.dashboard.conftest import WIDE, play, shown_text, until


async def live_tab(pilot: Pilot[None], app: Dashboard) -> None:
    """Opens the tab: a run that has ended shows its results first."""
    await until(pilot, app, "2 Live")
    await pilot.press("2")


def test_a_learning_run_shows_its_figures_and_one_curve_at_a_time(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await live_tab(pilot, app)
        shown = await until(pilot, app, "step 24")
        assert "clips of its batch fooled at step 17" in " ".join(shown.split())
        await until(pilot, app, "verifying on the videos' own frames")  # the log
        await until(pilot, app, "loss")
        shown_curves = []
        for _ in range(5):
            view = next(one for one in app.screen.query(CurveView) if one.has_class("chosen"))
            shown_curves.append(view.kind.name)
            await until(pilot, app, view.kind.about[:20])
            await pilot.press("v")
        assert shown_curves == ["loss", "fooling rate", "coherence", "step size", "clips a second"]

    play(made, act, opened=made / "tour" / "generate")


def test_a_wide_screen_shows_all_curves_and_says_which_are_not_recorded(runs: Path) -> None:
    events = runs / "other" / "events.jsonl"
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    kept = [{key: value for key, value in one.items() if key not in ("coherence", "step_size")} for one in lines]
    events.write_text("".join(json.dumps(one) + "\n" for one in kept))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await live_tab(pilot, app)
        shown = await until(pilot, app, "no coherence is recorded by this run")
        for words in ("no step size is recorded", "fooling rate", "loss", "clips a second"):
            assert words in shown, words

    play(runs, act, WIDE, runs / "other")


def test_coherence_and_step_size_are_drawn_where_a_run_records_them(runs: Path) -> None:
    events = runs / "other" / "events.jsonl"
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    for one in lines:
        if one["kind"] == "step":
            one |= {"coherence": one["number"] / 10, "step_size": 0.01}
    events.write_text("".join(json.dumps(one) + "\n" for one in lines))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await live_tab(pilot, app)
        shown = await until(pilot, app, "coherence 0.60")
        assert "step size 2.55/255" in shown
        assert "recorded by this run" not in shown

    play(runs, act, WIDE, runs / "other")


def test_of_a_lossy_file_apply_shows_how_much_survived_and_how_fast_it_was_written(runs: Path) -> None:
    folder = runs / "tour" / "apply"
    lossy = {
        "kind": "file", "path": "lossy.mp4", "frames": 40, "linf": 23, "l2_rms": 3.5, "exact": False, "cosine": 0.671,
        "energy_kept": 0.52, "seconds": 2.0,
    }  # fmt: skip
    with (folder / "events.jsonl").open("a", encoding="utf-8") as events:
        events.write(json.dumps(lossy) + "\n")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await live_tab(pilot, app)
        await until(pilot, app, "else cosine 0.67 or more")
        await until(pilot, app, "0.67, 0.52")
        row = next(line for line in shown_text(app).splitlines() if "lossy.mp4" in line)
        assert row.split()[1:4] == ["20", "23/255", "3.50/255"]

    play(runs, act, opened=folder)


def test_a_long_run_is_shown_before_all_of_it_is_read(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs / "tour" / "generate"
    whole = RunReader(folder)
    whole.update()
    monkeypatch.setattr(run_reader, "LONG_BYTES", 1)
    watch = RunReader(folder, samples_first=True)
    said = []
    for _ in range(2):
        assert watch.update()
        assert watch.history.last_step == whole.history.last_step
        said.append((watch.is_sample, "still being read" in "\n".join(line.plain for line in status_lines(watch))))
    assert said == [(True, True), (False, False)]
    assert (watch.history.events, list(watch.history.log)) == (whole.history.events, list(whole.history.log))
    for one in (whole, watch):
        one.close()


def test_events_are_on_the_screen_within_half_a_second_and_a_resume_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "live"

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        with Run(folder, "generate", {"model": "demo"}, []) as run:
            run.event(StageEvent(name="learning", steps=1000))
            await until(pilot, app, "▶ live")
            waits = []
            for at in range(1, 6):
                run.event(
                    StepEvent(number=at, loss=0.5, fooled=1, clips=4, seconds=at, progress=at / 10, seconds_left=61.0)
                )
                start = time.monotonic()
                shown = await until(pilot, app, f"step {at} ")
                waits.append(time.monotonic() - start)
            assert "1:01 left" in shown
            assert sorted(waits)[2] < 0.5
        await until(pilot, app, "✓ done")

    (tmp_path / "runs").mkdir()
    folder.mkdir()
    play(tmp_path / "runs", act, opened=folder)


def test_it_reads_rarely_while_a_run_needs_all_cores_but_a_demo_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(UsageWriter, "start", lambda _: None)  # what it uses is written below
    readers = [RunReader(tmp_path / "run", yields=yields) for yields in (True, False)]
    with Run(tmp_path / "run", "generate", {"model": "demo"}, []) as run:
        run.event(StageEvent(name="learning", steps=100))
        for percent, pauses in ((185.0, [YIELDING_SECONDS, READ_EVERY_SECONDS]), (120.0, [READ_EVERY_SECONDS] * 2)):
            run.event(UsageEvent(memory_bytes=1, cpu_percent=percent))
            for reader in readers:
                reader.update()
            assert [reader.pause(0.0) for reader in readers] == pauses
    for reader in readers:
        reader.update()
        reader.close()
    assert [reader.pause(0.0) for reader in readers] == [ENDED_SECONDS] * 2


def test_it_says_that_it_is_drawn_rarely_and_draws_again_at_once_when_cores_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(UsageWriter, "start", lambda _: None)  # what it uses is written below
    monkeypatch.setattr(run_reader, "YIELDING_SECONDS", 0.2)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "processor 185 %")
        await until(pilot, app, "drawn every 5 s")
        run.event(UsageEvent(memory_bytes=1, cpu_percent=120.0))
        await until(pilot, app, "processor 120 %")
        assert "drawn every 5 s" not in await until(pilot, app, "generate")

    with Run(tmp_path / "run", "generate", {"model": "demo"}, []) as run:
        run.event(StageEvent(name="learning", steps=100))
        run.event(UsageEvent(memory_bytes=1, cpu_percent=185.0))
        play(tmp_path, act, opened=tmp_path / "run")


def test_a_matrix_fills_up_while_videos_are_judged(runs: Path) -> None:
    records = (runs / "second" / "records.jsonl").read_text().splitlines()
    folder = runs / "filling"

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        with Run(folder, "defend", {"model": "demo"}, []) as run:
            run.event(StageEvent(name="evaluating", videos=8))
            (folder / "records.jsonl").write_text("\n".join(records[: len(records) // 4]) + "\n")
            await until(pilot, app, "2/2")
            with (folder / "records.jsonl").open("a") as file:
                file.write("\n".join(records[len(records) // 4 :]) + "\n")
            await until(pilot, app, "8/8")
            await pilot.press("1")
            await until(pilot, app, "The matrix is filling up: 8 videos judged so far")

    folder.mkdir()
    play(runs, act, opened=folder)


def test_the_nodes_of_a_cluster_are_shown_with_their_tasks_and_rates(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        shown = await until(pilot, app, "node-7: 1 of 2 workers at work, 12 tasks done, 4 tasks/s")
        assert "18 workers on 9 nodes, 12 tasks done, 4 tasks/s" in shown
        assert "and 5 nodes more" in shown

    with Run(tmp_path / "run", "apply", {}, []) as run:
        run.event(StageEvent(name="applying", files=20))
        idle = [NodeUse(name=f"node-{number}", workers=2) for number in range(8)]
        busy = NodeUse(name="node-7", workers=2, running=1, done=12, tasks_per_second=4.0)
        run.event(ClusterEvent(nodes=(busy, *idle)))
        play(tmp_path, act, opened=tmp_path / "run")


def write_training(folder: Path, command: str = "train") -> None:
    """A run of `train` that goes on, as its events tell it."""
    with Run(folder, command, {}, []) as run:
        run.event(VerificationEvent(step=0, loss=0.7, accuracy=rate_of(3, 8)))
        run.event(StageEvent(name="training", steps=80, seconds=None))
        for number in range(1, 41):
            run.event(
                StepEvent(
                    number=number, loss=1 / number, clips=4.0, right=3.0, learning_rate=0.001 / number,
                    seconds=number / 10, progress=number / 80, seconds_left=4.0,
                )
            )  # fmt: skip
            if number % 20 == 0:
                run.event(VerificationEvent(step=number, loss=0.3, accuracy=rate_of(4 + number // 20, 8)))


@pytest.mark.parametrize(
    ("by_sampler", "words"),
    [
        (
            {"random": rate_of(8, 10), "uniform": rate_of(2, 10)},
            "unseen videos fooled 0.20 (0.06–0.51) with uniform to 0.80 (0.49–0.94) with random, n 10",
        ),
        ({"uniform": rate_of(2, 10)}, "unseen videos fooled 0.20 (0.06–0.51, n 10)"),
    ],
)
def test_the_newest_verification_stands_with_its_lowest_and_its_highest_sampler(
    tmp_path: Path, by_sampler: dict[str, Rate], words: str
) -> None:
    with Run(tmp_path / "run", "generate", {}, []) as run:
        run.event(StepEvent(number=4, loss=1.0, clips=4.0))
        run.event(VerificationEvent(step=4, fooled=rate_of(2, 10), by_sampler=by_sampler))
    reader = RunReader(tmp_path / "run")
    reader.update()
    assert words in "\n".join(line.plain for line in status_lines(reader))
    reader.close()


def test_a_network_in_training_shows_its_accuracy_and_its_own_curves(tmp_path: Path) -> None:
    write_training(tmp_path / "trained")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await live_tab(pilot, app)
        shown = " ".join((await until(pilot, app, "step 40")).split())
        assert "3/4 clips of its batch right" in shown
        assert "unseen videos right 0.75 (0.41–0.93, n 8)" in shown
        await until(pilot, app, "accuracy on 8 unseen videos 0.75")  # the log
        kinds = []
        for _ in range(4):
            view = next(one for one in app.screen.query(CurveView) if one.has_class("chosen"))
            kinds.append(view.kind.name)
            await until(pilot, app, view.kind.about[:20])
            await pilot.press("v")
        assert kinds == ["training loss", "accuracy", "learning rate", "clips a second"]

    play(tmp_path, act, opened=tmp_path / "trained")


def test_a_network_that_is_hardened_shows_the_curves_of_a_training(tmp_path: Path) -> None:
    write_training(tmp_path / "hardened", "harden")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await live_tab(pilot, app)
        shown = " ".join((await until(pilot, app, "step 40")).split())
        assert "3/4 clips of its batch right" in shown
        chosen = next(one for one in app.screen.query(CurveView) if one.has_class("chosen"))
        assert chosen.kind.name == "training loss"

    play(tmp_path, act, opened=tmp_path / "hardened")


def test_a_wide_screen_shows_the_curves_of_training_and_no_others(tmp_path: Path) -> None:
    write_training(tmp_path / "trained")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await live_tab(pilot, app)
        shown = await until(pilot, app, "learning rate")
        assert all(words in shown for words in ("training loss", "accuracy", "clips a second"))
        assert "fooling rate" not in shown
        assert "coherence" not in shown

    play(tmp_path, act, WIDE, tmp_path / "trained")


def test_the_list_shows_a_training_with_its_newest_accuracy_and_the_curve_of_its_loss(tmp_path: Path) -> None:
    write_training(tmp_path / "trained")
    (summary,) = RunSummarizer(tmp_path).all()
    assert summary.figure == "top-1 0.75 (0.41–0.93)"
    assert len(summary.curve) > 5
