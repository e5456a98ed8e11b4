"""Starting, stopping and resuming runs. A started run is a process of its own, which outlives the dashboard."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lsap_cli.runs.queueing import MODULE as QUEUEING
from lsap_cli.runs.queueing import take_out_of_queue
from lsap_cli.runs.reading import CONSOLE_FILE, QUEUED_FILE, RunSnapshot, hold_console, holds_lock, read_snapshot

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
    return _spawn([*PROGRAM, *with_options(words, "--run", str(folder.resolve()))], folder, working_folder)


def queue(words: Sequence[str], folder: Path, root: Path, live: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Starts a process that waits for its turn and then becomes `lsap`; it outlives the dashboard as a run does.

    Args:
        words: behind `lsap`, without `--run`.
        folder: of the run.
        root: the folder with the runs, whose queue it is.
        live: run folders that must have ended, too.

    Raises:
        OSError: if the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / QUEUED_FILE).touch()
    places = [str(one.resolve()) for one in (root, folder, *live)]
    line = with_options(words, "--run", str(folder.resolve()))
    return _spawn([sys.executable, "-m", QUEUEING, *places, "--", *line], folder)


def _spawn(command: Sequence[str], folder: Path, working_folder: Path | None = None) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / CONSOLE_FILE).open("ab") as console:
        hold_console(console)
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=working_folder,
        )


def stop(folder: Path) -> str:
    """Asks the run's process to end, as Ctrl-C does; returns what was done, or why not.

    The number in run.json is signaled only where the run is of this machine and that process holds the run's lock: a
    folder may be a copy, and numbers are given to other processes later. A process that ignores Ctrl-C, as one that a
    script started in the background, is terminated instead.
    """
    run = read_snapshot(folder)
    if run.state == "queued":
        return "taken out of the queue" if take_out_of_queue(folder) else "it has begun just now: stop it again"
    if not run.live or run.pid is None:
        return "this run is not running"
    if not run.is_of_this_host:
        return "this run is on another machine: stop it there"
    try:
        process = os.pidfd_open(run.pid)  # the process, whatever its number is given to meanwhile
    except OSError:
        return "this run's process is gone"
    try:
        if not holds_lock(folder, run.pid):
            return "the process with the run's number does not hold the run's lock: it is not signaled"
        terminated = _ignores_interrupts(run.pid)
        signal.pidfd_send_signal(process, signal.SIGTERM if terminated else signal.SIGINT)
    except PermissionError:
        return "this run belongs to another user"
    except ProcessLookupError:
        return "this run's process is gone"
    finally:
        os.close(process)
    return (
        "ended the run; what it had saved is kept" if terminated else "asked the run to stop; what is finished is kept"
    )


def _ignores_interrupts(pid: int) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    ignored = next((int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:")), 0)
    return bool(ignored >> (signal.SIGINT - 1) & 1)


def remove_if_never_begun(folder: Path) -> None:
    """Removes the folder of a process that ended before it wrote anything of its own."""
    with contextlib.suppress(OSError):
        if {one.name for one in folder.iterdir()} <= {CONSOLE_FILE, QUEUED_FILE}:
            for name in (CONSOLE_FILE, QUEUED_FILE):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def without_options(words: Sequence[str]) -> list[str]:
    """A command line without `--dashboard`, `--resume` and `--run DIR`."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("--run", "-r"):
            skip = True
        elif word not in ("--dashboard", "--resume") and not word.startswith(("--run=", "-r")):
            kept.append(word)
    return kept


def why_not_resumable(run: RunSnapshot) -> str | None:
    """Why a run cannot go on, before its settings are looked at; None: it can."""
    if run.state not in ("interrupted", "killed", "failed"):
        return "only a stopped run can go on"
    if not run.is_of_this_host:
        return "this run is of another machine: resume it there"
    if is_part_of_demo(run.folder):
        return "a part of a demo cannot go on by itself"
    return None


def resume(run: RunSnapshot, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Goes on with a stopped run, in the folder that it was started in.

    Args:
        run: that stopped.
        words: behind `lsap`, built from the run's settings.

    Raises:
        OSError: if the folder that it was started in is gone.
    """
    return start(with_options(words, "--resume"), run.folder, working_folder(run))


def with_options(words: Sequence[str], *options: str) -> list[str]:
    """Words with further options, which go before the `--` that ends the options."""
    end = words.index("--") if "--" in words else len(words)
    return [*words[:end], *options, *words[end:]]


def working_folder(run: RunSnapshot) -> Path | None:
    """Where the run was started: its relative paths begin there."""
    return Path(run.facts.working_folder) if run.facts and run.facts.working_folder else None


def resume_line(run: RunSnapshot, words: Sequence[str]) -> str:
    """The whole command that `resume` starts, as it would be typed."""
    return shlex.join(["lsap", *with_options(words, "--resume", "--run", str(run.folder.resolve()))])


def is_part_of_demo(folder: Path) -> bool:
    """Whether a run folder is a part of a demo."""
    return read_snapshot(folder.parent).command == "demo"


def command_text(run: RunSnapshot) -> str:
    """The run's command line as it was typed; of a part of a demo, the demo's."""
    return shlex.join(["lsap", *run.facts.command_line[1:]]) if run.facts and run.facts.command_line else "not recorded"
