"""Reading run folders: live, finished, copied from elsewhere, half-written or damaged. What a folder holds never raises."""

import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

RUN_FILE = "run.json"
EVENTS_FILE = "events.jsonl"
RESULTS_FILE = "results.json"
RECORDS_FILE = "records.jsonl"
CONSOLE_FILE = "console.txt"
LARGEST_JSON_BYTES = 64 * 2**20
QUIET_SECONDS = (
    15.0  # a run that holds no lock here and wrote within this time is written elsewhere (a folder that is copied on)
)

State = Literal["starting", "running", "done", "failed", "interrupted", "killed", "damaged"]
LIVE: tuple[State, ...] = ("starting", "running")


@dataclass(frozen=True)
class Facts:
    """What run.json says, and whether it can be believed.

    Attributes:
        folder: of the run.
        command: generate, apply, defend, demo or models check; empty where it is not known.
        state: `killed` is a run that says it is running while nothing writes into its folder.
        started: seconds since 1970; None where it is not known.
        finished: likewise; None while it runs.
        settings: the command's options.
        problems: sentences, one for each thing that is damaged.
        raw: all of run.json.
    """

    folder: Path
    command: str
    state: State
    started: float | None = None
    finished: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def error(self) -> str:
        return str(self.raw.get("error") or "")

    @property
    def pid(self) -> int | None:
        pid = self.raw.get("pid")
        return pid if isinstance(pid, int) and not isinstance(pid, bool) and pid > 0 else None

    @property
    def classifier(self) -> str:
        """The model's name, or the spec that was asked for while it is not loaded yet."""
        classifier = self.raw.get("classifier")
        name = classifier.get("name") if isinstance(classifier, Mapping) else None
        return str(name or self.settings.get("model") or ("demo" if self.command == "demo" else ""))


def read_facts(folder: Path) -> Facts:
    """The facts of one run folder."""
    raw, problem = read_json(folder / RUN_FILE)
    if raw is None:
        if problem is None and (folder / CONSOLE_FILE).exists():
            return _without_facts(folder)
        return Facts(folder, "", "damaged", _modified(folder), problems=(problem or f"{RUN_FILE} is missing",))
    problems: list[str] = []
    command, status, settings = raw.get("command"), raw.get("status"), raw.get("settings")
    if not isinstance(command, str):
        problems.append(f"{RUN_FILE} names no command")
    if not isinstance(settings, Mapping):
        problems.append(f"{RUN_FILE} has no settings")
    state: State
    if status == "running":
        state = "running" if is_written(folder, raw) else "killed"
    elif status in ("done", "failed", "interrupted"):
        state = status
    else:
        problems.append(f"{RUN_FILE} has no status that is known")
        state = "damaged"
    if not (folder / EVENTS_FILE).is_file():
        problems.append(f"{EVENTS_FILE} is missing")
    return Facts(
        folder=folder,
        command=command if isinstance(command, str) else "",
        state=state,
        started=_seconds(raw.get("started")) or _modified(folder),
        finished=_seconds(raw.get("finished")),
        settings=settings if isinstance(settings, Mapping) else {},
        problems=tuple(problems),
        raw=raw,
    )


def read_json(path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """A JSON object and None; or None and what is wrong with the file (None: there is no file)."""
    try:
        if path.stat().st_size > LARGEST_JSON_BYTES:
            return None, f"{path.name} has {path.stat().st_size / 2**20:.0f} MB: too large to be read here"
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, None
    except OSError as error:
        return None, f"{path.name} cannot be read ({error.strerror or error})"
    except UnicodeDecodeError:
        return None, f"{path.name} is not text"
    except (ValueError, RecursionError):
        return None, f"{path.name} is damaged: it is not whole JSON"
    if not isinstance(value, dict):
        return None, f"{path.name} is damaged: it holds no JSON object"
    return value, None


def is_written(folder: Path, raw: Mapping[str, Any]) -> bool:
    """Whether a process writes into the run folder now.

    The writer holds a lock on `.lock`. It is looked up without taking it, so that a run that starts at this very moment
    is never refused. A folder that comes from another machine has no lock here: there the last write counts.

    Args:
        folder: of the run.
        raw: its run.json.
    """
    host = raw.get("host")
    held = _lock_is_held(folder / ".lock", raw.get("pid")) if host in (None, platform.node()) else None
    if held is not None:
        return held
    written = _modified(folder / EVENTS_FILE)
    return written is not None and time.time() - written < QUIET_SECONDS


def holds_lock(folder: Path, pid: int) -> bool:
    """Whether a process of this machine holds the run folder's lock; False where the system does not say."""
    return any(holder == pid for holder, _ in _lock_holders(folder / ".lock") or [])


def _lock_is_held(path: Path, pid: object) -> bool | None:
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


def _without_facts(folder: Path) -> Facts:
    """A folder whose process was started by the dashboard, and has not written run.json (yet, or never)."""
    written = _modified(folder / CONSOLE_FILE) or 0.0
    if time.time() - written < QUIET_SECONDS:
        return Facts(folder, "", "starting", written)
    return Facts(folder, "", "failed", written, raw={"error": last_words(folder)})


def last_words(folder: Path) -> str:
    """The last line that the run's process printed, where the dashboard started it; empty otherwise."""
    try:
        lines = (folder / CONSOLE_FILE).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _seconds(text: object) -> float | None:
    """ISO 8601 as seconds since 1970; None where it is something else."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
