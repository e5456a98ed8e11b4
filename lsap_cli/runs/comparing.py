"""Runs beside each other, cell by cell: rates, their difference over the videos that both judged, the paired test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.results.defense_matrix import worst_of_ladders
from lsap_cli.results.documents import DefendResults, RunResults
from lsap_cli.results.files import decode_lines
from lsap_cli.results.paired_difference import PairedDifference, paired_difference
from lsap_cli.results.rates import Rate, holm, is_shown
from lsap_cli.results.records import NO_ATTACK, NOISE, PERTURBED, Cell, Record
from lsap_cli.results.rows import Row, Rows
from lsap_cli.runs.following import FileTail
from lsap_cli.runs.reading import RECORDS_FILE

RecordsByCell = Mapping[Cell, Sequence[Record]]
WORST = "worst adaptive"
ORDER = (WORST, PERTURBED, NOISE, NO_ATTACK)  # what matters most first


@dataclass(frozen=True)
class ComparedRun:
    """What is compared of a run.

    Attributes:
        name: as it is called on the screen.
        rows: of attacks that every defense met.
        worst: a row for each defense and sampler: its best adaptive attacker.
        records: by cell.
    """

    name: str
    rows: Rows
    worst: Sequence[Row]
    records: RecordsByCell

    @property
    def cells(self) -> dict[Cell, Row]:
        """Rows by what they are of: the perturbation may have another name in each run."""
        worst = {(WORST, row.defense, row.sampler): row for row in self.worst}
        return {**{_key(row): row for row in reversed(self.rows.rows)}, **worst}


@dataclass(frozen=True)
class ChangedVideo:
    """A video that is right in one run only; without labels, changed in one only.

    Attributes:
        first: its record in the base run.
        second: in the other one.
        gained: whether the second run is the better one.
    """

    first: Record
    second: Record
    gained: bool


@dataclass(frozen=True)
class ComparedCell:
    """One cell of a run beside that of the base run.

    Attributes:
        key: worst adaptive, perturbed, noise or none; defense; sampler.
        metric: what the rates are of: accuracy where both runs have labels, else fooling rate.
        first: of the base run.
        second: of the other one.
        difference: second less first, over the videos that both judged; None where the runs keep no records.
        changed: videos whose outcome differs.
        p: of the paired test, corrected for the cells of the two runs (Holm); None where no outcome differs.
    """

    key: Cell
    metric: str
    first: Rate
    second: Rate
    difference: PairedDifference | None
    changed: tuple[ChangedVideo, ...] = ()
    p: float | None = None

    @property
    def verdict(self) -> str:
        """`better` or `worse` for the model where the paired test shows it; else `alike` or `open`."""
        difference = self.difference
        if difference is None or self.p is None:
            return "alike" if difference is not None else "open"
        if not is_shown(self.p):
            return "open"
        rises = difference.value > 0
        return "better" if rises == (self.metric == "accuracy") else "worse"


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


def compared_run(name: str, rows: Rows, results: RunResults | None, records: RecordsByCell) -> ComparedRun:
    """A run as it is compared."""
    ladders = results.ladder if isinstance(results, DefendResults) else ()
    return ComparedRun(name, rows, [row for _, row in worst_of_ladders(ladders)], records)


def compare_cells(first: ComparedRun, second: ComparedRun) -> list[ComparedCell]:
    """The cells that two runs have in common; the p of their tests are corrected together."""
    others = second.cells
    found = [
        compared
        for key, row in first.cells.items()
        if key in others and (compared := _compared(key, row, others[key], first.records, second.records)) is not None
    ]
    plain = {_name(one.key): one.difference.p if one.difference else None for one in found}
    corrected = holm(plain)
    return [
        ComparedCell(
            one.key, one.metric, one.first, one.second, one.difference, one.changed, corrected[_name(one.key)]
        )
        for one in sorted(found, key=lambda one: ORDER.index(one.key[0]))
    ]  # fmt: skip


def _compared(key: Cell, row: Row, other: Row, records: RecordsByCell, others: RecordsByCell) -> ComparedCell | None:
    labelled = row.accuracy is not None and other.accuracy is not None
    one, two = (row.accuracy, other.accuracy) if labelled else (row.fooling_rate, other.fooling_rate)
    if one is None or two is None:
        return None
    pairs = _pairs(records.get(row.cell, ()), others.get(other.cell, ()), labelled)
    outcomes = [(_outcome(a, labelled), _outcome(b, labelled)) for a, b in pairs]
    difference = paired_difference([a for a, _ in outcomes], [b for _, b in outcomes])
    changed = tuple(
        ChangedVideo(a, b, after == labelled)  # without labels, a prediction that no longer changes is better
        for (a, b), (before, after) in zip(pairs, outcomes, strict=True)
        if before != after
    )
    return ComparedCell(key, "accuracy" if labelled else "fooling rate", one, two, difference, changed)


def _pairs(first: Sequence[Record], second: Sequence[Record], labelled: bool) -> list[tuple[Record, Record]]:
    others = {record.video: record for record in second}
    both = [(one, others[one.video]) for one in first if one.video in others]
    return [(a, b) for a, b in both if a.correct is not None and b.correct is not None] if labelled else both


def _outcome(record: Record, labelled: bool) -> bool:
    return record.correct is True if labelled else record.changed


def _key(row: Row) -> Cell:
    attack = row.attack if row.attack in (NO_ATTACK, NOISE) else PERTURBED
    return attack, row.defense, row.sampler


def _name(key: Cell) -> str:
    return "\0".join(key)
