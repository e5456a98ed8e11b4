"""Reading run folders: live, finished, copied, half-written or damaged. No content of a folder raises."""

import contextlib
import fcntl
import os
import platform
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import IO, Any, Literal

from lsap_cli.results.base import or_none
from lsap_cli.results.files import RUN_FILE, open_regular, read_facts_document
from lsap_cli.results.run_facts import RunFacts

EVENTS_FILE = "events.jsonl"
RECORDS_FILE = "records.jsonl"
CONSOLE_FILE = "console.txt"
QUEUED_FILE = ".queued"  # in a run folder whose process waits for its turn
LARGEST_PID = 2**22  # Linux gives no larger one
CONSOLE_BYTES = 4000
CARD_FILE = "model.toml"
# a run that holds no lock here and wrote within this time is written elsewhere (a folder that is copied on)
QUIET_SECONDS = 15.0

RunState = Literal["queued", "starting", "running", "done", "failed", "interrupted", "killed", "damaged"]
LIVE: tuple[RunState, ...] = ("queued", "starting", "running")


@dataclass(frozen=True)
class RunSnapshot:
    """The content of run.json at a moment, and its reliability.

    Attributes:
        folder: of the run.
        state: `killed` is a run that says it is running while nothing writes into its folder.
        started: seconds since 1970; None where it is not known.
        finished: likewise; None while it runs.
        facts: run.json; None where there is none, or it cannot be used.
        problems: sentences, one for each thing that is damaged.
        last_words: of a process that never wrote run.json: the last line that it printed.
    """

    folder: Path
    state: RunState
    started: float | None = None
    finished: float | None = None
    facts: RunFacts | None = None
    problems: tuple[str, ...] = ()
    last_words: str = ""

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def command(self) -> str:
        """generate, apply, defend, demo or models check; empty where it is not known."""
        return self.facts.command if self.facts else ""

    @property
    def settings(self) -> dict[str, Any]:  # each command has its own; they are shown, or checked by the command
        return self.facts.settings if self.facts else {}

    @property
    def error(self) -> str:
        """Why a run failed; empty where it did not."""
        return (or_none(self.facts.error) if self.facts else None) or self.last_words

    @property
    def pid(self) -> int | None:
        pid = self.facts.pid if self.facts else None
        return pid if pid is not None and 0 < pid <= LARGEST_PID else None

    @property
    def is_of_this_host(self) -> bool:
        """Whether the run was made on this machine, by its own record."""
        return self.facts is not None and self.facts.host == platform.node()

    @property
    def device(self) -> str:
        """That was used, or asked for while that is not known."""
        used = or_none(self.facts.device) if self.facts else None
        return used or str(self.settings.get("device") or "")

    @property
    def classifier(self) -> str:
        """The model's name, or the spec that was asked for while it is not loaded yet."""
        classifier = or_none(self.facts.classifier) if self.facts else None
        name = (classifier or {}).get("name")
        return str(name or _models_words(self.settings.get("model")) or ("demo" if self.command == "demo" else ""))


def _models_words(given: object) -> str:
    """The model of a run's settings, of a card the name of its folder; or how many models there are."""
    if isinstance(given, list | tuple):
        return f"{len(given)} models" if len(given) > 1 else _models_words(given[0] if given else "")
    spec = str(given or "")
    return PurePath(spec).parent.name or spec if PurePath(spec).name == CARD_FILE else spec


def read_snapshot(folder: Path) -> RunSnapshot:
    """What one run folder is now."""
    loaded = read_facts_document(folder)
    facts = loaded.value
    if facts is None:
        if not loaded.problems and (folder / CONSOLE_FILE).exists():
            return _without_facts(folder)
        return RunSnapshot(folder, "damaged", modified(folder), problems=loaded.problems or (f"{RUN_FILE} is missing",))
    problems = loaded.problems
    if not (folder / EVENTS_FILE).is_file():
        problems += (f"{EVENTS_FILE} is missing",)
    state: RunState = "killed" if facts.status == "running" and not is_written(folder, facts) else facts.status
    return RunSnapshot(
        folder, state, _seconds(facts.started) or modified(folder), _seconds(facts.finished), facts, problems
    )


def is_written(folder: Path, facts: RunFacts) -> bool:
    """Whether a process writes into the run folder now.

    The writer holds a lock on `.lock`. It is looked up without taking it, so that a run that starts at this very moment
    is never refused. A folder that comes from another machine has no lock here: there the last write counts.

    Args:
        folder: of the run.
        facts: its run.json.
    """
    held = _lock_is_held(folder / ".lock", facts.pid) if facts.host in (None, platform.node()) else None
    if held is not None:
        return held
    written = modified(folder / EVENTS_FILE)
    return written is not None and time.time() - written < QUIET_SECONDS


def holds_lock(folder: Path, pid: int) -> bool:
    """Whether a process of this machine holds the run folder's lock; False where the system does not say."""
    return any(holder == pid for holder, _ in _lock_holders(folder / ".lock") or [])


def _lock_is_held(path: Path, pid: int | None) -> bool | None:
    """Whether any process holds the lock; None where it cannot be known.

    Some file systems give another device in /proc/locks than `stat` does; then the same inode locked by the run's own
    process counts.
    """
    holders = _lock_holders(path)
    return None if holders is None else any(same_device or holder == pid for holder, same_device in holders)


def _lock_holders(path: Path) -> list[tuple[int, bool]] | None:
    """The processes that lock a file with this inode, and whether the device is the same, too.

    None where it cannot be known: no lock file, or a system without /proc/locks. A line of /proc/locks ends with
    `PID MAJOR:MINOR:INODE START END`.
    """
    try:
        status = path.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    holders = []
    for line in lines:
        words = line.split()
        if "FLOCK" in words and "->" not in words and len(words) >= 4:  # `->`: a process that waits for it
            place, _, inode = words[-3].rpartition(":")
            if inode == str(status.st_ino):
                holders.append((int(words[-4]), place == device))
    return holders


def _without_facts(folder: Path) -> RunSnapshot:
    """A folder whose process was started by the dashboard, and has not written run.json (yet, or never)."""
    written = modified(folder / CONSOLE_FILE) or 0.0
    if console_is_held(folder):
        return RunSnapshot(folder, "queued" if (folder / QUEUED_FILE).is_file() else "starting", written)
    return RunSnapshot(folder, "failed", written, last_words=last_words(folder) or "it ended before it began")


def hold_console(console: IO[bytes]) -> None:
    """Marks what the open console file belongs to as alive: every process that has it open, until the last one ends."""
    with contextlib.suppress(OSError):
        fcntl.flock(console, fcntl.LOCK_EX | fcntl.LOCK_NB)


def console_is_held(folder: Path) -> bool:
    """Whether the process that prints into the run's console file lives."""
    try:
        with open_regular(folder / CONSOLE_FILE) as console:
            fcntl.flock(console, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_console(folder: Path, most_bytes: int = CONSOLE_BYTES) -> str:
    """The end of what the run's process printed, where the dashboard started it; empty otherwise."""
    try:
        with open_regular(folder / CONSOLE_FILE) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most_bytes))
            return file.read(most_bytes).decode("utf-8", "replace")
    except OSError:
        return ""


def last_words(folder: Path) -> str:
    """The last line that the run's process printed; empty where it printed none."""
    lines = read_console(folder).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def modified(path: Path) -> float | None:
    """When a file or folder was written to, in seconds since 1970; None where it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _seconds(text: str | None) -> float | None:
    """ISO 8601 as seconds since 1970; None where it is something else."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError, OSError):
        return None
