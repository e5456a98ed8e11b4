import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, OptionList

from lsap_cli.dashboard import run_reader
from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.panes.facts import facts_text
from lsap_cli.dashboard.panes.live import status_lines
from lsap_cli.dashboard.panes.pictures import PicturesPane
from lsap_cli.dashboard.panes.robustness import RobustnessPane
from lsap_cli.dashboard.run_reader import READ_EVERY_SECONDS, YIELDING_SECONDS, RunReader
from lsap_cli.dashboard.screens.cell import CellScreen
from lsap_cli.dashboard.screens.compare import CompareScreen
from lsap_cli.dashboard.screens.dialogs import PickRun
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.results.detectors import DetectorRow, RocCurve
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.events import StageEvent, StepEvent, UsageEvent
from lsap_cli.results.files import read_results, write_document
from lsap_cli.results.ladders import Check, DefenseLadder, LadderRung
from lsap_cli.results.rates import Estimate, Rate, rate_of
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import SamplerTransfer
from lsap_cli.runs import Run
from lsap_cli.runs.usage import UsageWriter
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true


def clock_of(seconds: float) -> Callable[[], bool]:
    """True once so much time has passed: for what must not happen meanwhile."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def test_a_learning_run_shows_its_figures_and_one_curve_at_a_time(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        shown = await until(pilot, app, "step 24")
        assert "of its clips fooled" in shown
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


# a tab's key: words that are there when it is drawn
TABS = {"generate": ("step 24", "fooling rate", "slot", "status done", "command line"),
        "apply": ("exactly", "apply measures files", "Look", "applying", "command line"),
        "defend": ("evaluating", "95 % interval", "of 4", "evaluating", "command line"),
        "checked": ("device", "tests a network", "no pictures", "end", "command line")}  # fmt: skip


def test_every_tab_of_every_kind_of_finished_run_opens(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "7 runs")
        for folder in ("tour", "tour/generate", "tour/apply", "tour/defend", "checked"):
            app.open_run(made / folder)
            await until(pilot, app, "✓ done")
            for key, words in zip("12345", TABS.get(Path(folder).name, TABS["defend"]), strict=True):
                await pilot.press(key)
                assert "cannot be drawn" not in await until(pilot, app, words)
            await pilot.press("escape")

    play(made, act)


def test_apply_shows_its_files_with_what_a_reader_finds_in_them(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        shown = await until(pilot, app, "exactly")
        assert "8/255" in shown
        assert app.screen.query_one("#files", DataTable).row_count == 8
        await pilot.press("2")
        await until(pilot, app, "apply measures files, not a model")

    play(made, act, opened=made / "tour" / "apply")


def test_the_matrix_can_be_read_without_color_and_its_cells_open(made: Path) -> None:
    rows = json.loads((made / "second" / "results.json").read_text())["rows"]

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("2")
        shown = await until(pilot, app, "95 % interval")
        first = next(row for row in rows if row["sampler"] == "uniform" and row["attack"] == "noise")
        found = first["attacked_accuracy"]
        assert f"{found['value']:.2f} {found['count']}/{found['of']}" in shown
        await pilot.press("s")
        await until(pilot, app, "sampler random (2 of 2")
        await pilot.press("m")
        await until(pilot, app, "fooling rate  sampler random")
        await pilot.press("right", "right", "right", "enter")
        shown = await until(pilot, app, "8 videos")
        assert isinstance(app.screen, CellScreen)
        assert "sampler random" in shown
        assert "clean accuracy, same defense" in shown
        assert "adaptive ladder: none was measured" in shown
        table = app.screen.query_one("#videos", DataTable)
        assert table.row_count == 8
        assert [str(one.label) for one in table.columns.values()][:3] == ["video", "outcome", "now"]
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)

    play(made, act, opened=made / "second")


def test_a_run_says_plainly_what_it_does_not_have(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("2")
        for words in ("no checks", "no adaptive ladder", "no detectors"):
            await until(pilot, app, f"This run has {words}")

    play(made, act, WIDE, made / "second")


def test_checks_ladder_sampler_matrix_and_roc_are_shown_where_a_run_has_them(runs: Path) -> None:
    path = runs / "second" / "results.json"
    results = read_results(path).value
    assert isinstance(results, DefendResults)
    attacked = Row(
        attack="A2 true gradient",
        defense="jpeg:quality=75",
        sampler="uniform",
        videos=8,
        attacked_accuracy=rate_of(3, 8),
    )
    found = msgspec.structs.replace(
        results,
        checks=(Check(name="iterative beats single-step", status="WARN", figure="0.50 against 0.55", sentence="why"),),
        ladder=(DefenseLadder(
            defense="jpeg:quality=75", rungs=(LadderRung(rung="A2", attack="A2 true gradient", rows=(attacked,)),)),
        ),
        sampler_matrix=(
            SamplerTransfer(
                attack="r",
                fit=("segments",),
                rates={"uniform": Rate(value=0.75, count=6, of=8, low=0.41, high=0.93)},
            ),
        ),
        detectors=(DetectorRow(
            detector="sparse-dense", attack="r", clean_videos=8, attacked_videos=8,
            auc=Estimate(value=0.93, low=0.8, high=0.99),
            curve=RocCurve(false_positive_rate=(0, 0.1, 1), true_positive_rate=(0, 0.8, 1))),
        ),
    )  # fmt: skip
    write_document(path, found)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("2")
        shown = await until(pilot, app, "iterative beats single-step")
        for words in ("WARN", "0.50 against 0.55", "A2 true gradient", "accuracy 0.38 (3/8", "segments",
                      "0.75 0.41–0.93", "sparse-dense", "auc 0.93 (0.80–0.99)"):  # fmt: skip
            assert words in shown, words
        assert app.screen.query_one("#roc").display
        app.screen.query_one("#matrix").focus()
        await pilot.press("down", "enter")
        await until(pilot, app, "A2 true gradient")
        assert isinstance(app.screen, CellScreen)

    play(runs, act, WIDE, runs / "second")


def test_a_small_screen_shows_the_matrix_and_pages_on_to_what_was_found(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("2")
        shown = await until(pilot, app, "no defense")
        assert "jpeg:quality=75" in shown
        pane = app.screen.query_one(RobustnessPane)
        assert pane.max_scroll_y > 0
        assert app.screen.query_one("#matrix").has_focus
        await pilot.press("pagedown")
        await until(pilot, app, "no adaptive ladder")
        assert pane.scroll_y > 0
        await pilot.press("pageup")
        await until(pilot, app, "no attack")
        assert pane.scroll_y == 0

    play(made, act, (80, 16), made / "second")


def test_the_slots_and_the_frames_play_and_stop_and_step(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("3")
        shown = await until(pilot, app, "of 8")
        assert "binding cyclic:8" in shown
        assert "▀" in shown
        look = app.screen.query_one(PicturesPane)
        assert [film.title for film in look.films][:1] == ["the perturbation"]
        assert len(look.films) == 4
        await pilot.press("space")
        await until(pilot, app, "paused")
        now = look.frame
        await until_true(pilot, clock_of(1.0))
        assert look.frame == now, "a paused film stands still"
        await pilot.press("right")
        assert look.frame == (now + 1) % 8
        await pilot.press("left", "left")
        assert look.frame == (now - 1) % 8
        await pilot.press("down")
        shown = await until(pilot, app, "frame 1 of 16")
        assert "the model sees" in shown
        assert "times as strong" in shown
        await until(pilot, app, "before")
        await pilot.press("v")
        await until(pilot, app, "after")
        await pilot.press("v")
        await until(pilot, app, "difference")
        await pilot.press("space")
        frame = look.frame
        await until_true(pilot, lambda: look.frame != frame)

    play(made, act, opened=made / "tour" / "defend")


def test_films_that_nobody_sees_stand_still(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("3")
        await until(pilot, app, "of 8")
        pictures = app.screen.query_one(PicturesPane)
        await until_true(pilot, lambda: pictures.frame > 0)
        await pilot.press("1")
        await until(pilot, app, "evaluating")
        frame = pictures.frame
        await until_true(pilot, clock_of(1.0))
        assert pictures.frame == frame

    play(made, act, opened=made / "tour" / "defend")


def test_on_a_wide_screen_the_three_sides_stand_beside_each_other(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("3", "space", "down")
        shown = await until(pilot, app, "frame")
        assert any("before" in line and "after" in line and "difference" in line for line in shown.split("\n"))

    play(made, act, WIDE, made / "tour" / "defend")


def test_a_demo_shows_its_newest_part_until_another_is_chosen(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "▸defend")
        await pilot.press("left_square_bracket")
        await until(pilot, app, "▸apply")
        await pilot.press("left_square_bracket")
        await until(pilot, app, "▸generate")
        await until(pilot, app, "step 24")
        await pilot.press("right_square_bracket")
        await until(pilot, app, "▸apply")

    play(made, act, opened=made / "tour")


def test_the_log_and_the_facts(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Robustness")
        await pilot.press("4")
        await until(pilot, app, "evaluating")
        await pilot.press("5")
        shown = await until(pilot, app, "Settings")
        for words in ("command line", "jpeg:quality=75", "records.jsonl", "Result: protocol"):
            assert words in shown, words

    play(made, act, (120, 160), made / "second")


def test_a_run_is_compared_with_one_that_is_picked(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("enter")
        await until(pilot, app, "Robustness")
        await pilot.press("c")
        await until_true(pilot, lambda: isinstance(app.screen, PickRun))
        app.screen.query_one(OptionList).focus()
        await pilot.press("down", "enter")
        await until_true(pilot, lambda: isinstance(app.screen, CompareScreen))

    play(made, act)


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
            await pilot.press("2")
            await until(pilot, app, "The matrix is filling up: 8 videos judged so far")

    folder.mkdir()
    play(runs, act, opened=folder)


@pytest.mark.parametrize(("handler", "state"), [("default_int_handler", "■ stopped"), ("SIG_IGN", "! killed")])
def test_a_run_is_stopped_from_the_screen_also_where_it_does_not_hear_ctrl_c(
    runs: Path, handler: str, state: str
) -> None:
    folder = runs / "endless"
    code = (
        "import signal, time; from pathlib import Path; from lsap_cli.runs import Run\n"
        f"signal.signal(signal.SIGINT, signal.{handler})\n"
        f"with Run(Path({str(folder)!r}), 'generate', {{}}, []):\n"
        "    print('on', flush=True)\n    time.sleep(300)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "▶ live")
        await pilot.press("x")
        await until(pilot, app, "Stop endless?")
        await pilot.press("n")
        assert process.poll() is None
        await pilot.press("x")
        await until(pilot, app, "Stop endless?")
        await pilot.press("y")
        await until(pilot, app, state)

    try:
        play(runs, act, opened=folder)
        process.wait(20)
    finally:
        process.kill()
    facts = json.loads((folder / "run.json").read_text())
    assert facts["status"] == ("interrupted" if state == "■ stopped" else "running")


def test_the_facts_of_a_killed_run_have_the_time_until_its_last_event(runs: Path) -> None:
    path = runs / "second" / "run.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "status": "running", "finished": None}))
    reader = RunReader(runs / "second")
    reader.update()
    assert re.search(r"took +\d+:\d\d\n", facts_text(reader).plain)
    reader.close()


def test_no_size_breaks_a_screen(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Live")
        for size in ((40, 12), (160, 48), (80, 24), (200, 60)):
            await pilot.resize_terminal(*size)
            for key in "12345":
                await pilot.press(key)
                assert "cannot be drawn" not in shown_text(app)
            if size[0] >= 80:
                await until(pilot, app, "command line")

    play(made, act, SMALL, made / "second")


def test_shutting_a_run_screen_ends_its_thread(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Live")
        screen = app.screen
        assert isinstance(screen, RunScreen)
        thread = screen.polling
        assert thread is not None
        await pilot.press("escape")
        await until_true(pilot, lambda: not thread.is_alive())
        shutil.rmtree(runs / "second")
        await until(pilot, app, "6 runs")

    play(runs, act, opened=runs / "second")
