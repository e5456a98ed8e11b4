"""A run again with changes, what a run offers the next one, names completed, and the child's first error."""

import fcntl
import json
import shlex
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TabbedContent

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.forms import heading, ordered, words
from lsap_cli.dashboard.launching import stop
from lsap_cli.dashboard.offers import offers
from lsap_cli.dashboard.screens.pick_name import PickName
from lsap_cli.dashboard.screens.start import StartScreen
from lsap_cli.dashboard.widgets.form import FieldRow
from lsap_cli.errors import LsapError
from lsap_cli.runs.reading import read_snapshot
from tests.dashboard.conftest import SMALL, WIDE, commands, play, shown_text, until, until_true
from tests.dashboard.test_start_screen import form


def row_of(screen: StartScreen, name: str) -> FieldRow:
    return next(row for row in screen.pane.query(FieldRow) if row.field.name == name)


@pytest.mark.parametrize("size", [SMALL, WIDE])
def test_a_run_starts_again_with_one_change_by_three_keys_and_what_is_typed(
    runs: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def start(line: list[str], folder: Path) -> None:
        started.append(line)
        raise OSError(30, "read-only")

    monkeypatch.setattr("lsap_cli.dashboard.screens.start.start", start)
    settings = read_snapshot(runs / "other").settings

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        screen = app.screen
        row = screen.listed.index(runs / "other")  # type: ignore[attr-defined]  # the list
        screen.query_one("#runs").move_cursor(row=row, animate=False)  # type: ignore[attr-defined]  # its table
        await pilot.pause()
        await pilot.press("a")
        await until_true(pilot, lambda: isinstance(app.screen, StartScreen))
        await until(pilot, app, "ready")
        await pilot.press(*"eps")
        await pilot.press("enter")
        await until_true(pilot, lambda: getattr(app.focused, "parent", None) is row_of(app.screen, "epsilon"))  # type: ignore[arg-type]  # the forms
        await pilot.press("4", "slash", "2", "5", "5")
        await pilot.press("ctrl+s")
        await until_true(pilot, lambda: bool(started))

    play(runs, act, size)
    line = started[0]
    assert line[line.index("--epsilon") + 1] == "4/255"
    assert line[line.index("--steps") + 1] == str(settings["steps"])
    assert line[1] == settings["videos"]
    out = line[line.index("--out") + 1]
    assert out != settings["out"]
    assert not Path(out).exists()


def test_the_form_of_a_run_makes_the_command_that_it_was(runs: Path) -> None:
    for name in ("tour/defend", "second", "tour/apply"):
        run = read_snapshot(runs / name)
        line = words(form(run.command), commands().values(run))
        assert commands().check(line[0], line[1:]) is None
        settings = run.settings
        flags = [word for word in line if word == "--defense"]
        assert len(flags) == len(settings.get("defense") or [])


def test_a_run_of_an_unknown_version_is_not_filled_in(runs: Path) -> None:
    path = runs / "other" / "run.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"settings": facts["settings"] | {"payload": 1}}))
    with pytest.raises(LsapError, match="does not know: payload"):
        commands().values(read_snapshot(runs / "other"))
    with pytest.raises(LsapError, match="cannot be started from here"):
        commands().values(read_snapshot(runs / "checked"))


def test_a_run_offers_what_it_made_to_the_next_one(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "out").mkdir(parents=True)
    (made / "r 1.safetensors").touch()
    (made / "out" / "model.toml").touch()

    def run(command: str, **settings: object) -> dict[str, object]:
        folder = tmp_path / command
        folder.mkdir()
        facts = {"schema": "lsap.run/1", "command": command, "status": "done", "working_folder": str(made)}
        (folder / "run.json").write_text(json.dumps(facts | {"settings": settings}))
        return {name: dict(values) for name, values in offers(read_snapshot(folder)).items()}

    file = str(made / "r 1.safetensors")
    learned = run("generate", out="r 1.safetensors", model="demo")
    assert learned["apply"] == {"perturbation": file}
    assert learned["defend"] == {"perturbation": shlex.quote(file), "model": "demo"}
    assert run("apply", out="out", videos="gone") == {"defend": {"perturbed": str(made / "out")}}
    assert run("train", out="out")["generate"] == {"model": str(made / "out" / "model.toml")}
    assert run("models check") == {}


def test_a_chosen_run_s_perturbation_is_in_the_form_of_apply(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 runs")
        run = read_snapshot(runs / "tour" / "generate")
        app.open_start(run=run)
        await until(pilot, app, "videos is needed")
        assert isinstance(app.screen, StartScreen)
        assert app.screen.query_one(TabbedContent).active == "form-apply"
        assert row_of(app.screen, "perturbation").value == run.settings["out"]

    play(runs, act)


def test_options_stand_under_the_headings_of_the_help_and_what_is_changed_most_comes_first() -> None:
    fields = ordered(form("generate"))
    titles = list(dict.fromkeys(map(heading, fields)))
    assert titles[:2] == ["Needed", "Most often"]
    assert {"Method", "Speed and memory", "Many machines"} <= set(titles)
    assert len(titles) == len([one for one, before in zip(fields, [None, *fields], strict=False)
                               if before is None or heading(one) != heading(before)])  # fmt: skip
    names = [field.name for field in fields]
    assert names.index("steps") < 8
    assert names.index("time_budget") < 9


def test_names_of_defenses_and_their_settings_are_completed_and_chosen(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("defend")
        await until(pilot, app, "videos is needed")
        assert isinstance(app.screen, StartScreen)
        box = row_of(app.screen, "defense").query_one(Input)
        box.focus()
        await pilot.press(*"jpeg jp")
        await until_true(pilot, lambda: box._suggestion == "jpeg jpeg")
        await pilot.press("right", "ctrl+o")
        await until_true(pilot, lambda: isinstance(app.screen, PickName))
        await until(pilot, app, "jpeg:")
        await pilot.press(*":")
        await until(pilot, app, "quality")
        await pilot.press("down", "enter")
        await until_true(pilot, lambda: app.screen.query_one(Input).value == "jpeg:quality=")
        await pilot.press("5", "0", "enter")
        await until_true(pilot, lambda: box.value == "jpeg jpeg:quality=50")

    play(tmp_path / "runs", act, WIDE)


def test_a_child_that_ends_at_once_says_why_on_the_form_which_stays_and_leaves_nothing(tmp_path: Path) -> None:
    root, videos = tmp_path / "runs", tmp_path / "videos"
    videos.mkdir()
    (videos / "a.mp4").touch()

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("generate")
        await until(pilot, app, "videos is needed")
        assert isinstance(app.screen, StartScreen)
        values = {"videos": str(videos), "model": "demo", "out": str(tmp_path / "x.safetensors"), "only": "left"}
        for name, value in values.items():
            row_of(app.screen, name).query_one(Input).value = value
        await until(pilot, app, "ready")
        await pilot.press("ctrl+s")
        for name in values:
            assert row_of(app.screen, name).value == values[name]
        shutil.rmtree(videos)
        await until(pilot, app, "it ended before it began")
        assert isinstance(app.screen, StartScreen)
        assert "does not exist" in " ".join(shown_text(app).split())
        assert list(root.iterdir()) == []

    play(root, act, WIDE)


def test_a_form_is_queued_and_taken_out_again(tmp_path: Path) -> None:
    root, videos = tmp_path / "runs", tmp_path / "videos"
    videos.mkdir()
    (videos / "a.mp4").touch()
    (root / ".queue").mkdir(parents=True)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("generate")
        await until(pilot, app, "videos is needed")
        assert isinstance(app.screen, StartScreen)
        for name, value in {"videos": str(videos), "model": "demo", "out": str(tmp_path / "x.safetensors")}.items():
            row_of(app.screen, name).query_one(Input).value = value
        await until(pilot, app, "ready")
        await pilot.press("ctrl+l")
        await until(pilot, app, "1 run")

    with (root / ".queue" / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        play(root, act, WIDE)
        folder = next(one for one in root.iterdir() if not one.name.startswith("."))
        assert read_snapshot(folder).state == "queued"
        assert stop(folder) == "taken out of the queue"
