"""Run folders may come from strangers: what Stop signals, and what Resume starts."""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from textual.pilot import Pilot

from lsap_cli.commands.resuming import RESUMABLE
from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.launching import resume_line, stop, why_not_resumable
from lsap_cli.errors import LsapError
from lsap_cli.main import app as program
from lsap_cli.runs.reading import read_snapshot
from tests.dashboard.conftest import WIDE, commands, play, shown_text, until

LINES: dict[str, list[str]] = {
    "generate": [
        "videos", "--model", "demo", "--out", "-new.safetensors", "--norm", "l2", "--epsilon", "4/255",
        "--from", "one-video", "--sampler", "uniform", "--sampler", "rate:fps=5", "--through", "jpeg:quality=75",
        "--update", "pgd", "--steps", "7", "--time-budget", "2m", "--seeds", "2", "--matrix", "--controls",
        "--compile", "--memory", "0.5", "--seed", "3",
    ],
    "apply": [
        "r.safetensors", "my videos", "out", "--codec", "h264:crf=23", "--workers", "2",
        "--segment", "middle:frames=16", "--strength", "0.5", "--preview", "1", "--timeout", "3m", "--threads", "one",
    ],
    "defend": [
        "videos", "--model", "a.toml", "--model", "b.toml", "--perturbation", "r.safetensors",
        "--perturbation", "s.safetensors", "--defense", "jpeg:quality=50 + temporal-mean",
        "--detector", "corpus-residual", "--draws", "2", "--corruptions",
        "--certify", "pixels", "--adaptive", "--fit", "more", "--steps", "9", "--epsilons", "2/255,4/255",
        "--learning-draws", "1,3", "--target", "yoga", "--views", "2", "--allow-overlap", "--batch", "3",
        "--device", "cpu",
    ],
    "train": [
        "videos", "--family", "tsm:shift=4", "--backbone", "resnet18", "--out", "victim", "--weights", "r.safetensors",
        "--train", "last", "--frames", "4", "--size", "64", "--sampler", "rate:fps=5", "--epochs", "3",
        "--time-budget", "2m", "--patience", "2", "--held-out", "0.3", "--batch", "4", "--optimizer", "sgd",
        "--learning-rate", "0.02", "--weight-decay", "0.1", "--label-smoothing", "0", "--no-flip",
        "--precision", "bf16", "--workers", "2", "--memory", "0.5", "--device", "cpu", "--seed", "3",
    ],
    "harden": [
        "videos", "--model", "demo", "--out", "hardened", "--method", "pgd", "--train", "last", "--norm", "l2",
        "--epsilon", "4/255", "--binding", "cyclic:2", "--delta-step", "0.5", "--delta-momentum", "0.5",
        "--patterns", "3", "--restart", "0", "--pgd-steps", "3", "--clean-share", "0.25",
        "--noise", "0.1", "--sampler", "uniform", "--through", "jpeg:quality=75", "--defense",
        "temporal-mean + jpeg", "--test", "more", "--held-out", "0.3", "--epochs", "3", "--time-budget", "2m",
        "--patience", "2", "--batch", "4", "--optimizer", "sgd", "--learning-rate", "0.02", "--weight-decay", "0.1",
        "--label-smoothing", "0.1", "--no-flip", "--precision", "bf16", "--attack-seeds", "2", "--attack-steps", "9",
        "--memory", "0.5", "--device", "cpu", "--seed", "3",
    ],
    "study": [
        "study.toml", "--videos", "my videos", "--model", "a.toml", "--model", "demo", "--folds", "3",
        "--seconds", "2.5", "--workers", "2", "--timeout", "3m", "--memory", "0.5", "--device", "cpu",
    ],
}  # fmt: skip


def stopped_run(folder: Path, command: str = "generate", **changes: Any) -> Path:
    """A run that was interrupted on this machine, beside its videos."""
    for name in ("videos", "my videos", "more", "v"):
        (folder.parent / name).mkdir(parents=True, exist_ok=True)
        (folder.parent / name / "a.mp4").touch()
    for name in ("r.safetensors", "s.safetensors"):
        (folder.parent / name).touch()
    for name in ("a.toml", "b.toml", "[b]x.toml"):
        (folder.parent / name).write_text('format = "hf:owner/network"')
    (folder.parent / "study.toml").write_text('[grid]\nattack = ["fgsm"]\n')
    settings = {"videos": "videos", "model": "demo", "out": "new.safetensors", "seed": 0}
    facts = {
        "command": command, "status": "interrupted", "started": "2026-01-01T00:00:00+00:00", "host": platform.node(),
        "command_line": ["lsap", "generate", "--model", "stored.toml"], "settings": settings,
        "working_folder": str(folder.parent),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(facts | changes))
    return folder


class Begun(Exception):
    """A command has checked its words and would begin its run."""


