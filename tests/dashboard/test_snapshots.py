"""What a person sees, as text: a few screens of recorded real runs. LSAP_UPDATE_SNAPSHOTS=1 writes them anew."""

import os
import shutil
import time
from pathlib import Path

import pytest
from rich.color import Color
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.run_reader import read_once
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true

HERE = Path(__file__).parent
# name: size, the run that is opened, keys, words that are there when the screen is complete
SHOTS: dict[str, tuple[tuple[int, int], str | None, tuple[str, ...], str]] = {
    "runs-80x24": (SMALL, None, (), "fooled"),
    "runs-160x48": (WIDE, None, (), "fooled"),
    "live-80x24": (SMALL, "first", ("2", "v"), "fooling rate"),
    "live-160x48": (WIDE, "first", ("2",), "clips a second"),
    "results-80x24": (SMALL, "second", (), "NO MORE THAN NOISE"),
}


def without_footer(screen: str, height: int) -> list[str]:
    """A screen's lines but for the last one, whose keys are those of what has the focus by then, if any has."""
    return screen.split("\n")[: height - 1]


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_run_folder_of_an_earlier_version_is_read_without_damage(name: str) -> None:
    run = read_once(HERE / "recorded" / name)
    assert run.problems == []
    assert run.results is not None
    assert run.history.events > 5


@pytest.mark.parametrize("name", SHOTS)
def test_the_screen_looks_as_it_did(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size, opened, keys, words = SHOTS[name]
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    root = tmp_path / "runs"
    shutil.copytree(HERE / "recorded", root)
    (root / "README.md").unlink()
    monkeypatch.chdir(tmp_path)
    path = HERE / "snapshots" / f"{name}.txt"
    expected = path.read_text(encoding="utf-8")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results" if opened else "fooled")
        for key in keys:
            await pilot.press(key)
        await until(pilot, app, words)
        if os.environ.get("LSAP_UPDATE_SNAPSHOTS"):
            await pilot.pause(1.0)  # what is drawn last is not known before
            path.write_text(shown_text(app) + "\n", encoding="utf-8")
        else:
            await until_true(
                pilot,
                lambda: without_footer(shown_text(app), size[1]) == without_footer(expected, size[1]),
                lambda: f"the recorded screen; shown is\n{shown_text(app)}",
                seconds=20,
            )

    play(Path("runs"), act, size, None if opened is None else Path("runs") / opened)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("no_color", [False, True])
def test_themes_and_no_color_say_the_same_words(
    theme: str, no_color: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(HERE / "recorded", tmp_path / "runs")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    colors: set[Color] = set()

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        app.theme = theme
        await until(pilot, app, "1 Results")
        await pilot.press("1")
        shown = await until(pilot, app, "NO MORE THAN")
        assert "1.00 8/8" in shown
        assert app.no_color is no_color
        for strip in app.screen._compositor.render_strips(app.size):
            colors.update(
                one.style.bgcolor
                for one in strip
                if one.style and one.style.bgcolor and not one.style.bgcolor.is_default
            )

    play(tmp_path / "runs", act, SMALL, tmp_path / "runs" / "second")
    assert len(colors) > 2
    if no_color:
        assert all(color.triplet.red == color.triplet.green == color.triplet.blue for color in colors if color.triplet)
