import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from textual.pilot import Pilot
from textual.widgets import Input

from lsap_cli.commands.forms import HIDDEN
from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.forms import Form, command_line, problem, words
from lsap_cli.dashboard.launching import resume, start, stop, why_not_resumable, without_options
from lsap_cli.dashboard.screens.dialogs import PickFile
from lsap_cli.dashboard.screens.pick_name import PickName
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.screens.start import StartScreen
from lsap_cli.dashboard.widgets.form import FieldRow
from lsap_cli.main import app as program
from lsap_cli.runs.reading import read_snapshot
from tests.commands.conftest import World
from tests.dashboard.conftest import SMALL, WIDE, commands, play, shown_text, until, until_true


def form(name: str) -> Form:
    return next(one for one in commands().forms if one.command == name)


def test_each_command_has_a_form_with_all_that_it_can_be_told() -> None:
    assert [one.command for one in commands().forms][:5] == ["demo", "generate", "apply", "defend", "train"]
    fields = {one.name: one for one in form("generate").fields}
    assert fields["videos"].flag == ""
    assert fields["videos"].required
    assert (fields["videos"].kind, fields["overwrite"].kind, fields["sampler"].kind) == ("path", "switch", "list")
    assert (fields["epsilon"].flag, fields["epsilon"].default) == ("--epsilon", "8/255")
    assert fields["seed"].default == "0"
    assert not {"run", "as_json", "quiet", "dashboard", "resume"} & set(fields)


def test_every_flag_of_a_form_is_one_that_the_program_takes() -> None:
    group = typer.main.get_command(program)
    for one in commands().forms:
        parsers = {parameter.name: parameter for parameter in group.commands[one.command].params}  # type: ignore[attr-defined]  # a group
        assert set(parsers) - {field.name for field in one.fields} <= {*HIDDEN}
        for field in one.fields:
            parameter = parsers[field.name]
            assert [field.flag] == parameter.opts[:1] or (field.flag == "" and parameter.param_type_name == "argument")
            assert (field.required, field.kind == "switch") == (
                parameter.required,
                getattr(parameter, "is_flag", False),
            )
    assert {"--from", "--compile"} <= {field.flag for field in form("generate").fields}


