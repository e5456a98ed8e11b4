"""A part of a run that another process works on: events go to whoever listens, nothing is written."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from lsap_cli.results.base import Result
from lsap_cli.results.events import Event
from lsap_cli.runs.run import Run


class WorkerRun(Run):
    """What work that is asked for a run gets where there is no run folder of its own.

    Args:
        folder: that work may look into; nothing is written there.
        listener: called with every event.
    """

    def __init__(self, folder: Path, listener: Callable[[Event], None]) -> None:
        self.folder = folder
        self.begun = None
        self._listener = listener

    def __enter__(self) -> "WorkerRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def event(self, event: Event) -> None:
        """Calls the listener."""
        self._listener(event)

    def note(self, device: str, classifier: Mapping[str, str]) -> None:
        """Does nothing: the command's own run says it."""

    def note_threads(self, threads: int) -> None:
        """Does nothing, likewise."""

    def write(self, name: str, result: Result) -> None:
        """Does nothing, likewise."""