def settings_of(words: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings with which a command line would begin its run."""
    found: dict[str, Any] = {}

    def begin(command: str, folder: Path | None, settings: dict[str, Any], *rest: object) -> None:
        found.update(json.loads(json.dumps(settings)))
        raise Begun

    monkeypatch.setattr(f"lsap_cli.commands.{words[0]}.running", begin)
    with pytest.raises(Begun):
        typer.main.get_command(program)(words, standalone_mode=False)
    return found


@pytest.mark.parametrize("command", RESUMABLE)
def test_the_line_that_goes_on_has_the_settings_that_the_run_began_with(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped_run(tmp_path / "place" / "run")
    monkeypatch.chdir(folder.parent)
    begun = settings_of([command, *LINES[command]], monkeypatch)
    monkeypatch.chdir(tmp_path)
    words = commands().resume_words(read_snapshot(stopped_run(folder, command, settings=begun)))
    monkeypatch.chdir(folder.parent)
    assert settings_of(words, monkeypatch) == begun
    assert "--overwrite" not in words


def test_the_stored_command_line_is_not_run(tmp_path: Path) -> None:
    line = [sys.executable, "-c", "print('a stranger')", "generate"]
    facts = read_snapshot(stopped_run(tmp_path / "run", command_line=line))
    words = commands().resume_words(facts)
    assert not {"-c", "print('a stranger')"} & set(words)
    assert words[:1] == ["generate"]


def test_overwrite_is_the_only_thing_that_is_taken_from_the_stored_line(tmp_path: Path) -> None:
    facts = read_snapshot(
        stopped_run(tmp_path / "run", command_line=["lsap", "generate", "--overwrite", "--steps", "5"])
    )
    words = commands().resume_words(facts)
    assert "--overwrite" in words
    assert not any("steps" in word for word in words)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"command": "models check"}, "can be resumed"),
        ({"command": "rm"}, "can be resumed"),
        (
            {"settings": {"videos": "v", "model": "demo", "out": "o.safetensors", "payload": 1}},
            "does not know: payload",
        ),
        ({"settings": {"videos": "v", "model": "demo", "out": "o.safetensors", "steps": "many"}}, "--steps"),
        (
            {"settings": {"videos": "v", "model": "demo", "out": "o.safetensors", "steps": {"a": 1}}},
            "the setting steps",
        ),
        ({"settings": {"videos": "v", "model": "demo", "out": "o.safetensors", "matrix": "yes"}}, "the setting matrix"),
        ({"settings": {"videos": "v", "model": "demo", "out": ["o.safetensors"]}}, "the setting out"),
        ({"settings": {"videos": "v", "model": [["demo"]], "out": "o.safetensors"}}, "the setting model"),
        ({"settings": {"videos": "v\0", "model": "demo", "out": "o.safetensors"}}, "the setting videos"),
        ({"settings": {}}, "command: generate needs VIDEOS, --model and --out"),
    ],
)
def test_settings_that_are_not_valid_make_no_command(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(LsapError) as raised:
        commands().resume_words(read_snapshot(stopped_run(tmp_path / "run", **changes)))
    assert said in str(raised.value)


@pytest.mark.parametrize(("emptied", "said"), [(True, "videos is empty; give"), (False, "videos does not exist")])
def test_a_run_whose_videos_are_gone_is_not_resumed_and_says_so(tmp_path: Path, emptied: bool, said: str) -> None:
    facts = read_snapshot(stopped_run(tmp_path / "run"))
    assert commands().resume_words(facts)
    (tmp_path / "videos" / "a.mp4").unlink()
    if not emptied:
        (tmp_path / "videos").rmdir()
    with pytest.raises(LsapError, match=said):
        commands().resume_words(facts)


@pytest.mark.parametrize("host", ["elsewhere", None])
def test_a_run_of_another_host_is_not_resumed(tmp_path: Path, host: str | None) -> None:
    found = why_not_resumable(read_snapshot(stopped_run(tmp_path / "run", host=host)))
    assert found == "this run is of another machine: resume it there"


def test_a_part_of_a_demo_is_not_resumed(tmp_path: Path) -> None:
    stopped_run(tmp_path / "tour", "demo")
    found = why_not_resumable(read_snapshot(stopped_run(tmp_path / "tour" / "generate")))
    assert found == "a part of a demo cannot go on by itself"


def test_resuming_shows_the_whole_command_and_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stopped_run(
        tmp_path / "runs" / "half", settings={"videos": "v", "model": "[b]x.toml", "out": "o.safetensors", "steps": 3}
    )
    started: list[object] = []
    monkeypatch.setattr("lsap_cli.dashboard.launching.start", lambda *words: started.append(words))
    facts = read_snapshot(folder)
    line = resume_line(facts, commands().resume_words(facts))
    assert line.endswith(" --resume --run " + str(folder) + " -- v")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "stopped")
        for key in ("n", "escape", "enter"):
            await pilot.press("r")
            await until(pilot, app, "Resume half?")
            flat = "".join(shown_text(app).replace("│", "").split())
            assert "".join(line.split()) in flat
            await pilot.press(key)
            await until(pilot, app, "newest first")
            assert started == []
        await pilot.press("r")
        await until(pilot, app, "Resume half?")
        await pilot.press("y")
        await until(pilot, app, "half goes on")
        assert len(started) == 1

    play(tmp_path / "runs", act, WIDE)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    yield process
    process.kill()
    process.wait()


def test_a_process_that_does_not_hold_the_run_s_lock_is_not_signaled(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    folder = stopped_run(tmp_path / "run", status="running", pid=sleeper.pid)
    (folder / "events.jsonl").write_text("")
    assert read_snapshot(folder).live, "it was written to just now, and has no lock file"
    assert stop(folder) == "the process with the run's number does not hold the run's lock: it is not signaled"
    assert sleeper.poll() is None


def test_a_copy_of_a_live_run_does_not_stop_the_process_of_its_number(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code = (
        "import time; from pathlib import Path; from lsap_cli.runs import Run\n"
        f"with Run(Path({str(folder)!r}), 'generate', {{}}, []):\n    print('on', flush=True)\n    time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            shutil.copytree(folder, tmp_path / "copy")
            assert "not" in stop(tmp_path / "copy")
            facts = json.loads((folder / "run.json").read_text())
            (folder / "run.json").write_text(json.dumps(facts | {"host": "elsewhere"}))
            assert stop(folder) == "this run is on another machine: stop it there"
            assert process.poll() is None
            (folder / "run.json").write_text(json.dumps(facts))
            assert stop(folder) == "asked the run to stop; what is finished is kept"
            assert process.wait(20) != 0
        finally:
            process.kill()
