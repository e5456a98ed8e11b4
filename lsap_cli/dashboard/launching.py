"""Starting, stopping and resuming runs. A started run is a process of its own, which outlives the dashboard."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lsap_cli.runs.reading import CONSOLE_FILE, Facts, is_written

PROGRAM = (sys.executable, "-m", "lsap_cli")


def start(words: Sequence[str], folder: Path, working_folder: Path | None = None) -> subprocess.Popen[bytes]:
    """Starts `lsap` in a session of its own; what it prints goes to console.txt in the run folder.

    Args:
        words: behind `lsap`, without `--run`.
        folder: of the run.
        working_folder: where relative paths begin; by default here.

    Raises:
        OSError: if the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / CONSOLE_FILE).open("ab") as console:
        return subprocess.Popen(
            [*PROGRAM, *words, "--run", str(folder.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=working_folder,
        )


def stop(facts: Facts) -> str:
    """Asks the run's process to end, as Ctrl-C does; returns what was done, or why not.

    A process that does not hear Ctrl-C, as one that a script started in the background, is terminated instead.
    """
    if not facts.live or facts.pid is None or not is_written(facts.folder, facts.raw):
        return "this run is not running here"
    deaf = _ignores_interrupts(facts.pid)
    try:
        os.kill(facts.pid, signal.SIGTERM if deaf else signal.SIGINT)
    except ProcessLookupError:
        return "this run's process is on another machine, or gone"
    except PermissionError:
        return "this run belongs to another user"
    return "ended the run; what it had saved is kept" if deaf else "asked the run to stop; what is finished is kept"


def _ignores_interrupts(pid: int) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    ignored = next((int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:")), 0)
    return bool(ignored >> (signal.SIGINT - 1) & 1)


def without_options(words: Sequence[str]) -> list[str]:
    """A command line without `--dashboard`, `--resume` and `--run DIR`."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "--run":
            skip = True
        elif word not in ("--dashboard", "--resume") and not word.startswith("--run="):
            kept.append(word)
    return kept


def can_resume(facts: Facts, resumable: Sequence[str]) -> bool:
    """Whether the run stopped before its end, and its command knows how to go on.

    Args:
        facts: of the run.
        resumable: the commands that have `--resume`.
    """
    line = facts.raw.get("command_line")
    begun_by_itself = isinstance(line, list) and facts.command in line  # not as a part of a demo
    return facts.state in ("interrupted", "killed", "failed") and facts.command in resumable and begun_by_itself


def resume(facts: Facts) -> subprocess.Popen[bytes]:
    """Goes on with a stopped run, where it was started: its own command line with `--resume`.

    Raises:
        OSError: if the folder that it was started in is gone.
    """
    line, where = facts.raw.get("command_line"), facts.raw.get("working_folder")
    words = without_options([str(word) for word in line[1:]] if isinstance(line, list) else [])
    return start([*words, "--resume"], facts.folder, Path(where) if isinstance(where, str) else None)


def command_words(facts: Facts) -> str:
    """The run's command line as it was typed; of a part of a demo, the demo's."""
    line = facts.raw.get("command_line")
    return shlex.join(["lsap", *map(str, line[1:])]) if isinstance(line, list) else "not recorded"
