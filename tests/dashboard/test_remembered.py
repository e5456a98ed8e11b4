"""What the dashboard remembers from one start to the next."""

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.remembered import DashboardMemory, state_file
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.screens.runs import RunsScreen
from tests.dashboard.conftest import Act, commands, until, until_true


def play_remembering(root: Path, path: Path, act: Act) -> None:
    app = Dashboard(root, commands(), None, DashboardMemory(path, root))
    app.animation_level = "none"

    async def session() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await act(pilot, app)

    asyncio.run(session())


def test_sort_filter_theme_and_the_open_tab_are_there_again(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "state" / "dashboard.json"

    async def leave(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        await pilot.press("t", "s", "slash", *"second", "enter")
        await until(pilot, app, "1 of 8 runs")
        await pilot.press("enter")
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))
        await pilot.press("5")
        await until(pilot, app, "second")
        await until_true(pilot, lambda: app.memory.folder.tab == "facts")
        await pilot.press("q")

    async def come_back(pilot: Pilot[None], app: Dashboard) -> None:
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))
        assert isinstance(app.screen, RunScreen)
        assert app.screen.folder == runs / "second"
        await until_true(pilot, lambda: getattr(app.screen, "_tab", "") == "facts")
        assert app.theme == "textual-light"
        await pilot.press("escape")
        await until(pilot, app, "1 of 8 runs")
        assert getattr(app.screen, "sort", "") == "command"
        await pilot.press("q")

    async def come_back_to_the_list(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 of 8 runs")
        assert isinstance(app.screen, RunsScreen)

    play_remembering(runs, path, leave)
    play_remembering(runs, path, come_back)
    play_remembering(runs, path, come_back_to_the_list)


def test_two_dashboards_keep_what_each_has_of_its_own_folder(tmp_path: Path) -> None:
    path = tmp_path / "dashboard.json"
    one, two = DashboardMemory(path, tmp_path / "a"), DashboardMemory(path, tmp_path / "b")
    one.keep(sort="name")
    two.keep(sort="state", theme="nord")
    one.keep(filter="x")
    assert DashboardMemory(path, tmp_path / "a").folder.sort == "name"
    assert DashboardMemory(path, tmp_path / "a").folder.filter == "x"
    assert DashboardMemory(path, tmp_path / "b").folder.sort == "state"


@pytest.mark.parametrize("content", ["", "{", '{"theme": 3}', "[]"])
def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "dashboard.json"
    path.write_text(content)
    memory = DashboardMemory(path, tmp_path)
    assert (memory.theme, memory.folder.sort) == ("", "")
    memory.keep(sort="name")
    assert DashboardMemory(path, tmp_path).folder.sort == "name"


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    DashboardMemory(tmp_path / "file" / "dashboard.json", tmp_path).keep(sort="name")


def test_the_state_lies_where_programs_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert state_file() == Path("/somewhere/lsap/dashboard.json")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_file() == Path("~/.local/state/lsap/dashboard.json").expanduser()
