"""Two runs, cell by cell: their rates, and the paired test over the videos that both judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.results.files import decode_lines
from lsap_cli.results.rates import Rate, paired
from lsap_cli.results.records import NO_ATTACK, NOISE, PERTURBED, Cell, Record
from lsap_cli.results.rows import Row, Rows
from lsap_cli.runs.following import FileTail
from lsap_cli.runs.reading import RECORDS_FILE

RecordsByCell = Mapping[Cell, Sequence[Record]]


@dataclass(frozen=True)
class ComparedCell:
    """One cell of two runs.

    Attributes:
        attack: none, noise or perturbed: the perturbation may have another name in each run.
        metric: what the rates are of: accuracy where both runs have labels, else fooling rate.
        p: exact two-sided p of McNemar's test over the videos that both runs judged; None where no outcome differs or
            the runs keep no records.
        paired: how many videos those are.
    """

    attack: str
    defense: str
    sampler: str
    metric: str
    first: Rate
    second: Rate
    p: float | None
    paired: int

    @property
    def key(self) -> Cell:
        return self.attack, self.defense, self.sampler


def read_records(folder: Path) -> dict[Cell, list[Record]]:
    """The records of a run folder by cell, in the order of the file; damaged lines are left out."""
    cells: dict[Cell, list[Record]] = {}
    tail = FileTail(folder / RECORDS_FILE)
    for block in tail.read():
        for record in decode_lines(block, Record):
            if record is not None:
                cells.setdefault(record.cell, []).append(record)
    tail.close()
    return cells


def compare_cells(first: tuple[Rows, RecordsByCell], second: tuple[Rows, RecordsByCell]) -> list[ComparedCell]:
    """The cells that two runs have in common, each with both rates and the paired test."""
    others = {_key(row): row for row in second[0].rows}
    compared: list[ComparedCell] = []
    for row in first[0].rows:
        other = others.get(_key(row))
        if other is None:
            continue
        labelled = row.accuracy is not None and other.accuracy is not None
        one, two = (row.accuracy, other.accuracy) if labelled else (row.fooling_rate, other.fooling_rate)
        if one is None or two is None:
            continue
        p, count = _test(first[1].get(row.cell, ()), second[1].get(other.cell, ()), labelled)
        metric = "accuracy" if labelled else "fooling rate"
        compared.append(ComparedCell(*_key(row), metric, one, two, p, count))
    return compared


def _test(first: Sequence[Record], second: Sequence[Record], labelled: bool) -> tuple[float | None, int]:
    """McNemar's p over the videos of both, and how many those are."""
    others = {record.video: record for record in second}
    both = [(one, others[one.video]) for one in first if one.video in others]
    if labelled:
        both = [(a, b) for a, b in both if a.correct is not None and b.correct is not None]
    outcomes = [(a.correct is True, b.correct is True) if labelled else (a.changed, b.changed) for a, b in both]
    return paired([a for a, _ in outcomes], [b for _, b in outcomes]).p, len(outcomes)


def _key(row: Row) -> Cell:
    attack = row.attack if row.attack in (NO_ATTACK, NOISE) else PERTURBED
    return attack, row.defense, row.sampler
