"""What people come for, by mouse alone: cells, rows, headers, tabs, keys of the last line, buttons of dialogs."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, OptionList, TabbedContent
from textual.widgets._footer import FooterKey

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.screens.cell import CellScreen
from lsap_cli.dashboard.screens.compare import CompareScreen
from lsap_cli.dashboard.screens.dialogs import PickFile, Question, ShowAddress
from lsap_cli.dashboard.screens.help import HelpScreen
from lsap_cli.dashboard.screens.pick_name import PickName
from lsap_cli.dashboard.screens.run import TABS, RunScreen
from lsap_cli.dashboard.screens.runs import RunsScreen
from lsap_cli.dashboard.screens.start import StartScreen
from lsap_cli.dashboard.screens.video import VideoScreen
from lsap_cli.dashboard.widgets.form import FieldRow
from lsap_cli.dashboard.widgets.short_footer import ShortFooter
from tests.dashboard.adaptive_run import VIDEOS, write_adaptive_run
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])


async def click_key(pilot: Pilot[None], app: Dashboard, words: str) -> None:
    """Clicks a key of the last line, once that line rests: it is made anew when a preview arrives."""

    def key() -> FooterKey | None:
        keys = app.screen.query_one(ShortFooter).query(FooterKey)
        return next((one for one in keys if one.description == words and one.region.width), None)

    await until_true(pilot, lambda: key() is not None, lambda: f"{words} in:\n{shown_text(app)}")
    found, region = key(), None
    while found is None or found is not key() or found.region != region:
        found = key()
        region = found.region if found else None
        await pilot.pause(0.2)
    await pilot.click(offset=(found.region.x + 1, found.region.y))


async def click_words(pilot: Pilot[None], app: Dashboard, words: str) -> None:
    """Clicks where some words stand."""
    shown = await until(pilot, app, words)
    line = next(number for number, text in enumerate(shown.split("\n")) if words in text)
    await pilot.click(offset=(shown.split("\n")[line].index(words) + 1, line))


async def on(pilot: Pilot[None], app: Dashboard, screen: type[object]) -> None:
    await until_true(pilot, lambda: isinstance(app.screen, screen), lambda: f"{screen}:\n{shown_text(app)}")


async def open_by_click(pilot: Pilot[None], app: Dashboard, words: str, screen: type[object]) -> None:
    """Clicks where some words stand until that opens a screen: the first click moves the cursor, or the words move."""
    for _ in range(6):
        await click_words(pilot, app, words)
        await pilot.pause(0.3)
        if isinstance(app.screen, screen):
            return
    await on(pilot, app, screen)


@SIZES
def test_a_run_a_cell_a_video_and_the_way_back(tmp_path: Path, size: tuple[int, int]) -> None:
    write_adaptive_run(tmp_path / "first")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await click_words(pilot, app, "fooled")  # the row has the cursor: another one would take a second click
        await on(pilot, app, RunScreen)
        await until(pilot, app, "FOOLED")
        await open_by_click(pilot, app, "20/24", CellScreen)  # behind JPEG, with the sampler that is worst
        await until(pilot, app, f"{VIDEOS} videos")
        table = app.screen.query_one("#videos", DataTable)
        region = table.region
        await pilot.click(offset=(region.x + 4, region.y + 1))
        if not isinstance(app.screen, VideoScreen):
            await pilot.click(offset=(region.x + 4, region.y + 1))
        await on(pilot, app, VideoScreen)
        await click_key(pilot, app, "Back")
        await on(pilot, app, CellScreen)
        await pilot.click("#close")
        await on(pilot, app, RunScreen)
        await click_key(pilot, app, "Back")
        await on(pilot, app, RunsScreen)

    play(tmp_path, act, size)


@SIZES
def test_every_tab_help_and_a_click_beside_it(tmp_path: Path, size: tuple[int, int]) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "FOOLED")
        for number, (tab, (title, _)) in enumerate(TABS.items(), 1):
            await click_words(pilot, app, f"{number} {title}")
            tabs = app.screen.query_one(TabbedContent)
            await until_true(pilot, lambda tabs=tabs, tab=tab: tabs.active == tab)  # type: ignore[misc]
        await click_key(pilot, app, "Help")
        await on(pilot, app, HelpScreen)
        await pilot.click(offset=(0, 0))
        await on(pilot, app, RunScreen)

    play(tmp_path, act, size, tmp_path / "run")


@SIZES
def test_sorting_marking_comparing_and_deleting(tmp_path: Path, size: tuple[int, int]) -> None:
    for name in ("first", "second"):
        write_adaptive_run(tmp_path / name)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "2 runs")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        before = screen.sort
        await click_words(pilot, app, "command")
        await until_true(pilot, lambda: screen.sort != before)
        for row in (0, 1):  # the dots
            table = screen.query_one("#runs", DataTable)
            await pilot.click(offset=(table.region.x, table.region.y + 1 + row))
        await until(pilot, app, "2 marked")
        await click_key(pilot, app, "Compare")
        await on(pilot, app, CompareScreen)
        await click_key(pilot, app, "Back")
        await on(pilot, app, RunsScreen)
        await click_key(pilot, app, "Delete")
        await on(pilot, app, Question)
        await pilot.click("#no")
        await on(pilot, app, RunsScreen)
        assert (tmp_path / "first").exists()
        await click_key(pilot, app, "Delete")
        await on(pilot, app, Question)
        await pilot.click("#yes")
        await until_true(pilot, lambda: not (tmp_path / "first").exists() and not (tmp_path / "second").exists())

    play(tmp_path, act, size)


@SIZES
def test_a_form_is_opened_and_left(tmp_path: Path, size: tuple[int, int]) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await click_key(pilot, app, "New")
        await on(pilot, app, StartScreen)
        await click_key(pilot, app, "Back")
        await on(pilot, app, RunsScreen)

    play(tmp_path, act, size)


async def click_option(pilot: Pilot[None], app: Dashboard, word: str) -> None:
    """Clicks a name of a list."""
    await on(pilot, app, PickName)
    options = app.screen.query_one(OptionList)
    await until_true(pilot, lambda: options.option_count > 0 and options.size.height > 0)
    place = next(n for n, one in enumerate(options.options) if str(one.prompt).split()[0] == word)
    options.scroll_to(y=place, animate=False)  # by the wheel
    await pilot.pause()
    lines = shown_text(app).split("\n")
    y = next(y for y, line in enumerate(lines) if options.region.y <= y and f"▊ {word} " in line)
    await pilot.click(offset=(options.region.x + 3, y))


@SIZES
def test_a_form_is_filled_in_by_names_and_files_that_are_chosen(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, videos = tmp_path / "runs", tmp_path / "videos"
    write_adaptive_run(runs / "run")
    videos.mkdir()
    (videos / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)

    def value(app: Dashboard, name: str) -> str:
        screen = app.screen
        assert isinstance(screen, StartScreen)
        return screen.pane.values[name]

    async def choose(pilot: Pilot[None], app: Dashboard, name: str) -> None:
        """Clicks the button beside a box."""
        screen = app.screen
        assert isinstance(screen, StartScreen)
        row = next(one for one in screen.pane.query(FieldRow) if one.field.name == name)
        row.scroll_visible(animate=False)  # by the wheel
        await pilot.pause(0.5)
        button = row.query_one(".pick").region
        await pilot.click(offset=(button.x + 2, button.y))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await click_key(pilot, app, "New")
        await on(pilot, app, StartScreen)
        await click_words(pilot, app, "defend")
        await until(pilot, app, "videos *")
        await choose(pilot, app, "model")
        await click_option(pilot, app, "demo")
        await on(pilot, app, StartScreen)
        assert value(app, "model") == "demo"
        await choose(pilot, app, "videos")
        await click_option(pilot, app, "videos/")
        await click_words(pilot, app, "Take it")
        await on(pilot, app, StartScreen)
        assert value(app, "videos") == "videos/"

    play(runs, act, size)


@SIZES
def test_a_form_whose_result_needs_a_new_name_is_made_ready(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, runs = tmp_path / "here", tmp_path / "here" / "runs"
    write_adaptive_run(runs / "run")
    (tmp_path / "videos").mkdir()
    (here / "r.safetensors").touch()
    monkeypatch.chdir(here)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await click_key(pilot, app, "New")
        await on(pilot, app, StartScreen)
        await click_words(pilot, app, "generate")
        await until(pilot, app, "videos *")
        screen = app.screen
        assert isinstance(screen, StartScreen)
        pane = screen.pane
        for name, clicks in (("model", ["demo"]), ("videos", ["../", "../videos/"]), ("out", [])):
            row = next(one for one in pane.query(FieldRow) if one.field.name == name)
            row.scroll_visible(animate=False)  # by the wheel
            await pilot.pause(0.5)
            button = row.query_one(".pick").region
            await pilot.click(offset=(button.x + 2, button.y))
            for word in clicks:
                await click_option(pilot, app, word)
                await pilot.pause(0.3)
            if name == "out":
                await on(pilot, app, PickFile)
            if app.screen is not screen:
                await click_words(pilot, app, "Take it")
            await on(pilot, app, StartScreen)
        assert pane.values["videos"] == "../videos/"
        assert pane.values["out"] == "r-2.safetensors"

    play(runs, act, size)


@SIZES
def test_the_report_is_asked_for(tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a desktop its path is shown, and a click beside the window closes it."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    write_adaptive_run(tmp_path / "run")
    (tmp_path / "run" / "report.html").write_text("<title>report</title>")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await click_key(pilot, app, "Report")
        await on(pilot, app, ShowAddress)
        await until(pilot, app, "report.html")
        await pilot.click(offset=(0, 0))
        await on(pilot, app, RunsScreen)

    play(tmp_path, act, size)
