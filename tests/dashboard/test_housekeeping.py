"""Deleting and undoing, names, tags and notes."""

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.screens.dialogs import Question
from lsap_cli.dashboard.screens.labels import LabelsDialog
from lsap_cli.dashboard.screens.runs import RunsScreen
from lsap_cli.dashboard.screens.trash import TrashDialog
from lsap_cli.results.run_labels import RunLabels
from lsap_cli.runs.labels import read_run_labels, write_run_labels
from lsap_cli.runs.trash import move_to_trash, trash_entries
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true


def test_a_run_is_deleted_with_two_keys_and_undone_with_one(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        chosen = app.screen.chosen  # type: ignore[attr-defined]  # the list
        await pilot.press("d")
        await until_true(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, app, "7 runs")
        assert not chosen.snapshot.folder.exists()
        await pilot.press("u")
        await until(pilot, app, "8 runs")
        assert (chosen.snapshot.folder / "run.json").exists()
        assert trash_entries(runs) == []

    for size in (SMALL, WIDE):
        play(runs, act, size)


def test_no_answer_but_yes_deletes(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        for key in ("n", "escape", "enter"):
            await pilot.press("delete")
            await until_true(pilot, lambda: isinstance(app.screen, Question))
            await pilot.press(key)
            await until_true(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert trash_entries(runs) == []

    play(runs, act)


def test_marked_runs_go_together_and_a_demo_takes_its_parts_with_it(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        screen._marked = [runs / "tour", runs / "tour" / "defend", runs / "other"]
        await pilot.press("d")
        await until(pilot, app, "Delete these 2 runs?")
        await pilot.press("y")
        await until(pilot, app, "3 runs")
        assert len(trash_entries(runs)) == 2
        await pilot.press("u")
        await until(pilot, app, "8 runs")

    play(runs, act)


def test_what_was_deleted_earlier_is_restored_from_the_trash(runs: Path) -> None:
    for name in ("other", "second"):
        move_to_trash(runs, runs / name)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "6 runs")
        await pilot.press("u")
        await until_true(pilot, lambda: isinstance(app.screen, TrashDialog))
        await until(pilot, app, "2 deleted")
        await pilot.press("enter")
        await until(pilot, app, "1 deleted")
        assert (runs / "second" / "run.json").exists(), "the last one comes first"
        await pilot.press("d")
        await until(pilot, app, "cannot be undone")
        await pilot.press("y")
        await until(pilot, app, "Nothing is in")
        await pilot.press("escape")
        await until(pilot, app, "7 runs")
        assert list((runs / ".trash").iterdir()) == []

    play(runs, act, WIDE)


def test_two_dashboards_may_delete_the_same_run(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        screen._marked = [runs / "other"]
        await pilot.press("d")
        await until(pilot, app, "Delete this run?")
        move_to_trash(runs, runs / "other")
        await pilot.press("y")
        await until_true(  # the words on the screen are wrapped by the length of the path
            pilot, lambda: any("other is no run folder: it is not deleted" in one.message for one in app._notifications)
        )
        await until(pilot, app, "7 runs")
        assert len(trash_entries(runs)) == 1

    play(runs, act, WIDE)


def test_a_name_tags_and_a_note_are_kept_shown_and_found(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        folder = app.screen.chosen.snapshot.folder  # type: ignore[attr-defined]  # the list
        await pilot.press("l")
        await until_true(pilot, lambda: isinstance(app.screen, LabelsDialog))
        for name, text in (("name", "Base line"), ("tags", "#paper, ucf"), ("note", "the [bold] one")):
            app.screen.query_one(f"#label-{name}", Input).value = text
        await pilot.press("enter")
        await until(pilot, app, "Base line #paper")
        assert read_run_labels(folder) == RunLabels(name="Base line", tags=("paper", "ucf"), note="the [bold] one")
        await pilot.press("slash", *"#paper")
        shown = await until(pilot, app, "1 of 8 runs")
        assert "Base line" in shown
        await pilot.press("escape")

    play(runs, act, WIDE)


def test_labels_that_cannot_be_read_are_no_labels_and_empty_ones_leave_no_file(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("{")
    assert read_run_labels(tmp_path) == RunLabels()
    write_run_labels(tmp_path, RunLabels())
    assert list(tmp_path.iterdir()) == []


def test_a_run_s_name_is_never_markup(runs: Path) -> None:
    write_run_labels(runs / "second", RunLabels(name="[red]not\x1b[31m"))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        assert "[red]not" in shown_text(app)
        assert "\x1b[31m" not in shown_text(app)

    play(runs, act, WIDE)


def test_keys_that_are_typed_ahead_go_to_what_the_first_one_opens(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        await pilot.press("d", "y")
        await until(pilot, app, "7 runs")
        assert not isinstance(app.screen, Question)
        assert len(trash_entries(runs)) == 1

    play(runs, act)
