import json
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.screens.compare import CompareScreen
from lsap_cli.dashboard.screens.help import HelpScreen
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.screens.runs import RunsScreen
from lsap_cli.dashboard.screens.start import StartScreen
from lsap_cli.runs import Run
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true


def test_every_run_is_listed_with_its_figure_and_interval(runs: Path) -> None:
    results = json.loads((runs / "second" / "results.json").read_text())
    rates = [
        row["fooling_rate"]
        for row in results["rows"]
        if row["attack"] not in ("none", "noise") and row["defense"] == "none"
    ]
    assert len(rates) > 1
    rate = max(rates, key=lambda one: one["value"])  # of the sampler that is worst for the model

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        shown = await until(pilot, app, f"fooled {rate['value']:.2f} ({rate['low']:.2f}–{rate['high']:.2f})")
        for words in ("tour", "└ generate", "└ apply", "└ defend", "other", "second", "✓ done", "files, max 8/255"):
            assert words in shown, words
        assert shown.index("second") < shown.index("other") < shown.index("tour"), "newest first, parts below their run"
        assert all(len(line) <= SMALL[0] for line in shown.split("\n"))

    play(runs, act)


@pytest.mark.parametrize(("width", "columns"), [(80, ()), (WIDE[0], ()), (220, ("model", "curve"))])
def test_a_very_wide_screen_shows_model_and_curve_beside_the_preview_too(
    runs: Path, width: int, columns: tuple[str, ...]
) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        names = [str(key.value) for key in app.screen.query_one("#runs", DataTable).columns]
        assert names[:7] == ["", "state", "start", "command", "run", "key figure", "took"]
        assert set(names[7:]) == set(columns)
        heading = next(line for line in shown_text(app).split("\n") if "key figure" in line)
        assert all(name in heading for name in columns)

    play(runs, act, (width, WIDE[1]))


