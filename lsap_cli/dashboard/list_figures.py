"""The figure and the curve of each run in the list: what is read of its results and events."""

import os
from pathlib import Path

from lsap_cli.dashboard.formatting import duration, short_rate
from lsap_cli.results.base import UnsetType, or_none
from lsap_cli.results.documents import (
    ApplyResults,
    DefendResults,
    GenerateResults,
    ModelCheckResults,
    PredictionResults,
    RunResults,
)
from lsap_cli.results.event_lines import decode_event
from lsap_cli.results.event_words import attacker_words, sampler_range_of
from lsap_cli.results.events import (
    CellEvent,
    CellsAtWorkEvent,
    FramesEvent,
    StageEvent,
    StepEvent,
    VerificationEvent,
    kind_name,
)
from lsap_cli.results.files import RESULTS_FILE, open_regular
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_DEFENSE
from lsap_cli.results.results_file import read_results
from lsap_cli.results.rows import Row, Rows
from lsap_cli.results.study import StudyResults
from lsap_cli.results.text import printable
from lsap_cli.results.training import TrainResults
from lsap_cli.runs.reading import EVENTS_FILE, RunSnapshot
from lsap_cli.runs.thinning import kind_of

CURVE_POINTS = 24
LINE_BYTES = 1024  # enough for one step; what is read at each place of the curve
TAIL_BYTES = 2**15
STAGE_BYTES = 2**18  # about a thousand steps of one attacker
CELLS_BYTES = 2**23  # days of a study
OF_CELLS = {kind_name(StageEvent), kind_name(CellEvent), kind_name(CellsAtWorkEvent)}


def figure_and_curve(snapshot: RunSnapshot) -> tuple[str, tuple[float, ...]]:
    """The figure that matters most, in words, and the curve of the loss or of what the rows measured."""
    loaded = read_results(snapshot.folder / RESULTS_FILE)
    figure = _figure(snapshot, loaded.value) or "; ".join(loaded.problems)
    return figure, tuple(_curve(snapshot, loaded.value))


def _key_rate(rows: Rows) -> tuple[str, Rate] | None:
    """What the undefended model suffers from the strongest perturbation with its worst sampler: a word and the rate."""
    worst = [row for sampler in rows.samplers if (row := rows.strongest(sampler)) is not None]
    row = max(worst, key=_shown_harm, default=None)
    if row is None:
        return None
    if row.success_rate:
        return "success", row.success_rate
    if row.fooling_rate:
        return "fooled", row.fooling_rate
    return ("accuracy", row.accuracy) if row.accuracy else None


def _shown_harm(row: Row) -> float:
    """By the rate that is shown."""
    rate = row.success_rate or row.fooling_rate
    return rate.value if rate else row.harm


def _figure(snapshot: RunSnapshot, results: RunResults | None) -> str:
    if snapshot.state in ("failed", "damaged"):
        return printable(snapshot.error or "; ".join(snapshot.problems))
    match results:
        case None:
            goes_on, of_cells = snapshot.state == "running", snapshot.command == "study"
            return _figure_so_far(snapshot.folder / EVENTS_FILE, goes_on, of_cells)
        case ApplyResults():
            largest = f", max {results.effective.linf:.0f}/255" if results.effective else ""
            return f"{len(results.files)} files{largest}"
        case ModelCheckResults():
            accuracy = or_none(results.accuracy)
            return f"top-1 {short_rate(accuracy.top1)}" if accuracy and accuracy.top1 else ""
        case PredictionResults():
            return f"top-1 {short_rate(results.top1)}" if results.top1 else f"{results.videos} videos"
        case StudyResults():
            failed = results.count("failed")
            return f"{results.count('done')} of {len(results.cells)} cells" + (f", {failed} failed" if failed else "")
        case TrainResults():
            return f"top-1 {short_rate(results.accuracy)}"
        case HardenResults():
            fooled = results.after.fooling_rate
            return (
                f"fooled {short_rate(fooled.rate)}" if fooled else f"clean {short_rate(results.after.clean_accuracy)}"
            )
        case DefendResults() | GenerateResults():
            rate = _key_rate(Rows.of_every_defense(results.rows))
            return f"{rate[0]} {short_rate(rate[1])}" if rate else ""