def test_the_words_are_what_the_form_says_and_defaults_are_left_out() -> None:
    values = {"videos": "my videos", "model": "demo", "out": "r.safetensors", "epsilon": "8/255", "norm": "l2",
              "sampler": "uniform 'rate:fps=5'", "overwrite": "true", "steps": " 12 "}  # fmt: skip
    line = words(form("generate"), values)
    assert line[:2] == ["generate", "my videos"]
    assert shlex.split(command_line(line))[1:] == line
    rest = line[2:]
    for pair in (["--norm", "l2"], ["--sampler", "uniform"], ["--sampler", "rate:fps=5"], ["--steps", "12"]):
        assert any(rest[place : place + 2] == pair for place in range(len(rest))), pair
    assert "--overwrite" in rest
    assert "--epsilon" not in rest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"videos": ""}, "videos is needed"),
        ({"videos": "/nowhere/at/all"}, "does not exist"),
        ({"videos": "--help"}, "--help does not exist"),
        ({"videos": "-x"}, "-x does not exist"),
        ({"videos": "x" * 300}, "File name too long"),
        ({"model": "x" * 300}, "File name too long"),
        ({"model": "missing.toml"}, "no such file"),
        ({"steps": "many"}, "--steps"),
        ({"steps": "0"}, "--steps"),
        ({"sampler": "'open"}, "a quote is not closed"),
        ({"epsilon": "QQ"}, "epsilon 'QQ' is not a number"),
        ({"time_budget": "ZZ"}, "is not a length of time"),
        ({"attack": "nothing"}, "the attack 'nothing' is unknown"),
        ({"sampler": "uniform nothing"}, "the sampler 'nothing' is unknown"),
        ({"binding": "cyclic:0"}, "the binding 'cyclic:0' cannot be read"),
        ({"memory": "nan"}, "--memory"),
        ({"memory_limit": "nan"}, "--memory-limit"),
        ({"memory_limit": "inf"}, "--memory-limit"),
        ({"fps": "nan"}, "--fps nan"),
        ({"attack": "lsap:shared_class=nan"}, "shared_class is nan; use a number from 0 to 1"),
        ({"through": "jpeg:quality=nan"}, "quality is nan; use a whole number from 1 to 100"),
        ({"update": "nothing"}, "the update 'nothing' is unknown"),
        ({"coherence": "nothing"}, "the coherence 'nothing' is unknown"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(tmp_path: Path, change: dict[str, str], said: str) -> None:
    (tmp_path / "a.mp4").touch()
    values = {"videos": str(tmp_path), "model": "demo", "out": "r.safetensors"}
    assert problem(form("generate"), values, commands().check) is None
    found = problem(form("generate"), values | change, commands().check)
    assert found is not None
    assert said in found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strength": "nan"}, "--strength: the strength is nan"),
        ({"strength": "inf"}, "--strength: the strength is inf"),
        ({"strength": "0"}, "--strength: the strength is 0"),
        ({"segment": "last"}, "the segment 'last' is unknown"),
        ({"segment": "middle:frames=inf"}, "frames is inf; use a whole number from 1"),
        ({"codec": "h264:crf=nan"}, "crf is nan; use a whole number from 0 to 51"),
        ({"threads": "two"}, "--threads two is unknown"),
        ({"timeout": "nan"}, "is not a length of time"),
    ],
)
def test_what_is_wrong_with_apply_is_said_before_anything_starts(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    for name in ("r.safetensors", "a.mp4"):
        (tmp_path / name).touch()
    values = {"perturbation": str(tmp_path / "r.safetensors"), "videos": str(tmp_path), "out": str(tmp_path / "out")}
    assert problem(form("apply"), values, commands().check) is None
    found = problem(form("apply"), values | change, commands().check)
    assert found is not None
    assert said in found


def test_draws_that_are_no_numbers_are_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    values = {"videos": str(tmp_path), "model": "demo", "learning_draws": "2,nan"}
    said = problem(form("defend"), values, commands().check) or ""
    assert "--learning-draws '2,nan' is no list of whole numbers of at least 1" in said


@pytest.mark.parametrize(
    ("command", "change", "said"),
    [
        ("generate", {"storage": "."}, "give --cluster, too"),
        ("apply", {"cluster": "local:2", "workers": "2"}, "--workers is of one machine"),
        ("defend", {}, "give one of --perturbation FILE (add it here) and --perturbed FOLDER"),
        ("defend", {"perturbation": "gallery:demo-lsap", "adaptive": "true"}, "give --fit VIDEOS"),
        ("defend", {"perturbation": "gallery:demo-lsap", "time_budget": "9s"}, "--time-budget is about attackers"),
        ("train", {"family": "c3d", "backbone": "resnet18"}, "c3d has no backbone"),
        ("harden", {"method": "noise"}, "say how much with --noise SIGMA"),
        ("harden", {"out": "{videos}/a.mp4"}, "exists already"),
        ("study", {"study": "paper:overall"}, "give --model, once for each"),
    ],
)
def test_options_that_do_not_fit_together_are_told_before_anything_starts(
    tmp_path: Path, command: str, change: dict[str, str], said: str
) -> None:
    (tmp_path / "a.mp4").touch()
    needed = {"videos": str(tmp_path), "model": "demo", "out": str(tmp_path / "out.safetensors"), "family": "tsn",
              "perturbation": "gallery:demo-lsap", "backbone": "resnet18", "study": "paper:samplers"}  # fmt: skip
    fields = {one.name for one in form(command).fields if one.required or one.name == "backbone"}
    values = {name: text for name, text in needed.items() if name in fields}
    values |= {name: text.format(videos=tmp_path) for name, text in change.items()}
    assert said in (problem(form(command), values, commands().check) or "nothing")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.mp4"], "checks make nothing"


def test_checking_every_form_imports_no_torch(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    script = f"""
import sys, typer
from lsap_cli.commands.forms import dashboard_commands
from lsap_cli.dashboard.forms import problem
from lsap_cli.main import app
commands = dashboard_commands(typer.main.get_command(app))
needed = dict(videos={str(tmp_path)!r}, model="demo", out={str(tmp_path / "out.safetensors")!r}, family="c3d",
              perturbation="gallery:demo-lsap", study="paper:samplers")
for form in commands.forms:
    values = {{one.name: needed[one.name] for one in form.fields if one.name in needed}}
    print(form.command, problem(form, values, commands.check))
print("torch" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [*(f"{one.command} None" for one in commands().forms), "False"]


@pytest.mark.parametrize("command", ["generate", "apply", "defend"])
def test_what_is_needed_is_said_whole_on_a_small_screen(tmp_path: Path, command: str) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start(command)
        sentence = problem(form(command), {}, commands().check)
        assert sentence is not None
        words = sentence.split()
        await until_true(pilot, lambda: shown_text(app).partition("✗ ")[2].split()[: len(words)] == words)
        assert "Start (Ctrl+S)" in shown_text(app)

    play(tmp_path / "runs", act, SMALL)


def test_a_command_line_is_taken_over_without_what_the_dashboard_gives_itself() -> None:
    line = ["generate", "v", "--run", "x", "--dashboard", "--seed", "3", "--run=y", "--resume"]
    assert without_options(line) == ["generate", "v", "--seed", "3"]


def test_the_form_is_filled_in_checked_and_copied(tmp_path: Path, world: World) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("generate")
        await until(pilot, app, "videos is needed")
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, StartScreen), "nothing starts while something is wrong"
        rows = {row.field.name: row for row in app.screen.pane.query(FieldRow)}
        rows["videos"].query_one(Input).value = str(world.learn)
        rows["model"].query_one(Input).value = "demo"
        rows["out"].query_one(Input).value = "r.safetensors"
        rows["steps"].query_one(Input).value = "two"
        await until(pilot, app, "--steps 'two' is not taken")
        rows["steps"].query_one(Input).value = "2"
        await until(pilot, app, "ready")
        await pilot.press("ctrl+y")
        await until_true(pilot, lambda: bool(app.clipboard))
        expected = ["lsap", "generate", str(world.learn), "--model", "demo", "--out", "r.safetensors", "--steps", "2"]
        assert shlex.split(app.clipboard) == expected

    play(tmp_path / "runs", act, WIDE)


async def shown_row(pilot: Pilot[None], app: Dashboard, name: str) -> FieldRow:
    """A field of the form that is open, once its boxes are made and laid out."""
    await until_true(pilot, lambda: isinstance(app.screen, StartScreen))
    screen = app.screen
    assert isinstance(screen, StartScreen)
    await until_true(pilot, lambda: any(row.field.name == name and row.region.area for row in screen.query(FieldRow)))
    return next(row for row in screen.pane.query(FieldRow) if row.field.name == name)


def test_a_file_is_picked_from_the_tree(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("defend")
        row = await shown_row(pilot, app, "labels")
        row.query_one(Input).value = str(tmp_path)
        row.query_one(Input).focus()
        await pilot.press("ctrl+o")
        await until_true(pilot, lambda: isinstance(app.screen, PickFile))
        await until(pilot, app, "labels.txt")
        await pilot.press("down", "enter")
        await until_true(pilot, lambda: row.value.endswith("labels.txt"))

    play(tmp_path / "runs", act, WIDE)


@pytest.mark.parametrize("field", ["model", "videos", "perturbation"])
def test_where_names_are_chosen_a_path_goes_on_to_a_file(tmp_path: Path, field: str) -> None:
    (tmp_path / "its-file.toml").write_text("")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("defend")
        row = await shown_row(pilot, app, field)
        row.query_one(Input).value = f"{tmp_path}/its"
        row.query_one(Input).focus()
        await pilot.press("ctrl+o")
        await until_true(pilot, lambda: isinstance(app.screen, PickName))
        await until(pilot, app, "its-file.toml")
        await pilot.press("down", "enter")
        await until_true(pilot, lambda: row.value == f"{tmp_path}/its-file.toml")

    play(tmp_path / "runs", act, WIDE)


def test_where_only_names_are_taken_no_file_is_offered(tmp_path: Path) -> None:
    (tmp_path / "its-file.toml").write_text("")
    assert commands().complete("generate", "attack", f"{tmp_path}/its") == []


def test_a_started_run_is_a_process_of_its_own_and_is_opened(tmp_path: Path, world: World) -> None:
    root = tmp_path / "runs"

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("generate")
        await until(pilot, app, "videos is needed")
        values = {"videos": str(world.learn), "model": "demo", "out": str(tmp_path / "r.safetensors"), "steps": "2"}
        for row in app.screen.query_one("#form-generate").query(FieldRow):
            if row.field.name in values:
                row.query_one(Input).value = values[row.field.name]
        await until(pilot, app, "ready")
        await pilot.press("ctrl+s")
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, app, "2 Live")  # it is drawn whole before the dashboard is closed

    play(root, act, WIDE)
    folder = next(root.iterdir())
    deadline = time.monotonic() + 120
    while read_snapshot(folder).state != "done" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert read_snapshot(folder).state == "done", "it outlived the dashboard"
    assert (tmp_path / "r.safetensors").exists()


def test_a_start_that_fails_at_once_says_why_on_the_run_s_screen(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "bad"
    process = start(["generate", "/nowhere", "--model", "demo", "--out", str(tmp_path / "r.safetensors")], folder)
    assert process.wait(60) == 2

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "does not exist")
        await pilot.press("5")
        await until(pilot, app, "/nowhere")

    play(tmp_path / "runs", act, WIDE, folder)


def test_a_stopped_run_is_resumed_and_ends(tmp_path: Path, world: World) -> None:
    folder = tmp_path / "run"
    words = ["generate", str(world.learn), "--model", "demo", "--steps", "60", "--batch", "2"]
    process = start([*words, "--out", str(tmp_path / "r.safetensors")], folder)
    deadline = time.monotonic() + 120
    while not (folder / "state.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert stop(folder) == "asked the run to stop; what is finished is kept"
    assert process.wait(60) == 128 + signal.SIGINT
    facts = read_snapshot(folder)
    assert facts.state == "interrupted"
    assert why_not_resumable(facts) is None
    assert resume(facts, commands().resume_words(facts)).wait(120) == 0
    assert read_snapshot(folder).state == "done"
    assert why_not_resumable(read_snapshot(folder)) == "only a stopped run can go on"
    kinds = [json.loads(line)["kind"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert "resumed" in kinds
