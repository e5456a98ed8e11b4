"""The Look tab: the slots of a perturbation, and frames before and after."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.films import MORE_PICTURES
from lsap_cli.dashboard.panes.pictures import PicturesPane
from lsap_cli.dashboard.widgets import film_view
from lsap_cli.dashboard.widgets.film_view import FilmView
from tests.dashboard.adaptive_run import VIDEOS, write_adaptive_run
from tests.dashboard.conftest import WIDE, play, until, until_true


def clock_of(seconds: float) -> Callable[[], bool]:
    """True once so much time has passed: for what must not happen meanwhile."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def test_the_slots_and_the_frames_play_and_stop_and_step(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("3")
        shown = await until(pilot, app, "of 8")
        assert "binding cyclic:8" in shown
        assert "▀" in shown
        look = app.screen.query_one(PicturesPane)
        assert [film.title for film in look.films][:1] == ["the perturbation"]
        assert len(look.films) == 9
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


def test_a_film_rests_after_some_rounds_and_goes_on_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_view, "FRAMES_PER_SECOND", 60.0)
    steps: list[int] = []
    step = FilmView.step

    def counted(view: FilmView, by: int) -> None:
        if view.film is not None and view.film.video:
            steps.append(by)
        step(view, by)

    monkeypatch.setattr(FilmView, "step", counted)
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("3", "down")
        await until(pilot, app, "frame 1 of 2, paused")
        view = app.screen.query_one(FilmView)
        assert view.playing, "nobody paused it"
        played = len(steps)
        assert played == film_view.ROUNDS * 2
        await pilot.press("space")
        await until_true(pilot, lambda: view.is_at_rest and len(steps) == 2 * played)

    play(tmp_path, act, opened=tmp_path / "run")


def test_it_says_how_many_videos_have_pictures_and_how_there_are_more(tmp_path: Path) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("3")
        await until(pilot, app, f"pictures of 1 of {VIDEOS} videos; {MORE_PICTURES}")
        await pilot.press("1", "enter")
        shown = await until(pilot, app, f"▣ 1 have pictures; {MORE_PICTURES}")
        assert f"{VIDEOS} videos" in shown

    play(tmp_path, act, WIDE, tmp_path / "run")


def test_films_that_nobody_sees_stand_still(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("3")
        await until(pilot, app, "of 8")
        pictures = app.screen.query_one(PicturesPane)
        await until_true(pilot, lambda: pictures.frame > 0)
        await pilot.press("2")
        await until(pilot, app, "evaluating")
        frame = pictures.frame
        await until_true(pilot, clock_of(1.0))
        assert pictures.frame == frame

    play(made, act, opened=made / "tour" / "defend")


def test_on_a_wide_screen_the_three_sides_stand_beside_each_other(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("3", "space", "down")
        shown = await until(pilot, app, "frame")
        assert any("before" in line and "after" in line and "difference" in line for line in shown.split("\n"))

    play(made, act, WIDE, made / "tour" / "defend")
