"""The screen of one run: its tabs together, parts of a demo, comparing, stopping."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, OptionList

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.panes.facts import facts_text
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.screens.compare import CompareScreen
from lsap_cli.dashboard.screens.dialogs import PickRun
from lsap_cli.dashboard.screens.run import RunScreen
from tests.dashboard.conftest import SMALL, play, shown_text, until, until_true

# a tab's key: words that are there when it is drawn
TABS = {"generate": ("UNDECIDED", "step 24", "slot", "status done", "command line"),
        "apply": ("WRITTEN", "exactly", "Look", "applying", "command line"),
        "defend": ("worst adaptive", "evaluating", "of 9", "evaluating", "command line"),
        "checked": ("PASS", "device", "no pictures", "end", "command line"),
        "predicted": ("PREDICTED", "device cpu", "no pictures", "end", "command line")}  # fmt: skip


def test_every_tab_of_every_kind_of_finished_run_opens(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        for folder in ("tour", "tour/generate", "tour/apply", "tour/defend", "checked", "predicted"):
            app.open_run(made / folder)
            await until(pilot, app, "✓ done")
            for key, words in zip("12345", TABS.get(Path(folder).name, TABS["defend"]), strict=True):
                await pilot.press(key)
                assert "cannot be drawn" not in await until(pilot, app, words)
            await pilot.press("escape")

    play(made, act)


def test_apply_shows_its_files_with_what_a_reader_finds_in_them(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "WRITTEN")
        await pilot.press("2")
        shown = await until(pilot, app, "exactly")
        assert "8/255" in shown
        assert app.screen.query_one("#files", DataTable).row_count == 8

    play(made, act, opened=made / "tour" / "apply")


def test_a_demo_shows_its_newest_part_until_another_is_chosen(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "▸defend")
        await pilot.press("left_square_bracket")
        await until(pilot, app, "▸apply")
        await pilot.press("left_square_bracket")
        await until(pilot, app, "▸generate")
        await until(pilot, app, "UNDECIDED")  # of two videos
        await pilot.press("right_square_bracket")
        await until(pilot, app, "▸apply")

    play(made, act, opened=made / "tour")


def test_the_log_and_the_facts(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("4")
        await until(pilot, app, "evaluating")
        await pilot.press("5")
        shown = await until(pilot, app, "Settings")
        for words in ("command line", "jpeg:quality=75", "In effect: what the settings became"):
            assert words in shown, words
        await pilot.press("end")
        await until(pilot, app, "records.jsonl")

    play(made, act, (120, 160), made / "second")


def test_a_run_is_compared_with_one_that_is_picked(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("enter")
        await until(pilot, app, "1 Results")
        await pilot.press("c")
        await until_true(pilot, lambda: isinstance(app.screen, PickRun))
        app.screen.query_one(OptionList).focus()
        await pilot.press("down", "enter")
        await until_true(pilot, lambda: isinstance(app.screen, CompareScreen))

    play(made, act)


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
        await until(pilot, app, "1 Results")
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
        await until(pilot, app, "1 Results")
        screen = app.screen
        assert isinstance(screen, RunScreen)
        thread = screen.polling
        assert thread is not None
        await pilot.press("escape")
        await until_true(pilot, lambda: not thread.is_alive())
        shutil.rmtree(runs / "second")
        await until(pilot, app, "7 runs")

    play(runs, act, opened=runs / "second")
