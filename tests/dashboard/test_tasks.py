"""What people come for, in how few keys, at 80x24 and wide: on a run folder as `defend --adaptive` leaves it."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.panes.results import ResultsPane
from lsap_cli.dashboard.screens.cell import CellScreen
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.screens.video import VideoScreen
from lsap_cli.dashboard.widgets.defense_table import BEST
from lsap_cli.dashboard.widgets.film_view import FilmView
from lsap_cli.results.defense_matrix import matrix_of_results
from lsap_cli.results.verdict import key_figures, verdict_of
from tests.dashboard.adaptive_run import JPEG, MEDIAN, VIDEOS, records, results_of, write_adaptive_run
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])


def flat(app: Dashboard) -> str:
    return " ".join(shown_text(app).split())


@SIZES
def test_the_best_defense_and_how_sure_that_is_take_one_key(tmp_path: Path, size: tuple[int, int]) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await pilot.press("enter")
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, app, "FOOLED, A DEFENSE HELPS")
        # the same defense under the given perturbation, and no other
        await until_true(pilot, lambda: shown_text(app).count(BEST) == 2, lambda: shown_text(app))
        words = flat(app)
        assert f"{JPEG} helps most against its best attacker: 15 of 24 right" in words
        assert "13 gained, 0 lost of 24" in words
        assert "1 of 1 checks warn" in words
        assert "A2" in words

    play(tmp_path, act, size)


@SIZES
def test_a_cell_s_videos_take_two_keys_and_one_video_s_pictures_three(tmp_path: Path, size: tuple[int, int]) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await pilot.press("enter")
        await until(pilot, app, "FOOLED")
        await until_true(pilot, lambda: app.focused is not None and app.focused.id == "matrix")
        await pilot.press("enter")
        await until_true(pilot, lambda: isinstance(app.screen, CellScreen))
        await until(pilot, app, f"{VIDEOS} videos")
        table = app.screen.query_one("#videos", DataTable)
        assert "WRONG, changed" in str(table.get_row_at(0)[1]), "fooled ones first"
        places = [place for place in range(VIDEOS) if "▣" in table.get_row_at(place)[0].plain]
        table.move_cursor(row=places[0])
        await pilot.press("enter")
        await until_true(pilot, lambda: isinstance(app.screen, VideoScreen))
        await until(pilot, app, "frame 1 of 2")
        await until_true(pilot, lambda: "fooled: the model sees 0 (0.90) before, 1 (0.60) after" in flat(app))
        await pilot.press("down")
        await until_true(pilot, lambda: "no pictures of this video: it drew 1 of its videos" in flat(app))
        assert app.screen.query_one(FilmView).film is None
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, RunScreen)

    play(tmp_path, act, size)


def test_a_worst_adaptive_cell_opens_its_own_attacker_s_videos(tmp_path: Path) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "FOOLED")
        await until_true(pilot, lambda: isinstance(app.focused, DataTable))
        await pilot.press("right", "down", "down", "enter")
        await until_true(pilot, lambda: isinstance(app.screen, CellScreen))
        await until(pilot, app, "A4 constant in time")
        await until(pilot, app, f"{VIDEOS} videos")

    play(tmp_path, act, WIDE, tmp_path / "run")


def test_one_sampler_alone_and_another_metric(tmp_path: Path) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "worst of 2 samplers")
        await pilot.press("s")
        await until(pilot, app, "accuracy sampler uniform".replace(" sampler", "  sampler"))
        await pilot.press("m")
        await until(pilot, app, "fooling rate  sampler uniform")
        assert app.screen.query_one(ResultsPane).matrix is not None

    play(tmp_path, act, SMALL, tmp_path / "run")


def test_the_matrix_marks_the_defense_that_helps_with_every_sampler_under_its_best_attacker() -> None:
    results = results_of(records())
    matrix = matrix_of_results(results)
    assert matrix.conditions == ("no attack", "noise", "given", "worst")
    best = matrix.best("worst")
    assert best is not None
    assert best.defense == JPEG
    shown = matrix.shown(JPEG, "worst")
    assert shown is not None
    assert (shown.sampler, shown.rung, shown.rate.count) == ("random", "A2", 15), "the sampler that is worst"
    worst = matrix.shown(MEDIAN, "worst")
    assert worst is not None
    assert (worst.rung, worst.rate.count) == ("A4", 3)
    assert [one.rate and one.rate.count for one in key_figures(results)] == [24, 24, 7, 2]
    assert verdict_of(results).word == "FOOLED, A DEFENSE HELPS"