def _figure_so_far(events: Path, goes_on: bool, of_cells: bool) -> str:
    """Of a run without results: its newest verification, or how far it came; the time left only where it goes on.

    Args:
        events: of the run.
        goes_on: whether it does.
        of_cells: whether it is a study.
    """
    progress = _cells_so_far(events, goes_on) if of_cells else ""
    if progress:
        return progress
    for line in reversed(_last_lines(events)):
        event = decode_event(line)
        if isinstance(event, VerificationEvent) and (accuracy := or_none(event.accuracy)):
            return f"top-1 {short_rate(accuracy)}"
        if isinstance(event, VerificationEvent) and event.fooled:
            fooling = sampler_range_of(event)
            return f"fooled {short_rate(fooling.highest if fooling else event.fooled)}"  # as of a finished run
        if not progress and isinstance(event, StepEvent) and event.seconds_left is not None:
            stage = _stage_at_end(events) if event.member else None
            progress = attacker_words(event, stage) + (f", {duration(event.seconds_left)} left" if goes_on else "")
        if not progress and isinstance(event, FramesEvent) and event.files:
            left = f", {duration(event.seconds_left)} left" if goes_on and event.seconds_left is not None else ""
            progress = f"{event.files_done} of {event.files} files{left}"
        if not progress and isinstance(event, StageEvent):
            progress = printable(event.name)
    return progress


def _cells_so_far(events: Path, goes_on: bool) -> str:
    """`43 of 165 cells, 2 failed, 52:10 left`: of those that were left when it was started last; empty before."""
    stage, ends, last = None, list[CellEvent](), 0.0
    for line in _last_lines(events, CELLS_BYTES):
        if kind_of(line) not in OF_CELLS:
            continue
        event = decode_event(line)
        if isinstance(event, StageEvent) and not isinstance(event.cells, UnsetType):
            stage, ends = event, []
        elif isinstance(event, CellEvent):
            ends.append(event)
        last = event.time if event is not None else last
    if stage is None or not isinstance(stage.cells, int):
        return ""
    failed = sum(one.failed for one in ends)
    left = (stage.cells - len(ends)) * (last - stage.time) / len(ends) if ends and goes_on else None
    return ", ".join(
        [
            f"{len(ends) - failed} of {stage.cells} cells",
            *([f"{failed} failed"] if failed else []),
            *([f"{duration(left)} left"] if left is not None else []),
        ]
    )


def _stage_at_end(events: Path) -> StageEvent | None:
    """The stage that the last lines belong to; None: it began too long before them."""
    for line in reversed(_last_lines(events, STAGE_BYTES)):
        if kind_of(line) == kind_name(StageEvent):
            event = decode_event(line)
            return event if isinstance(event, StageEvent) else None
    return None


def _curve(snapshot: RunSnapshot, results: RunResults | None) -> list[float]:
    """Losses at places spread over the events; of a run with rows, accuracy or fooling of each row."""
    if snapshot.command in ("generate", "train", "harden"):
        return _losses(snapshot.folder / EVENTS_FILE)
    if not isinstance(results, DefendResults):
        return []
    rows = Rows.of_every_defense(results.rows)
    attacked = [row for row in rows.rows if row.kind == "perturbed" and row.sampler == rows.samplers[0]]
    rates = [row.accuracy or row.fooling_rate for row in sorted(attacked, key=lambda row: row.defense != NO_DEFENSE)]
    return [rate.value for rate in rates if rate]


def _losses(events: Path) -> list[float]:
    losses: list[float] = []
    try:
        with open_regular(events) as file:
            size = os.fstat(file.fileno()).st_size
            for place in range(CURVE_POINTS):
                file.seek(size * place // CURVE_POINTS)
                for line in file.read(LINE_BYTES).split(b"\n")[1:-1]:
                    event = decode_event(line)
                    if isinstance(event, StepEvent) and event.loss is not None:
                        losses.append(event.loss)
                        break
    except OSError:
        return losses
    return losses


def _last_lines(path: Path, size: int = TAIL_BYTES) -> list[bytes]:
    try:
        with open_regular(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return [line for line in file.read(size).split(b"\n") if line]
    except OSError:
        return []
