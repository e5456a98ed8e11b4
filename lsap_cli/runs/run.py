"""Writing a run folder: run.json, events.jsonl, results.json, artefacts. See docs/file-formats.md.

A run that is refused for wrong usage before it has written anything of its own leaves no folder behind.
"""

import fcntl
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from msgspec.structs import replace

from lsap_cli.errors import WRONG_USAGE, LsapError
from lsap_cli.results.base import Result
from lsap_cli.results.events import EndEvent, Event, StartEvent
from lsap_cli.results.files import RUN_FILE, read_facts_document, write_document
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.run_facts import RunFacts
from lsap_cli.runs.usage import UsageWriter

EVENTS_FILE = "events.jsonl"
LOCK_FILE = ".lock"
OF_EVERY_RUN = frozenset({RUN_FILE, EVENTS_FILE, LOCK_FILE})
PACKAGES = ("lsap", "torch", "torchvision", "av", "numpy")
Listener = Callable[[Event], None]


class Run:
    """One command's folder, being written. A context manager: how the block ends is the run's status.

    Args:
        folder: made if need be.
        command: generate, apply, defend, demo or models check.
        settings: the command's settings as JSON values.
        listeners: called with every event, after it is on disk.
        resume: whether the folder may hold an earlier part of the same run.

    Attributes:
        begun: the facts of that earlier part; None: there is none.

    Raises:
        LsapError: if the folder holds a run already, or one of another command that is to go on, another process writes
            into it, or it cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        command: str,
        settings: Mapping[str, Any],  # each command has options of its own
        listeners: list[Listener],
        resume: bool = False,
    ) -> None:
        self.folder = folder
        self._listeners = listeners
        self._made = [one for one in (folder, *folder.parents) if not one.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / LOCK_FILE).open("a")
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
        if (folder / RUN_FILE).exists() and not resume:
            raise LsapError(f"the run folder {folder} holds a run already; give another with --run")
        self.begun = read_facts_document(folder).value
        if self.begun is not None and self.begun.command != command:
            what = f"a run of {self.begun.command}, not of {command}"
            raise LsapError(f"the run folder {folder} holds {what}; give another with --run")
        self._facts = RunFacts(
            command=command,
            status="running",
            started=_now(),
            pid=os.getpid(),
            host=platform.node(),
            working_folder=str(Path.cwd()),
            command_line=tuple(sys.argv),
            settings=dict(settings),
            versions=versions(),
            platform=platform.platform(),
        )
        _end_last_line(folder / EVENTS_FILE)
        self._events = LineFile(folder / EVENTS_FILE, append=True)
        self._writing = threading.Lock()
        self._usage = UsageWriter(self._append)

    def __enter__(self) -> "Run":
        self._write_facts()
        self.event(StartEvent(command=self._facts.command))
        self._usage.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._usage.close()
        try:
            self._end(kind, error)
            if isinstance(error, LsapError) and error.exit_code == WRONG_USAGE:
                self._remove_if_empty()
        except OSError:
            if kind is None:
                raise  # else the error that ended the block goes on: it is the one to be named
        finally:
            self._lock.close()

    def _end(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        if kind is None:
            self._facts = replace(self._facts, status="done")
        elif issubclass(kind, KeyboardInterrupt):
            self._facts = replace(self._facts, status="interrupted")
        else:
            self._facts = replace(self._facts, status="failed", error=str(error))
        self._facts = replace(self._facts, finished=_now())
        try:
            self.event(EndEvent(status=self._facts.status))
            self._write_facts()
        finally:
            self._events.close()

    def _remove_if_empty(self) -> None:
        """Removes a folder that holds nothing but how this run was refused, and the folders made for it."""
        if self.begun is not None or {one.name for one in self.folder.iterdir()} != OF_EVERY_RUN:
            return
        for name in OF_EVERY_RUN:
            (self.folder / name).unlink()
        for folder in self._made:
            if any(folder.iterdir()):
                break
            folder.rmdir()

    def note(self, device: str, classifier: Mapping[str, str]) -> None:
        """Adds to run.json the device, and the name, the spec and the hashes of the classifier."""
        self._facts = replace(self._facts, device=device, classifier=dict(classifier))
        self._write_facts()

    def note_threads(self, threads: int) -> None:
        """Adds to run.json the number of threads that arithmetic is split among."""
        self._facts = replace(self._facts, threads=threads)
        self._write_facts()

    def event(self, event: Event) -> None:
        """Appends one line to events.jsonl, with the time, and calls the listeners."""
        timed = self._append(event)
        for listener in self._listeners:
            listener(timed)

    def write(self, name: str, result: Result) -> None:
        """Writes one document, whole or not at all."""
        write_document(self.folder / name, result)

    def _append(self, event: Event) -> Event:
        """One line of events.jsonl; two threads may do so."""
        with self._writing:
            timed = replace(event, time=round(time.time(), 3))
            self._events.write(timed)
        return timed

    def _write_facts(self) -> None:
        self.write(RUN_FILE, self._facts)


def _end_last_line(path: Path) -> None:
    """Ends a line that a killed process left half written, so that the next event has one of its own."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def versions() -> dict[str, str]:
    """Of Python and of the packages that results depend on."""
    from importlib.metadata import version  # the dashboard, which reads runs, needs none

    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


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
