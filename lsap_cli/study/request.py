"""What a study file asks for: grids, tables made of them, and the protocol of all cells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.study.grid import StudyGrid, StudyPoint, expand_grids
from lsap_cli.study.measures import USUAL_MEASURES

Refusal = Callable[[str, str], LsapError]
"""Makes an error of a place in the file and a sentence."""


@dataclass(frozen=True)
class TableRequest:
    """A table that a study file asks for.

    Attributes:
        name: of its files.
        title: above it.
        note: below the title.
        rows: axes.
        columns: axes; may be none.
        measures: of each cell.
        where: values that axes must have, as text.
        grids: names of the grids that it is made of; empty: all.
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...] = ()
    measures: tuple[str, ...] = USUAL_MEASURES
    title: str = ""
    note: str = ""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    grids: tuple[str, ...] = ()

    def takes(self, point: StudyPoint) -> bool:
        """Whether a point of the grid is in the table."""
        if self.grids and not set(self.grids) & set(point.grids):
            return False
        return all(point.text(axis) in values for axis, values in self.where.items())

    def place(self, point: StudyPoint) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The row and the column of a point, as values."""
        return tuple(map(point.text, self.rows)), tuple(map(point.text, self.columns))


@dataclass(frozen=True)
class StudyRequest:
    """What a study file asks for.

    Attributes:
        path: of the file.
        grids: as they are written.
        tables: likewise.
        names: what tables show for a value, by the value.
        title: of the study.
        videos: the set; None: the command line gives it.
        root: where a list's relative paths begin.
        fps: of frame folders.
        labels: a file with the names of a list's numbers.
        folds: of the recordings.
        seed: of folds and judging.
        batch: clips of a learning step.
        seconds: of learning one perturbation, at most; None: no limit.
        views: clips of a judged video; None: the victim's own number.
        threads: of each worker; results depend on it.
        ladder_steps: of each adaptive attacker.
    """

    path: Path
    grids: tuple[StudyGrid, ...]
    tables: tuple[TableRequest, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    videos: str | None = None
    root: str | None = None
    fps: float | None = None
    labels: str | None = None
    folds: int = 5
    seed: int = 0
    batch: int = 4
    seconds: float | None = None
    views: int | None = None
    threads: int = 1
    ladder_steps: int = 300

    def points(self) -> list[StudyPoint]:
        """All points of all grids, each once, in their order."""
        return expand_grids(self.grids)

    def refusal(self, place: str, sentence: str) -> LsapError:
        """What is wrong at a place of the file."""
        return refused(self.path, place, sentence)


def refused(path: Path, place: str, sentence: str) -> LsapError:
    """The error about a place of a study file.

    Args:
        path: of the file.
        place: in it: a section and a key.
        sentence: what is wrong, and what would work.
    """
    return LsapError(f"{path}: {place}: {sentence}")