def test_a_run_that_begins_and_one_that_goes_appear_and_vanish_by_themselves(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        shutil.copytree(runs / "other", runs / "newcomer")
        await until(pilot, app, "newcomer")
        shutil.rmtree(runs / "newcomer")
        shown = await until(pilot, app, "8 runs")
        assert "newcomer" not in shown

    play(runs, act)


def test_the_filter_keeps_what_matches_and_escape_gives_all_back(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("slash", *"apply")
        shown = await until(pilot, app, "2 of 8 runs")
        assert "tour" in shown, "a part is shown below the demo that it belongs to"
        assert "second" not in shown
        await pilot.press("escape")
        await until(pilot, app, "8 runs")
        assert app.screen.query_one("#filter", Input).value == ""

    play(runs, act)


def test_sorting_by_name_by_state_and_by_length(runs: Path) -> None:
    facts = json.loads((runs / "second" / "run.json").read_text())
    (runs / "second" / "run.json").write_text(json.dumps(facts | {"status": "failed", "error": "the disk is full"}))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "the disk is full")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        orders = {}
        for words in ("newest first", "by command", "by run", "by key figure", "by took", "by state"):
            await until(pilot, app, words)
            orders[screen.sort] = [path.name for path in screen.listed]
            await pilot.press("s")
        names = ["checked", "other", "predicted", "second", "tour", "generate", "apply", "defend"]
        assert orders["run"] == names, "the parts of a demo stay below it, as they were made"
        assert orders["state"][-1] == "second"
        await until(pilot, app, "newest first")
        await pilot.press("S")
        await until(pilot, app, "oldest first")

    play(runs, act)


def test_enter_opens_and_escape_leads_back(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("down")
        listed = app.screen
        assert isinstance(listed, RunsScreen)
        assert listed.chosen is not None
        chosen = listed.chosen.snapshot.folder
        await pilot.press("enter")
        await until(pilot, app, "1 Results")
        assert isinstance(app.screen, RunScreen)
        assert app.screen.folder == chosen
        await pilot.press("escape")
        await until(pilot, app, "newest first")

    play(runs, act)


def test_the_cursor_stays_on_its_run_when_another_one_appears(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("down", "down")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        assert screen.chosen is not None
        chosen = screen.chosen.snapshot.folder
        shutil.copytree(runs / "other", runs / "newcomer")
        facts = json.loads((runs / "newcomer" / "run.json").read_text())
        (runs / "newcomer" / "run.json").write_text(json.dumps(facts | {"started": "2099-01-01T00:00:00+00:00"}))
        await until(pilot, app, "newcomer")
        assert screen.chosen is not None
        assert screen.chosen.snapshot.folder == chosen

    play(runs, act)


def test_a_covered_list_rests_and_shows_what_came_meanwhile_when_it_is_back(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsap_cli.dashboard.run_list.COVERED_LIST_SECONDS", 1.5)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        listed = app.screen
        assert isinstance(listed, RunsScreen)
        await pilot.press("question_mark")
        await pilot.pause()
        seen = [app.screen is listed, listed.is_current]
        assert seen == [False, True]  # around the help
        await pilot.press("escape", "enter")
        await until(pilot, app, "1 Results")
        assert not listed.is_current
        shutil.copytree(runs / "other", runs / "latecomer")
        await until_true(pilot, lambda: any("latecomer" in one.name for one in listed.runs))
        assert listed.query_one("#runs", DataTable).row_count == 8
        await pilot.press("escape")
        await until(pilot, app, "latecomer")

    play(runs, act)


def test_marked_runs_are_compared(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("c")
        await until(pilot, app, "mark two or more runs")
        await pilot.press("down")
        marked = []
        for _ in range(2):
            listed = app.screen
            assert isinstance(listed, RunsScreen)
            assert listed.chosen is not None
            marked.append(listed.chosen.snapshot.folder)
            await pilot.press("space")
        await until(pilot, app, "2 marked")
        await pilot.press("c")
        await until(pilot, app, "Settings that differ")
        assert isinstance(app.screen, CompareScreen)
        assert app.screen.folders == marked
        assert len(set(marked)) == 2

    play(runs, act, WIDE)


def test_n_opens_the_forms_question_mark_the_help_and_t_changes_the_theme(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await until(pilot, app, "95 % interval")
        await pilot.press("end")
        await until(pilot, app, "Everywhere")
        await pilot.press("escape")
        dark = app.current_theme.dark
        await pilot.press("t")
        assert app.current_theme.dark is not dark
        await pilot.press("n")
        await until_true(pilot, lambda: isinstance(app.screen, StartScreen))

    play(runs, act, WIDE)


def test_q_quits(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await pilot.press("q")
        await until_true(pilot, lambda: not app.is_running)

    assert play(runs, act).return_code == 0


def test_a_finished_run_offers_neither_stop_nor_resume(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        await until_true(pilot, lambda: "x Stop" not in shown_text(app) and "r Resum" not in shown_text(app))
        await pilot.press("x", "r")
        await pilot.press("question_mark")
        await until(pilot, app, "One line for each run below the folder")

    play(runs, act)


def test_the_first_run_of_an_empty_folder_is_opened_by_keyboard(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        await until_true(pilot, lambda: app.focused is None)
        with Run(tmp_path / "first", "defend", {"model": "demo"}, []):
            pass
        await until(pilot, app, "1 run ")
        await until_true(pilot, lambda: app.focused is app.screen.query_one("#runs"))
        await pilot.press("enter")
        await until(pilot, app, "1 Results")

    play(tmp_path, act)


def test_runs_that_are_read_but_not_shown_yet_do_not_take_the_keys_from_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run(tmp_path / "first", "defend", {"model": "demo"}, []):
        pass
    kept: list[RunsScreen] = []
    monkeypatch.setattr(RunsScreen, "_post_runs", lambda screen: kept.append(screen))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until_true(pilot, lambda: bool(kept))
        screen = kept[0]
        screen.on_screen_resume()  # draws, as many a message does
        await pilot.pause()
        assert app.focused is screen.query_one("#runs")
        assert "There is no run" not in shown_text(app)

    play(tmp_path, act)


@pytest.mark.parametrize("there", [True, False])
def test_an_empty_folder_tells_a_newcomer_what_to_do(tmp_path: Path, there: bool) -> None:
    root = tmp_path / "runs"
    if there:
        root.mkdir()

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        await until(pilot, app, "lsap demo --run")
        await until(pilot, app, "lsap dashboard THEIR_FOLDER")  # its last line, at 80 x 24
        await pilot.press("n")
        await until_true(pilot, lambda: isinstance(app.screen, StartScreen))

    play(root, act)


def test_names_with_brackets_and_control_characters_are_shown_as_they_are(runs: Path) -> None:
    shutil.copytree(runs / "other", runs / "[red]a\x1b[31m")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "[red]a")
        table = app.screen.query_one(DataTable)
        assert table.row_count == 9
        app.open_run(runs / "[red]a\x1b[31m")
        await until(pilot, app, "[red]a\\x1b[31m")

    play(runs, act)
