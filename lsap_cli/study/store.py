"""The store of a study: one file for each cell, called after its hash, written whole or not at all."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from lsap_cli.results.base import Result
from lsap_cli.results.files import encode_line, write_atomically
from lsap_cli.results.study import FailedCell, FinishedCell

Kept = TypeVar("Kept", bound=Result)
CELLS, FAILED, PATTERNS, STATES, FILES = "cells", "failed", "patterns", "states", "files"


@dataclass(frozen=True)
class CellStore:
    """What is kept of cells, below the study's folder.

    A file that a killed process left half written has another name, so all that is found is whole. One that is damaged
    all the same counts as none: its cell is done again.

    Attributes:
        root: the study's folder.
    """

    root: Path

    def make(self) -> None:
        """Makes the folders, and removes what only a killed process needed."""
        for name in (CELLS, FAILED, PATTERNS, STATES):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for folder in (CELLS, FAILED, PATTERNS):
            for left in (self.root / folder).glob(".*"):
                left.unlink(missing_ok=True)
        shutil.rmtree(self.root / FILES, ignore_errors=True)

    def finished(self, cell: str) -> FinishedCell | None:
        """A cell that is done; None: it is not."""
        return _read(self._path(CELLS, cell), FinishedCell)

    def failed(self, cell: str) -> FailedCell | None:
        """Why a cell failed; None: it did not."""
        return _read(self._path(FAILED, cell), FailedCell)

    def keep(self, one: FinishedCell | FailedCell) -> None:
        """Writes a cell that is done, or why it failed."""
        place = CELLS if isinstance(one, FinishedCell) else FAILED
        write_atomically(self._path(place, one.cell), encode_line(one))
        if place == CELLS:
            self._path(FAILED, one.cell).unlink(missing_ok=True)

    def pattern(self, pattern: str) -> Path:
        """Where a perturbation is."""
        return self.root / PATTERNS / f"{pattern}.safetensors"

    def state(self, pattern: str) -> Path:
        """Where learning it has come to."""
        return self.root / STATES / f"{pattern}.safetensors"

    def _path(self, folder: str, cell: str) -> Path:
        return self.root / folder / f"{cell}.json"


def _read(path: Path, kind: type[Kept]) -> Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
