"""The last line of every screen: whole keys, that do what they say, at every width."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets._footer import FooterKey

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.screens.run import TABS
from lsap_cli.dashboard.widgets.short_footer import ShortFooter
from tests.dashboard.adaptive_run import write_adaptive_run
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true

NARROW = (60, 16)


def footer(app: Dashboard) -> dict[str, str]:
    """The keys of the last line, by their words."""
    return {key.description: key.key for key in app.screen.query_one(ShortFooter).query(FooterKey)}


def last_line(app: Dashboard) -> str:
    return shown_text(app).split("\n")[-1]


async def whole(pilot: Pilot[None], app: Dashboard) -> None:
    """Waits until the last line has every key of the footer whole, and the way to all of them."""

    def drawn() -> bool:
        keys = app.screen.query_one(ShortFooter).query(FooterKey)
        return bool(keys) and all(f"{key.key_display} {key.description}" in last_line(app) for key in keys)

    await until_true(pilot, drawn, lambda: last_line(app))
    assert last_line(app).endswith("^p all")


@pytest.mark.parametrize("size", [NARROW, SMALL, WIDE], ids=["narrow", "small", "wide"])
def test_no_key_is_cut_on_any_tab(tmp_path: Path, size: tuple[int, int]) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await whole(pilot, app)
        await pilot.press("enter")
        await until(pilot, app, "FOOLED")
        for number in range(1, len(TABS) + 1):
            await pilot.press(str(number))
            await whole(pilot, app)

    play(tmp_path, act, size)


def test_keys_that_mean_nothing_are_not_offered(tmp_path: Path) -> None:
    write_adaptive_run(tmp_path / "runs" / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await until_true(pilot, lambda: "Report" in footer(app))
        assert not {"Stop", "Resume"} & set(footer(app)), "it has ended well"
        await pilot.press("enter")
        await until(pilot, app, "FOOLED")
        await until_true(pilot, lambda: {"Sampler", "Metric"} <= set(footer(app)))
        await pilot.press("3")
        await until_true(pilot, lambda: "Play" in footer(app) and "Sampler" not in footer(app))
        assert "Side" not in footer(app), "a perturbation has no sides"
        await pilot.press("down")
        await until_true(pilot, lambda: "Side" in footer(app))
        await pilot.press("4")
        await until_true(pilot, lambda: {"Level", "Search", "Follow"} <= set(footer(app)))

    play(tmp_path / "runs", act)


def test_a_folder_without_runs_offers_no_key_of_a_run(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        await until_true(pilot, lambda: "New" in footer(app))
        await until_true(pilot, lambda: not {"Mark", "Compare", "Again", "Delete", "Sort"} & set(footer(app)))

    play(tmp_path, act)


def test_keys_come_and_go_with_the_width(tmp_path: Path) -> None:
    write_adaptive_run(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        await until_true(pilot, lambda: "Trash" in footer(app))
        await pilot.resize_terminal(*SMALL)
        await until_true(pilot, lambda: "Trash" not in footer(app) and "New" in footer(app))
        await whole(pilot, app)

    play(tmp_path, act, WIDE)
