"""The cells of one perturbation as a piece of work: in the command's process, in workers beside it, or on a cluster."""

import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from lsap_cli.applying.workers import WorkerPool
from lsap_cli.cluster.pool import ClusterPool
from lsap_cli.cluster.session import ClusterSession
from lsap_cli.cluster.work import Report, WorkFailure, WorkOutcome
from lsap_cli.cluster.worker import Reporter, SharedFile
from lsap_cli.errors import LsapError
from lsap_cli.jobs.study_judging import JudgedCell, judge_cells
from lsap_cli.jobs.study_ladder import judge_ladder, remove_ladder
from lsap_cli.jobs.study_learning import CellPatterns, learn_patterns
from lsap_cli.jobs.study_workshop import StudySetup, StudyWorkshop
from lsap_cli.results.events import Event
from lsap_cli.results.study import FailedCell, FinishedCell
from lsap_cli.runs.memory import give_back_memory
from lsap_cli.study.axes import NONE
from lsap_cli.study.cells import PlannedCell
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.reading import UnreadableVideo

CellEnd = FinishedCell | FailedCell
MENDABLE = (LsapError, UnreadableVideo, OSError)  # whose sentence says what was wrong
FIRST_LINE = 300  # characters of a fault that are told


@dataclass(frozen=True)
class UnitOfCells:
    """Cells of one perturbation.

    Attributes:
        cells: in the order of the grid.
        files: that a worker on another node needs.
    """

    cells: tuple[PlannedCell, ...]
    files: tuple[SharedFile, ...] = ()

    @property
    def name(self) -> str:
        """For people."""
        first = self.cells[0].title
        return first if len(self.cells) == 1 else f"{first} and {len(self.cells) - 1} more of its perturbation"

    def run(self, state: StudyWorkshop, report: Reporter) -> list[CellEnd]:
        """Does the work on a cluster."""
        return work_on(state, self.cells, report)


@dataclass(frozen=True)
class LocalUnit:
    """The same for a process of this machine, which keeps its workshop from unit to unit.

    Attributes:
        setup: of the study.
        unit: of cells.
    """

    setup: StudySetup
    unit: UnitOfCells

    def run(self, report: Report) -> list[CellEnd]:
        """Does the work in a worker."""
        shop = _Kept.shop
        if shop is None or _Kept.setup != self.setup:
            _Kept.shop = shop = self.setup.prepare(report)
            _Kept.setup = self.setup
        torch.set_num_threads(self.setup.threads)
        return work_on(shop, self.unit.cells, report)


class _Kept:
    """The workshop of this process."""

    setup: StudySetup | None = None
    shop: StudyWorkshop | None = None


def work_on(shop: StudyWorkshop, cells: Sequence[PlannedCell], report: Report) -> list[CellEnd]:
    """Learns the perturbation of some cells and judges each of them; what fails ends its own cells alone.

    Args:
        shop: of this process.
        cells: of one perturbation.
        report: called whenever something was done.
    """
    done = 0

    def listener(_event: Event) -> None:
        nonlocal done
        done += 1
        report(done)

    shop.listener = listener
    try:
        patterns = learn_patterns(shop, cells[0])
    except Exception as error:  # any fault of a method or a network ends its cells, not the study
        return [FailedCell(cell=cell.hash, reason=failure_reason(error)) for cell in cells]
    ends: list[CellEnd] = []
    for group in _groups(cells):
        ends += _judged(shop, group, patterns)
        give_back_memory()  # of this group's frames: the next ones may be of other sizes
    return ends


def failure_reason(error: BaseException) -> str:
    """Why a cell failed, in a line."""
    text = " ".join(str(error).split())[:FIRST_LINE]
    if isinstance(error, MENDABLE):
        return text
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    where = f" ({Path(frame.filename).name}, line {frame.lineno})" if frame else ""
    return f"{type(error).__name__}: {text}{where}"


def _groups(cells: Sequence[PlannedCell]) -> Iterator[list[PlannedCell]]:
    """Cells that are judged in one pass: those of one victim; each ladder alone."""
    groups: dict[tuple[str, str], list[PlannedCell]] = {}
    for cell in cells:
        alone = cell.hash if cell.point.text("ladder") != NONE else ""
        groups.setdefault((cell.point.victim, alone), []).append(cell)
    yield from groups.values()


def _judged(shop: StudyWorkshop, cells: Sequence[PlannedCell], patterns: CellPatterns) -> list[CellEnd]:
    """Judges cells together; where that fails, one by one, so that the one at fault is found."""
    start = time.monotonic()
    try:
        if cells[0].point.text("ladder") != NONE:
            assert patterns.shared is not None  # as the study file was checked
            judged = {cells[0].hash: judge_ladder(shop, cells[0], patterns.shared)}
            remove_ladder(shop, cells[0])
        else:
            judged = judge_cells(shop, cells, patterns)
    except Exception as error:  # as above
        if len(cells) == 1:
            return [FailedCell(cell=cells[0].hash, reason=failure_reason(error))]
        return [end for cell in cells for end in _judged(shop, [cell], patterns)]
    seconds = (time.monotonic() - start) / len(cells)
    return [_finished(cell, judged[cell.hash], patterns, seconds) for cell in cells]


def _finished(cell: PlannedCell, judged: JudgedCell, patterns: CellPatterns, seconds: float) -> FinishedCell:
    return FinishedCell(
        cell=cell.hash, outcomes=judged.outcomes, pattern="" if patterns.shared is None else cell.pattern,
        elements=judged.elements, steps=patterns.steps, learn_seconds=round(patterns.seconds, 3),
        judge_seconds=round(seconds, 3), skipped=judged.skipped,
    )  # fmt: skip


def do_units(
    units: Iterable[UnitOfCells],
    setup: StudySetup,
    shop: StudyWorkshop,
    workers: int,
    patience: float,
    session: ClusterSession | None,
) -> Iterator[tuple[UnitOfCells, list[CellEnd]]]:
    """Does all units, in the order in which they end.

    Args:
        units: taken when a worker is free.
        setup: of the study.
        shop: of the command's own process, which works where there is one worker.
        workers: processes of this machine.
        patience: seconds without any news after which a worker is given up on.
        session: of a cluster; None: this machine.
    """
    if session is not None:
        for step in ClusterPool(session, memory_limit(), setup, lambda _name, _event: None).work(units):
            if isinstance(step, WorkOutcome):
                yield step.task, _ends(step.task, step.result)
    elif workers == 1:
        with _threads(setup.threads):
            for unit in units:
                yield unit, work_on(shop, unit.cells, lambda _: None)
    else:
        with WorkerPool(workers, patience) as pool:
            for one in pool.work(LocalUnit(setup, unit) for unit in units):
                if isinstance(one, WorkOutcome):
                    yield one.task.unit, _ends(one.task.unit, one.result)


def _ends(unit: UnitOfCells, result: list[CellEnd] | WorkFailure) -> list[CellEnd]:
    """What a worker gave; where it died, all cells of the unit failed."""
    if isinstance(result, WorkFailure):
        return [FailedCell(cell=cell.hash, reason=result.reason) for cell in unit.cells]
    return result


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Torch's threads for the block: results depend on them, so that they are those of every worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
