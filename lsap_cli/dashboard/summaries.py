"""One line for each run: what the list shows of it."""

import os
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.dashboard.formatting import duration, short_rate
from lsap_cli.dashboard.run_reader import file_stamp
from lsap_cli.results.base import or_none
from lsap_cli.results.documents import (
    ApplyResults,
    DefendResults,
    GenerateResults,
    ModelCheckResults,
    PredictionResults,
    RunResults,
)
from lsap_cli.results.event_words import sampler_range_of
from lsap_cli.results.events import StageEvent, StepEvent, VerificationEvent, decode_event
from lsap_cli.results.files import RESULTS_FILE, RUN_FILE, open_regular, read_results
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_DEFENSE
from lsap_cli.results.rows import Rows
from lsap_cli.results.text import printable
from lsap_cli.runs.finding import find_runs
from lsap_cli.runs.reading import EVENTS_FILE, RunSnapshot, read_snapshot

CURVE_POINTS = 24
LINE_BYTES = 1024  # enough for one step; what is read at each place of the curve
TAIL_BYTES = 2**15
Stamps = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True)
class RunSummary:
    """A run in the list.

    Attributes:
        snapshot: of its folder.
        name: its path below the folder with the runs.
        part: whether it is a part of the run above it.
        figure: the figure that matters most, in words, with its interval where it is a rate.
        curve: of the loss, or of what the rows measured.
        seconds: it took, or takes so far.
    """

    snapshot: RunSnapshot
    name: str
    part: bool
    figure: str
    curve: tuple[float, ...]
    seconds: float | None


@dataclass(frozen=True)
class _Known:
    """What was read of a run, and of which state of its files."""

    stamps: Stamps
    snapshot: RunSnapshot
    figure: str
    curve: tuple[float, ...]


class RunSummarizer:
    """Reads summaries again only where a file has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, _Known] = {}

    def all(self, figures: bool = True) -> list[RunSummary]:
        """Every run, newest first, each followed by its parts.

        Args:
            figures: False reads run.json alone, so that a first list is there at once.
        """
        folders = list(find_runs(self.root))
        known = set(folders)
        summaries = [self._summary(folder, folder.parent in known, figures) for folder in folders]
        groups: dict[Path, list[RunSummary]] = {}
        for one in summaries:
            groups.setdefault(one.snapshot.folder.parent if one.part else one.snapshot.folder, []).append(one)
        ordered = sorted(groups.values(), key=lambda group: (-(group[0].snapshot.started or 0.0), group[0].name))
        return [
            one
            for group in ordered
            for one in [*group[:1], *sorted(group[1:], key=lambda part: (part.snapshot.started or 0.0, part.name))]
        ]

    def _summary(self, folder: Path, part: bool, figures: bool) -> RunSummary:
        name = printable(folder.name if part or folder == self.root else folder.relative_to(self.root).as_posix())
        try:
            run = self._read(folder, figures)
            return RunSummary(run.snapshot, name, part, run.figure, run.curve, run_seconds(run.snapshot))
        except Exception as error:  # one strange folder must not hide the others
            problem = f"this run cannot be summarized ({type(error).__name__}: {printable(error)[:80]})"
            return RunSummary(RunSnapshot(folder, "damaged", problems=(problem,)), name, part, problem, (), None)

    def _read(self, folder: Path, figures: bool) -> _Known:
        stamps = tuple(file_stamp(folder / name) for name in (RUN_FILE, EVENTS_FILE, RESULTS_FILE))
        known = self._known.get(folder)
        if known is not None and known.stamps == stamps and not known.snapshot.live:
            return known
        snapshot = read_snapshot(folder)
        if not figures:
            return _Known(stamps, snapshot, "", ())
        loaded = read_results(folder / RESULTS_FILE)
        figure = _figure(snapshot, loaded.value) or "; ".join(loaded.problems)
        known = _Known(stamps, snapshot, figure, tuple(_curve(snapshot, loaded.value)))
        self._known[folder] = known
        return known


def run_seconds(snapshot: RunSnapshot) -> float | None:
    """How long the run took; of one that did not end properly, until its last event."""
    if snapshot.started is None:
        return None
    end = snapshot.finished
    if end is None:
        stamp = file_stamp(snapshot.folder / EVENTS_FILE)
        end = None if stamp is None else stamp[0] / 1e9
    return None if end is None else max(0.0, end - snapshot.started)


def key_rate(rows: Rows) -> tuple[str, Rate] | None:
    """What the undefended model suffers from the strongest perturbation: a word and the rate."""
    if not rows.samplers:
        return None
    row = rows.strongest(rows.samplers[0])
    if row is None:
        return None
    if row.success_rate:
        return "success", row.success_rate
    if row.fooling_rate:
        return "fooled", row.fooling_rate
    return ("accuracy", row.accuracy) if row.accuracy else None


def _figure(snapshot: RunSnapshot, results: RunResults | None) -> str:
    if snapshot.state in ("failed", "damaged"):
        return printable(snapshot.error or "; ".join(snapshot.problems))
    match results:
        case None:
            return _figure_so_far(snapshot.folder / EVENTS_FILE, goes_on=snapshot.state == "running")
        case ApplyResults():
            largest = f", max {results.effective.linf:.0f}/255" if results.effective else ""
            return f"{len(results.files)} files{largest}"
        case ModelCheckResults():
            accuracy = or_none(results.accuracy)
            return f"top-1 {short_rate(accuracy.top1)}" if accuracy and accuracy.top1 else ""
        case PredictionResults():
            return f"top-1 {short_rate(results.top1)}" if results.top1 else f"{results.videos} videos"
        case DefendResults() | GenerateResults():
            rate = key_rate(Rows.of_every_defense(results.rows))
            return f"{rate[0]} {short_rate(rate[1])}" if rate else ""


def _figure_so_far(events: Path, goes_on: bool) -> str:
    """Of a run without results: its newest verification, or how far it came; the time left only where it goes on."""
    progress = ""
    for line in reversed(_last_lines(events)):
        event = decode_event(line)
        if isinstance(event, VerificationEvent) and event.fooled:
            fooling = sampler_range_of(event)
            return f"fooled {short_rate(fooling.lowest if fooling else event.fooled)}"
        if not progress and isinstance(event, StepEvent) and event.seconds_left is not None:
            progress = f"step {event.number}" + (f", {duration(event.seconds_left)} left" if goes_on else "")
        if not progress and isinstance(event, StageEvent):
            progress = printable(event.name)
    return progress


def _curve(snapshot: RunSnapshot, results: RunResults | None) -> list[float]:
    """Losses at places spread over the events; of a run with rows, accuracy or fooling of each row."""
    if snapshot.command == "generate":
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


def _last_lines(path: Path) -> list[bytes]:
    try:
        with open_regular(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            return [line for line in file.read(TAIL_BYTES).split(b"\n") if line]
    except OSError:
        return []
