"""What screens ask the application for: messages, so that no screen needs to import the application."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from lsap_cli.runs.reading import RunSnapshot


@dataclass
class OpenRun(Message):
    """Shows one run folder."""

    folder: Path


@dataclass
class OpenStart(Message):
    """Shows the forms that start a run."""


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
