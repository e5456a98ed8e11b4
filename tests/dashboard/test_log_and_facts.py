"""The log: wrapped, searched, by level, followed; and facts as a person reads them."""

import asyncio
from pathlib import Path

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.formatting import megabytes
from lsap_cli.dashboard.panes.facts import facts_text, value_words
from lsap_cli.dashboard.panes.log import LogPane
from lsap_cli.dashboard.run_reader import read_once
from lsap_cli.dashboard.screens.dialogs import AskWords
from lsap_cli.dashboard.widgets.log_view import LogEntry
from lsap_cli.results.events import NoteEvent, WarningEvent
from lsap_cli.runs import Run
from lsap_cli.runs.history import LOG_LINES
from tests.dashboard.conftest import SMALL, play, until, until_true


@pytest.fixture
def talkative(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "talk"
    with Run(folder, "demo", {}, []) as run:
        for number in range(300):
            run.event(NoteEvent(message=f"note {number} " + "word " * 25))
        run.event(WarningEvent(message="the [bold]disk is slow"))
    (folder / "console.txt").write_text("printed line\nanother\x1b[31m line\n")
    return folder


def test_the_log_is_wrapped_by_what_is_seen_and_has_what_was_printed(talkative: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("4")
        pane = app.screen.query_one(LogPane)
        await until(pilot, app, "printed line")
        lines = pane.shown_lines
        assert max(map(len, lines)) <= pane.scrollable_content_region.width < SMALL[0] - 2, "the bar hides no words"
        assert not pane.show_horizontal_scrollbar
        assert any(line.startswith("         word") for line in lines), "a rest stands below the words"
        assert "\x1b" not in "".join(lines)
        assert "[bold]disk" in "".join(lines)
        text = " ".join(" ".join(lines).split())
        assert "note 299 word" in text

    play(talkative.parent, act, SMALL, talkative)


def test_the_log_is_searched_and_shown_by_level_and_follows_until_scrolled_up(talkative: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("4")
        pane = app.screen.query_one(LogPane)
        await until(pilot, app, "printed line")
        await until_true(pilot, lambda: pane.scroll_y == pane.max_scroll_y > 0)
        await until_true(pilot, lambda: pane.follow)
        await pilot.press("pageup")
        await until_true(pilot, lambda: pane.scroll_y < pane.max_scroll_y and not pane.follow)
        await pilot.press("f")
        await until_true(pilot, lambda: pane.follow and pane.scroll_y == pane.max_scroll_y)
        await pilot.press("slash")
        await until_true(pilot, lambda: isinstance(app.screen, AskWords))
        await pilot.press(*"NOTE 299", "enter")
        await until_true(pilot, lambda: bool(pane.shown_lines) and len(pane.shown_lines) < 5)
        assert "note 299" in pane.shown_lines[0]
        pane.find("")
        await pilot.press("v", "v")
        await until_true(pilot, lambda: "disk is slow" in "".join(pane.shown_lines) and len(pane.shown_lines) == 1)
        await pilot.press("v")
        await until(pilot, app, "everything (v)")

    play(talkative.parent, act, SMALL, talkative)


def test_of_a_hundred_thousand_lines_in_one_go_only_the_newest_are_held_and_wrapped(
    talkative: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = read_once(talkative).history
    some = [one for one in history.log if one.kind == "note"]
    wrapped: list[LogEntry] = []
    wrap = LogPane._wrap

    def counted(pane: LogPane, entry: LogEntry) -> list[Text]:
        wrapped.append(entry)
        return wrap(pane, entry)

    class Alone(App[None]):
        def compose(self) -> ComposeResult:
            yield LogPane()

    async def act() -> None:
        app = Alone()
        async with app.run_test(size=(80, 24)) as pilot:
            pane = app.query_one(LogPane)
            await until_true(pilot, lambda: pane.size.width > 0)
            monkeypatch.setattr(LogPane, "_wrap", counted)
            for _ in range(100_000 // len(some)):
                history.log.extend(some)
                history.logged += len(some)
                pane.write_new(history)
            newest = list(history.log)[-1].text
            await until_true(pilot, lambda: any(newest[:30] in line for line in pane.shown_lines))
            assert len(pane._entries) == LOG_LINES
            assert len(wrapped) <= LOG_LINES, "lines that nobody can see any more are not wrapped"
            assert not app.workers._workers, "no worker is started for lines"

    asyncio.run(act())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("memory", 4 * 2**30, "4.0 GB"),
        ("disk_bytes", 512, "512 B"),
        ("matrix", True, "yes"),
        ("defense", ["jpeg:quality=75", "none"], "jpeg:quality=75, none"),
        ("anything", [], ""),
        ("anything", {}, ""),
        ("anything", None, ""),
        ("time_budget", 90.0, "90 s"),
        ("learn_seconds", 3600.0, "3600 s (1:00:00)"),
        ("nested", {"low_value": 0.123456789, "high": None}, "low value 0.123457"),
    ],
)
def test_values_are_written_for_people(name: str, value: object, words: str) -> None:
    assert value_words(name, value) == words


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (2048, "2.0 KB"), (3 * 2**20, "3.0 MB"), (700 * 2**20, "700 MB")]
)
def test_sizes_are_not_rounded_to_nothing(size: int, text: str) -> None:
    assert megabytes(size) == text


def test_facts_of_real_runs_have_no_none_and_no_empty_list(runs: Path) -> None:
    for name in ("tour/generate", "tour/apply", "tour/defend", "second", "checked", "predicted"):
        text = facts_text(read_once(runs / name)).plain
        for word in ("None", "[]", "{}", ": null", " 0 MB"):
            assert word not in text, (name, word)
        assert "Settings" in text
