"""One line for each run: what the list shows of it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsap_cli.dashboard.words import duration, short_rate
from lsap_cli.reports.rows import NO_DEFENSE, Rate, Rows, printable
from lsap_cli.runs.finding import find_runs
from lsap_cli.runs.history import number
from lsap_cli.runs.reading import EVENTS_FILE, RESULTS_FILE, RUN_FILE, Facts, read_facts, read_json

CURVE_POINTS = 24
LINE_BYTES = 1024  # enough for one step; what is read at each place of the curve
TAIL_BYTES = 2**15


@dataclass(frozen=True)
class Summary:
    """A run in the list.

    Attributes:
        name: its path below the folder that is looked in.
        part: whether it is a part of the run above it.
        figure: the figure that matters most, in words, with its interval where it is a rate.
        curve: of the loss, or of what the rows measured.
        seconds: it took, or takes so far.
    """

    facts: Facts
    name: str
    part: bool
    figure: str
    curve: tuple[float, ...]
    seconds: float | None


class Summarizer:
    """Reads summaries again only where a file has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, tuple[tuple[object, ...], Facts, str, tuple[float, ...]]] = {}

    def all(self, figures: bool = True) -> list[Summary]:
        """Every run, newest first, each followed by its parts.

        Args:
            figures: False reads run.json alone, so that a first list is there at once.
        """
        found = list(find_runs(self.root))
        known = set(found)
        summaries = [self._one(folder, folder.parent in known, figures) for folder in found]
        groups: dict[Path, list[Summary]] = {}
        for one in summaries:
            groups.setdefault(one.facts.folder.parent if one.part else one.facts.folder, []).append(one)
        ordered = sorted(groups.values(), key=lambda group: (-(group[0].facts.started or 0.0), group[0].name))
        return [
            one
            for group in ordered
            for one in [*group[:1], *sorted(group[1:], key=lambda part: (part.facts.started or 0.0, part.name))]
        ]

    def _one(self, folder: Path, part: bool, figures: bool) -> Summary:
        stamps = tuple(_stamp(folder / name) for name in (RUN_FILE, EVENTS_FILE, RESULTS_FILE))
        known = self._known.get(folder)
        if known is None or known[0] != stamps or known[1].live:
            facts = read_facts(folder)
            text, curve = (_figure(facts), _curve(facts)) if figures else ("", ())
            if figures:
                self._known[folder] = (stamps, facts, text, curve)
        else:
            _, facts, text, curve = known
        name = folder.name if part or folder == self.root else folder.relative_to(self.root).as_posix()
        return Summary(facts, printable(name), part, text, curve, run_seconds(facts))


def run_seconds(facts: Facts) -> float | None:
    """How long the run took; of one that did not end properly, until its last event."""
    if facts.started is None:
        return None
    end = facts.finished
    if end is None:
        stamp = _stamp(facts.folder / EVENTS_FILE)
        end = None if stamp is None else stamp[0] / 1e9
    return None if end is None else max(0.0, end - facts.started)


def read_rows(results: Mapping[str, Any] | None) -> tuple[Rows, str | None]:
    """The rows of a results document, and what is wrong with it."""
    try:
        return Rows.read(results or {}), None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Rows(()), f"{RESULTS_FILE} has rows that cannot be read ({type(error).__name__}: {error})"


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


def _figure(facts: Facts) -> str:
    if facts.state in ("failed", "damaged"):
        return printable(facts.error or "; ".join(facts.problems))
    results, problem = read_json(facts.folder / RESULTS_FILE)
    if problem:
        return problem
    if results is None:
        return _live_figure(facts)
    if facts.command == "apply":
        effective = results.get("effective")
        largest = number(effective.get("linf")) if isinstance(effective, Mapping) else None
        files = results.get("files")
        count = f"{len(files)} files" if isinstance(files, list) else ""
        return f"{count}, max {largest:.0f}/255" if largest is not None else count
    if facts.command == "models check":
        return _check_figure(results)
    rows, problem = read_rows(results)
    found = key_rate(rows)
    return problem or (f"{found[0]} {short_rate(found[1])}" if found else "")


def _check_figure(results: Mapping[str, Any]) -> str:
    accuracy = results.get("accuracy")
    top1 = accuracy.get("top1") if isinstance(accuracy, Mapping) else None
    try:
        rate = Rate.read(top1)
    except (KeyError, TypeError, ValueError):
        rate = None
    return f"top-1 {short_rate(rate)}" if rate else ""


def _live_figure(facts: Facts) -> str:
    """Of a run without results: its newest verification, or how far it came."""
    best = ""
    for event in reversed(_last_events(facts.folder / EVENTS_FILE)):
        rate = event.get("fooled")
        if event.get("kind") == "verification" and isinstance(rate, Mapping):
            value, low, high = (number(rate.get(key)) for key in ("value", "low", "high"))
            if value is not None and low is not None and high is not None:
                return f"fooled {value:.2f} ({low:.2f}–{high:.2f})"
        if not best and event.get("kind") == "step" and (left := number(event.get("seconds_left"))) is not None:
            best = f"step {event.get('number')}, {duration(left)} left"
        if not best and event.get("kind") == "stage":
            best = printable(event.get("name", ""))
    return best


def _curve(facts: Facts) -> tuple[float, ...]:
    """Losses at places spread over the events; of a run with rows, accuracy or fooling of each row."""
    if facts.command == "generate":
        return tuple(_losses(facts.folder / EVENTS_FILE))
    results, _ = read_json(facts.folder / RESULTS_FILE)
    rows, _ = read_rows(results)
    attacked = [row for row in rows.rows if row.kind == "perturbed" and row.sampler == rows.samplers[0]]
    values = [row.accuracy or row.fooling_rate for row in sorted(attacked, key=lambda row: row.defense != NO_DEFENSE)]
    return tuple(rate.value for rate in values if rate)


def _losses(path: Path) -> list[float]:
    losses: list[float] = []
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            for place in range(CURVE_POINTS):
                file.seek(max(0, size * place // CURVE_POINTS))
                for line in file.read(LINE_BYTES).split(b"\n")[1:-1]:
                    loss = number(_event(line).get("loss"))
                    if loss is not None:
                        losses.append(loss)
                        break
    except OSError:
        return losses
    return losses


def _last_events(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TAIL_BYTES))
            return [_event(line) for line in file.read(TAIL_BYTES).split(b"\n") if line]
    except OSError:
        return []


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
