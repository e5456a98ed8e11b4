"""Watching in the background: threads that read run folders and say when something is new. They touch no widget."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsap_cli.dashboard.summaries import Summarizer, Summary, read_rows
from lsap_cli.evaluation.rates import rate_of
from lsap_cli.runs.following import Tail, sampled
from lsap_cli.runs.history import History
from lsap_cli.runs.reading import (
    EVENTS_FILE,
    RECORDS_FILE,
    RESULTS_FILE,
    RUN_FILE,
    read_facts,
    read_json,
)

LOOK_EVERY_SECONDS = 0.35
ASIDE_SECONDS = 5.0  # instead, where the run needs all cores: what is drawn is taken from it
FREE_CORES = 0.5  # less than this much of one is left
FACTS_EVERY_SECONDS = 1.0
LIST_EVERY_SECONDS = 1.0
COVERED_LIST_SECONDS = 15.0  # instead, while another screen covers the list
LONG_BYTES = 2**24  # of events that take a moment to read
LIST_SHARE = 0.02  # of one core that looking through the folders may take


@dataclass
class Cell:
    """Outcomes of one attack, defense and sampler so far."""

    videos: int = 0
    labelled: int = 0
    correct: int = 0
    changed: int = 0


@dataclass
class Tally:
    """The matrix of a `defend` run while it fills up, counted from records.jsonl."""

    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    bad_lines: int = 0

    def feed(self, block: bytes) -> None:
        for line in block.split(b"\n"):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                key = (str(record["attack"]), str(record["defense"]), str(record["sampler"]))
                changed, correct = bool(record["changed"]), record["correct"]
            except (ValueError, KeyError, TypeError, RecursionError):
                self.bad_lines += 1
                continue
            cell = self.cells.setdefault(key, Cell())
            cell.videos += 1
            cell.changed += changed
            cell.labelled += correct is not None
            cell.correct += correct is True

    def rows(self) -> list[dict[str, Any]]:
        """As the rows of results.json."""
        return [
            {
                "attack": attack, "defense": defense, "sampler": sampler, "videos": cell.videos,
                "clean_accuracy": self._clean(defense, sampler),
                "attacked_accuracy": rate_of(cell.correct, cell.labelled),
                "fooling_rate": None if (attack, defense) == ("none", "none") else rate_of(cell.changed, cell.videos),
            }
            for (attack, defense, sampler), cell in self.cells.items()
        ]  # fmt: skip

    def _clean(self, defense: str, sampler: str) -> Mapping[str, Any] | None:
        cell = self.cells.get(("none", defense, sampler))
        return None if cell is None else rate_of(cell.correct, cell.labelled)


class RunWatch:
    """One run folder, read on and on. `look` is called by one thread; what it finds is read under `lock`.

    Args:
        folder: of the run.
        quick: the first look at a long run reads parts of its events, so that there is something to show at once.
        polite: steps aside for a run that needs all cores.
    """

    def __init__(self, folder: Path, quick: bool = False, polite: bool = False) -> None:
        self.folder = folder
        self._polite = polite
        self.partial = False
        self.lock = threading.RLock()
        self.history = self._reading = History()
        self._quick = quick
        self.tally = Tally()
        self.facts = read_facts(folder)
        self.results: dict[str, Any] | None = None
        self.loaded = False
        self._results_problem: str | None = None
        self._events, self._records = Tail(folder / EVENTS_FILE), Tail(folder / RECORDS_FILE)
        self._stamps: dict[str, int | None] = {}
        self._looked = time.monotonic()

    @property
    def steps_aside(self) -> bool:
        """Whether the run leaves no core of this machine free, by what it last wrote about itself, and comes first."""
        usage = self.history.last_usage
        if not self._polite or not self.facts.live or usage is None or usage.cpu_percent is None:
            return False
        return usage.cpu_percent / 100 > (os.cpu_count() or 1) - FREE_CORES

    @property
    def problems(self) -> list[str]:
        """What is damaged, a sentence each."""
        found = list(self.facts.problems)
        if self._results_problem:
            found.append(self._results_problem)
        if self.history.bad_lines:
            found.append(f"{EVENTS_FILE} has {self.history.bad_lines} damaged lines; the others are shown")
        if self._events.unfinished and not self.facts.live:
            found.append(f"{EVENTS_FILE} ends in the middle of a line")
        if self.tally.bad_lines:
            found.append(f"{RECORDS_FILE} has {self.tally.bad_lines} damaged lines; the others are counted")
        return found

    def look(self) -> bool:
        """Reads what is new; says whether anything was."""
        if self._quick and not self.partial and not self.loaded and self._glance():
            return True
        changed = not self.loaded
        restarts = self._events.restarts
        for block in self._events.read():
            with self.lock:
                if self._events.restarts != restarts:
                    self._reading, restarts = History(), self._events.restarts
                self._reading.feed(block)
                if not self.partial:
                    self.history = self._reading
            changed = True
        with self.lock:
            self.history, self.partial = self._reading, False
        restarts = self._records.restarts
        for block in self._records.read():
            with self.lock:
                if self._records.restarts != restarts:
                    self.tally, restarts = Tally(), self._records.restarts
                self.tally.feed(block)
            changed = True
        changed = self._look_at_results() or changed
        changed = self._look_at_facts() or changed
        self.loaded = True
        return changed

    def _glance(self) -> bool:
        """Shows parts of a long run; says whether it is one."""
        try:
            if self._events.path.stat().st_size < LONG_BYTES:
                return False
            found = History()
            for block in sampled(self._events.path):
                found.feed(block)
        except OSError:
            return False  # what is wrong is found by reading all of it
        self._look_at_results()
        self._look_at_facts()
        with self.lock:
            self.history, self.partial = found, True
        return True

    def pause(self, took: float) -> float:
        """Seconds until the next look, of which the last one took some."""
        return max(ASIDE_SECONDS if self.steps_aside else LOOK_EVERY_SECONDS, took)

    def close(self) -> None:
        self._events.close()
        self._records.close()

    def _look_at_results(self) -> bool:
        if not self._is_new(RESULTS_FILE):
            return False
        results, problem = read_json(self.folder / RESULTS_FILE)
        with self.lock:
            self.results, self._results_problem = results, problem or read_rows(results)[1]
        return True

    def _look_at_facts(self) -> bool:
        due = self.facts.live and time.monotonic() - self._looked > FACTS_EVERY_SECONDS
        if not self._is_new(RUN_FILE) and not due:
            return False
        self._looked = time.monotonic()
        facts = read_facts(self.folder)
        changed = facts != self.facts
        with self.lock:
            self.facts = facts
        return changed

    def _is_new(self, name: str) -> bool:
        try:
            stamp: int | None = (self.folder / name).stat().st_mtime_ns
        except OSError:
            stamp = None
        new = name not in self._stamps or self._stamps[name] != stamp
        self._stamps[name] = stamp
        return new


class Watcher(threading.Thread):
    """Calls `look` again and again, and `tell` whenever it found something, until it is stopped.

    Args:
        look: reads, and says whether there is something new.
        tell: posts a message.
        pause: seconds to wait, given how many seconds of one core the last look took (waiting for a core is not counted).
        end: called by the thread when it ends.
    """

    def __init__(
        self,
        look: Callable[[], bool],
        tell: Callable[[], object],
        pause: Callable[[float], float],
        end: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name="watcher", daemon=True)
        self._look, self._tell, self._pause, self._end = look, tell, pause, end
        self._done, self._awake = threading.Event(), threading.Event()

    def stop(self) -> None:
        self._done.set()
        self._awake.set()

    def wake(self) -> None:
        """Ends the pause that it is in, or the next one."""
        self._awake.set()

    def run(self) -> None:
        while not self._done.is_set():
            start = time.thread_time()
            if self._look() and not self._done.is_set():
                self._tell()
            self._awake.wait(self._pause(time.thread_time() - start))
            self._awake.clear()
        self._end()


class ListWatch:
    """All runs below a folder. The first look reads run.json alone, the next one the figures too."""

    def __init__(self, root: Path) -> None:
        self.summaries: list[Summary] = []
        self.looks = 0
        self.covered = False
        self._summarizer = Summarizer(root)

    def look(self) -> bool:
        found = self._summarizer.all(figures=self.looks > 0)
        changed = found != self.summaries or self.looks < 2
        self.summaries = found
        self.looks += 1
        return changed

    def pause(self, took: float) -> float:
        if self.looks == 1:
            return 0.0
        # The second look reads all figures for the first time, and says nothing on what the next ones take.
        every = COVERED_LIST_SECONDS if self.covered else LIST_EVERY_SECONDS
        return every if self.looks == 2 else max(every, took / LIST_SHARE)
