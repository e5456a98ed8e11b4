"""`lsap dashboard` and `--dashboard`, with and without a terminal."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lsap_cli.runs.reading import read_snapshot
from tests.commands.conftest import SCRIPT, Lsap, World


@pytest.fixture(autouse=True)
def state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dashboard remembers, apart from what the person who runs the tests has."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_without_a_terminal_it_says_what_to_use_instead(lsap: Lsap, tmp_path: Path) -> None:
    outcome = lsap("dashboard", tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert "needs a terminal" in outcome.err


def test_a_file_is_no_folder_of_runs(lsap: Lsap, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = lsap("dashboard", tmp_path / "file")
    assert outcome.code == 2
    assert "is a file" in outcome.err


def test_without_a_terminal_plain_lines_follow(lsap: Lsap, world: World, tmp_path: Path) -> None:
    words = ("generate", world.learn, "--model", "demo", "--steps", 2, "--out", tmp_path / "r.safetensors")
    outcome = lsap(*words, "--run", tmp_path / "run", "--dashboard")
    assert outcome.code == 0, outcome.err
    assert "--dashboard needs a terminal; plain lines follow" in outcome.err
    assert "learning" in outcome.err
    assert (tmp_path / "r.safetensors").exists()


def test_it_is_not_for_json_nor_for_quiet(lsap: Lsap, tmp_path: Path) -> None:
    for flag in ("--json", "--quiet"):
        outcome = lsap("demo", "--dashboard", flag, "--run", tmp_path / "run")
        assert outcome.code == 2
        assert "leave out --json and --quiet" in outcome.err


def test_a_watched_run_goes_on_when_the_dashboard_is_closed(world: World, tmp_path: Path) -> None:
    line = ["generate", str(world.learn), "--model", "demo", "--steps", "30", "--batch", "2"]
    line += ["--out", str(tmp_path / "r.safetensors"), "--run", str(tmp_path / "run"), "--dashboard"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", SCRIPT, *line])
    shown = b""

    def read(seconds: float, words: bytes) -> bool:
        nonlocal shown
        end = time.monotonic() + seconds
        while words not in shown and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:
                    return words in shown
        return words in shown

    try:
        assert read(120, b"Facts"), shown[-2000:]
        os.write(terminal, b"q")
        assert read(60, b"lsap dashboard"), shown[-2000:]
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        os.close(terminal)
        subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
    deadline = time.monotonic() + 120
    while read_snapshot(tmp_path / "run").state in ("starting", "running") and time.monotonic() < deadline:
        time.sleep(0.2)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["status"] == "done"
    assert "--dashboard" not in facts["command_line"]


def test_it_ends_with_its_terminal_though_no_signal_says_so(tmp_path: Path) -> None:
    handle, inner = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color"}
    line = [sys.executable, "-c", SCRIPT, "dashboard", str(tmp_path)]
    with subprocess.Popen(
        line, stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True
    ) as process:
        os.close(inner)
        try:
            shown = b""
            end = time.monotonic() + 120
            while b"demo" not in shown and time.monotonic() < end:
                shown += os.read(handle, 65536) if select.select([handle], [], [], 0.1)[0] else b""
            assert b"demo" in shown, shown[-2000:]
            os.close(handle)
            assert process.wait(timeout=60) == 128 + signal.SIGHUP
        finally:
            process.kill()
