"""Runs that wait for their turn: each is a process of its own, which becomes the run when those before it have ended.

A waiting process holds the lock on its ticket, a file in `.queue` of the folder with the runs, and keeps it when it
becomes the run. It goes on when the oldest ticket that is held is its own, and the runs that were live when it was
queued have ended. No process looks after the others, so none can leave them behind; no stored command line is run.
"""

import fcntl
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.results.files import RUN_FILE
from lsap_cli.runs.reading import QUEUED_FILE, read_snapshot

QUEUE_FOLDER = ".queue"
TURN_FILE = "turn"
LOOK_EVERY_SECONDS = 1.0
MODULE = "lsap_cli.runs.queueing"


def main(words: Sequence[str]) -> None:
    """Waits, then becomes `lsap` with the words behind `--`: `ROOT FOLDER [LIVE_RUN ...] -- WORDS`."""
    end = list(words).index("--")
    root, folder, *before = map(Path, words[:end])
    ticket = take_ticket(root)
    while is_queued(folder) and not (is_first(ticket, before) and take_turn(root)):
        time.sleep(LOOK_EVERY_SECONDS)
    if not take_out_of_queue(folder):
        print("it was taken out of the queue before it began", flush=True)
        raise SystemExit(1)
    os.execv(sys.executable, [sys.executable, "-m", "lsap_cli", *words[end + 1 :]])


def take_ticket(root: Path) -> Path:
    """A place at the end of the queue, held until this process, and what it becomes, ends.

    Raises:
        LsapError: if the queue's folder is a link.
    """
    queue = root / QUEUE_FOLDER
    if queue.is_symlink():
        raise LsapError(f"{queue} is a link: nothing is written through it; remove it")
    queue.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns():020d}-{os.getpid()}"
    unnamed = queue / f".{name}"  # a ticket that others see is held already
    _hold(unnamed)
    return unnamed.rename(queue / name)


def take_turn(root: Path) -> bool:
    """Takes the one lock that only one queued run has at a time; whether it was free. It is kept as the ticket is."""
    try:
        _hold(root / QUEUE_FOLDER / TURN_FILE)
    except BlockingIOError:
        return False
    return True


def is_first(ticket: Path, before: Sequence[Path]) -> bool:
    """Whether no older ticket is held and none of some runs is live. Older tickets that nobody holds are removed."""
    older = [one for one in ticket.parent.iterdir() if one.name[0].isdigit() and one.name < ticket.name]
    if any(_is_held(one) for one in older):
        return False
    for one in older:
        one.unlink(missing_ok=True)
    return not any(read_snapshot(run).live for run in before if (run / RUN_FILE).exists())


def is_queued(folder: Path) -> bool:
    """Whether a run folder waits for its turn: its mark is there."""
    return (folder / QUEUED_FILE).is_file()


def take_out_of_queue(folder: Path) -> bool:
    """Removes a run's mark, upon which its process ends without having begun; whether it was there.

    Raises:
        OSError: if the folder cannot be written.
    """
    try:
        (folder / QUEUED_FILE).unlink()
    except FileNotFoundError:
        return False
    return True


def _hold(path: Path) -> None:
    """Locks a file for this process and what it becomes.

    Raises:
        BlockingIOError: if another process holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    os.set_inheritable(handle, True)


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


if __name__ == "__main__":
    main(sys.argv[1:])
