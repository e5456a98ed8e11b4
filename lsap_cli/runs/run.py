"""Writing a run folder: run.json, events.jsonl, results.json, artefacts. See docs/file-formats.md."""

import fcntl
import importlib.metadata
import json
import math
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from lsap_cli.errors import LsapError
from lsap_cli.runs.usage import UsageWriter

SCHEMA = "lsap.run/1"
PACKAGES = ("lsap", "torch", "torchvision", "av", "numpy")
Event = Mapping[str, Any]
Listener = Callable[[Event], None]


class Run:
    """One command's folder, being written. A context manager: how the block ends is the run's status.

    Args:
        folder: made if need be.
        command: generate, apply, defend, demo or models check.
        settings: the command's settings as JSON values.
        listeners: called with every event, after it is on disk.
        resume: whether the folder may hold an earlier part of the same run.

    Raises:
        LsapError: if the folder holds a run already, another process writes into it, or it cannot be made.
    """

    def __init__(
        self, folder: Path, command: str, settings: Mapping[str, Any], listeners: list[Listener], resume: bool = False
    ) -> None:
        self.folder = folder
        self._listeners = listeners
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("a")
        except OSError as error:
            raise LsapError(
                f"the run folder {folder} cannot be made ({error.strerror}); give another with --run", 1
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LsapError(
                f"another lsap process is writing into the run folder {folder}; give another with --run", 1
            ) from None
        if (folder / "run.json").exists() and not resume:
            raise LsapError(f"the run folder {folder} holds a run already; give another with --run")
        self._facts: dict[str, Any] = {
            "schema": SCHEMA,
            "command": command,
            "status": "running",
            "started": _now(),
            "finished": None,
            "pid": os.getpid(),
            "host": platform.node(),
            "working_folder": str(Path.cwd()),
            "command_line": sys.argv,
            "settings": dict(settings),
            "versions": versions(),
            "platform": platform.platform(),
        }
        _end_last_line(folder / "events.jsonl")
        self._events: TextIO = (folder / "events.jsonl").open("a", encoding="utf-8")
        self._writing = threading.Lock()
        self._usage = UsageWriter(lambda facts: self._append({"kind": "usage", **facts}))

    def __enter__(self) -> "Run":
        self._write_facts()
        self.event("start", command=self._facts["command"])
        self._usage.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._usage.close()
        if kind is None:
            self._facts["status"] = "done"
        elif issubclass(kind, KeyboardInterrupt):
            self._facts["status"] = "interrupted"
        else:
            self._facts["status"] = "failed"
            self._facts["error"] = str(error)
        self._facts["finished"] = _now()
        self.event("end", status=self._facts["status"])
        self._write_facts()
        self._events.close()
        self._lock.close()

    def note(self, **facts: Any) -> None:
        """Adds facts to run.json, such as the device or the hashes of the inputs."""
        self._facts.update(facts)
        self._write_facts()

    def event(self, kind: str, **facts: Any) -> None:
        """Appends one line to events.jsonl and tells the listeners.

        Args:
            kind: such as start, stage, video, skipped, step, verification, warning, file or end.
            facts: JSON values.
        """
        event = self._append({"kind": kind, **facts})
        for listener in self._listeners:
            listener(event)

    def _append(self, facts: dict[str, Any]) -> dict[str, Any]:
        """One line of events.jsonl; two threads may do so."""
        with self._writing:
            event = {"time": round(time.time(), 3), **facts}
            self._events.write(json.dumps(_finite(event), allow_nan=False) + "\n")
            self._events.flush()
        return event

    def write_json(self, name: str, value: Any) -> None:
        """Writes one artefact, whole or not at all."""
        write_atomically(self.folder / name, json.dumps(_finite(value), indent=1, allow_nan=False) + "\n")

    def _write_facts(self) -> None:
        self.write_json("run.json", self._facts)


def _finite(value: Any) -> Any:
    """The same JSON value with null for what JSON has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _end_last_line(path: Path) -> None:
    """Ends a line that a killed process left half written, so that the next event has one of its own."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file so that a reader sees the old one or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def versions() -> dict[str, str]:
    """Of Python and of the packages that results depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def default_folder(command: str) -> Path:
    """`runs/<time>-<command>`, one that does not exist yet."""
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{command}"
    folder = Path("runs") / stem
    number = 2
    while folder.exists():
        folder = Path("runs") / f"{stem}-{number}"
        number += 1
    return folder


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
