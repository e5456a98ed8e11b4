"""The report opened, things copied, tables and pictures exported, and all of it in the palette."""

import csv
import io
import math
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.curves import CURVES
from lsap_cli.dashboard.exporting import main
from lsap_cli.dashboard.screens.dialogs import ShowAddress
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.widgets.curve import short_number
from lsap_cli.results.events import StepEvent
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true


@pytest.fixture(autouse=True)
def no_desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("size", [SMALL, WIDE])
def test_the_report_opens_with_two_keys_and_is_made_where_there_is_none(runs: Path, size: tuple[int, int]) -> None:
    page = runs / "second" / "report.html"
    page.unlink(missing_ok=True)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        await until_true(pilot, lambda: app.screen.chosen.snapshot.folder.name != "")  # type: ignore[attr-defined]  # the list
        screen = app.screen
        screen.query_one("#runs").move_cursor(row=screen.listed.index(runs / "second"), animate=False)  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("o")
        await until_true(pilot, lambda: isinstance(app.screen, ShowAddress))
        assert page.exists()
        await until(pilot, app, "Open this page in a browser")
        assert str(page) in "".join(shown_text(app).replace("│", "").split())

    play(runs, act, size)


def test_a_run_without_a_report_says_why(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))
        await pilot.press("o")
        await until_true(pilot, lambda: any(one.severity == "warning" for one in app._notifications))

    play(runs, act, WIDE, runs / "checked")


@pytest.mark.parametrize("size", [SMALL, WIDE])
def test_a_table_is_copied_with_two_keys_in_three_formats(runs: Path, size: tuple[int, int], tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, app, "no attack")
        copied = {}
        for key in ("v", "m", "x", "V", "p", "l", "c"):
            await pilot.press("y")
            await until(pilot, app, "command line that made it")
            await pilot.press(key)
            await until_true(pilot, lambda: isinstance(app.screen, RunScreen))
            copied[key] = app.clipboard
        assert copied["p"] == str((runs / "second").resolve())
        assert copied["l"].startswith("lsap defend ")
        lines = list(csv.reader(io.StringIO(copied["v"])))
        assert lines[0][:2] == ["defense", "no attack"]
        assert len(lines) == 4
        assert "/" in lines[1][1], "a rate has its count"
        assert "| defense |" in copied["m"]
        assert r"\begin{tabular}" in copied["x"]
        assert len(list(csv.reader(io.StringIO(copied["V"])))) > len(lines)
        assert ": " in copied["c"]
        assert (tmp_path / "state" / "lsap" / "copied.txt").read_text() == copied["c"]

    play(runs, act, size, runs / "second")


def test_tables_and_pictures_are_written(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("second", "other", "predicted"):
        shutil.rmtree(runs / name / "tables", ignore_errors=True)
        main([str(runs / name)])
    said = capsys.readouterr().out
    assert (runs / "second" / "tables" / "matrix.csv").exists()
    before = (runs / "second" / "figures" / "matrix.svg").read_bytes()
    assert (runs / "other" / "figures" / "loss.png").read_bytes()[:4] == b"\x89PNG"
    assert "no table and no curve yet" in said
    main([str(runs / "second")])
    assert (runs / "second" / "figures" / "matrix.svg").read_bytes() == before


def test_nothing_is_written_through_a_link(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(runs / "other" / "figures", ignore_errors=True)
    (runs / "other" / "figures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SystemExit, match="is a link"):
        main([str(runs / "other")])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_the_keys_do_is_in_the_palette_with_its_key(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        titles = [one.title for one in app.get_system_commands(app.screen)]
        for words in ("Report  (o)", "Copy  (y)", "Export  (e)", "Delete  (d)", "Again  (a)"):
            assert words in titles
        await pilot.press("ctrl+p")
        await pilot.press(*"trash")
        await until(pilot, app, "Trash  (T)")

    play(runs, act, WIDE)


def test_neighbors_of_a_missing_value_are_not_joined_and_a_sparse_record_is() -> None:
    loss = CURVES[0]
    steps = [StepEvent(number=n, loss=None if 10 <= n < 20 else 1.0) for n in range(40)]
    parts = loss.line(steps).parts()
    assert [(part[0][0], part[-1][0]) for part in parts] == [(0, 9), (20, 39)]
    sparse = [StepEvent(number=n, loss=1.0 if n % 10 == 0 else None) for n in range(60)]
    assert len(loss.line(sparse).parts()) == 1
    assert all(math.isfinite(y) for part in parts for _, y in part)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3e9, "3e9"), (1e-9, "1e-9"), (0.5, "0.5"), (0.000125, "0.00013"), (-123456.0, "-123456"), (0.0, "0"),
        (200_000.0, "200k"), (1e6, "1M"), (2.5e6, "2.5M"), (-12_500.0, "-12.5k"), (9999.0, "9999"),
    ],
)  # fmt: skip
def test_numbers_on_an_axis_are_short_and_not_cut(value: float, text: str) -> None:
    assert short_number(value) == text
    assert len(short_number(-1.2345678e-123)) <= 7
