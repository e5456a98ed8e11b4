"""What the keyboard scrolls, what the mouse closes, and how keys are written."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.screens.cell import CellScreen
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.results.events import NoteEvent
from lsap_cli.runs import Run
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true

RECORDED = Path(__file__).parent / "recorded"


@pytest.mark.parametrize(("key", "pane"), [("4", "#log-pane"), ("5", "#facts-pane")])
def test_the_log_and_the_facts_scroll_by_keyboard(tmp_path: Path, key: str, pane: str) -> None:
    with Run(tmp_path / "run", "defend", {"model": "demo"}, []) as run:
        for number in range(40):
            run.event(NoteEvent(message=f"line {number}"))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press(key)
        widget: Widget = app.screen.query_one(pane)
        await until_true(pilot, lambda: widget.max_scroll_y > 0)
        await pilot.press("home")
        await until_true(pilot, lambda: widget.scroll_y == 0)
        await pilot.press("down")
        await until_true(pilot, lambda: widget.scroll_y > 0)
        before = widget.scroll_y
        await pilot.press("pagedown")
        await until_true(pilot, lambda: widget.scroll_y > before)
        await pilot.press("pageup", "pageup", "pageup", "pageup")
        await until_true(pilot, lambda: widget.scroll_y == 0)

    play(tmp_path, act, (60, 12), tmp_path / "run")


@pytest.mark.parametrize("place", ["#close", "beside"])
def test_a_cell_s_dialog_closes_by_mouse(place: str) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("1", "enter")
        await until(pilot, app, "8 videos")
        assert isinstance(app.screen, CellScreen)
        if place == "beside":
            await pilot.click(offset=(0, 0))
        else:
            await pilot.click(place)
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))

    play(RECORDED, act, WIDE, RECORDED / "second")


def test_brackets_are_written_as_they_are_in_the_help_and_in_the_keys_panel(tmp_path: Path) -> None:
    for folder, command in ((tmp_path / "demo", "demo"), (tmp_path / "demo" / "generate", "generate")):
        with Run(folder, command, {"model": "demo"}, []):
            pass

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "[ ] chooses")
        app.action_show_help_panel()
        shown = await until(pilot, app, "Light/dark")
        panel = [line.rpartition("▏")[2].split() for line in shown.split("\n")]
        assert ["[", "Part"] in panel
        assert ["]", "Part"] in panel
        assert "[b]" not in shown
        app.action_hide_help_panel()
        await pilot.press("question_mark")
        shown = await until(pilot, app, "Everywhere")
        assert "choose another with [ and ]" in " ".join(shown.split())
        assert "[b]" not in shown

    play(tmp_path, act, (120, 120), tmp_path / "demo")


def test_a_run_that_has_ended_offers_no_stop() -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "✓ done")
        await until_true(pilot, lambda: "x Stop" not in shown_text(app) and "r Resume" not in shown_text(app))

    play(RECORDED, act, SMALL, RECORDED / "second")
