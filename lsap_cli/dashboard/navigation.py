"""What screens ask the application for: messages, so that no screen needs to import the application."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message
from textual.screen import Screen

from lsap_cli.dashboard.guard import LeavingApp
from lsap_cli.runs.reading import RunSnapshot

if TYPE_CHECKING:
    from lsap_cli.dashboard.taking import CopyItem


class Navigator(LeavingApp):
    """An application that can be asked for something at once."""

    def take(self, message: Message) -> None:
        """Does what a message asks for, before the next key is handled."""
        raise NotImplementedError


def ask(screen: Screen[None], message: Message) -> None:
    """Asks the application at once: a key that was typed ahead goes to what it opens, not to the screen below."""
    app = screen.app
    if isinstance(app, Navigator):
        app.take(message)
    else:
        screen.post_message(message)


@dataclass
class OpenRun(Message):
    """Shows one run folder."""

    folder: Path


@dataclass
class OpenStart(Message):
    """Shows the forms that start a run, filled in with what a run offers, if one is given."""

    run: RunSnapshot | None = None


@dataclass
class StartAgain(Message):
    """Shows the form of a run's command as it was filled in, to be changed."""

    run: RunSnapshot


@dataclass
class OpenComparison(Message):
    """Shows runs side by side."""

    folders: Sequence[Path]


@dataclass
class ChooseComparison(Message):
    """Asks which run is to be compared with this one."""

    folder: Path


@dataclass
class StopRun(Message):
    """Asks whether the run is to be stopped, and stops it."""

    run: RunSnapshot


@dataclass
class ResumeRun(Message):
    """Shows the command that goes on with a stopped run, asks, and starts it."""

    run: RunSnapshot


@dataclass
class DeleteRuns(Message):
    """Asks whether runs are to be moved to the trash, and moves them."""

    runs: Sequence[RunSnapshot]


@dataclass
class UndoDelete(Message):
    """Restores what was deleted last."""


@dataclass
class OpenTrash(Message):
    """Shows what was deleted."""


@dataclass
class LabelRun(Message):
    """Asks for a run's name, tags and note."""

    folder: Path


@dataclass
class RunsChanged(Message):
    """Tells a screen that run folders were moved or labelled: it reads them again."""


@dataclass
class TabShown(Message):
    """A tab of a run was opened, by its name."""

    tab: str


@dataclass
class OpenReport(Message):
    """Opens a run's report, which is made where there is none."""

    folder: Path


@dataclass
class ExportRun(Message):
    """Writes a run's tables and pictures as files."""

    folder: Path


@dataclass
class CopyFrom(Message):
    """Asks which of some things is to be copied."""

    items: "Sequence[CopyItem]"


@dataclass
class RunsSeen(Message):
    """The states of some runs were read."""

    runs: Sequence[RunSnapshot]


@dataclass
class OpenCurves(Message):
    """Shows the curves of a run one at a time, as large as the screen."""

    folder: Path
