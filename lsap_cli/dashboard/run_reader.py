"""One run folder, read on and on by a thread. It touches no widget."""

import os
import threading
import time
from pathlib import Path

from lsap_cli.results.documents import DefendResults, GenerateResults, RunResults
from lsap_cli.results.files import RESULTS_FILE, RUN_FILE, decode_lines
from lsap_cli.results.records import Cell, Record
from lsap_cli.results.results_file import read_results
from lsap_cli.results.rows import CellCounts, Rows, counted_rows
from lsap_cli.runs.following import FileTail, file_stamp, sampled
from lsap_cli.runs.history import History
from lsap_cli.runs.reading import EVENTS_FILE, RECORDS_FILE, read_snapshot

READ_EVERY_SECONDS = 0.35
ENDED_SECONDS = 1.0  # instead, of a run that has ended; it may be resumed
YIELDING_SECONDS = 5.0  # instead, where the run needs all cores: what is drawn is taken from it
FREE_CORES = 0.5  # less than this much of one is left
SNAPSHOT_EVERY_SECONDS = 1.0
LONG_BYTES = 2**24  # of events that take a moment to read


OTHER_RECORDS = ("study",)  # commands whose records.jsonl has lines of another kind


class RunReader:
    """One run folder. `update` is called by one thread; what it reads is used under `lock`.

    Args:
        folder: of the run.
        samples_first: the first update of a long run reads parts of its events, so that there is something to show at
            once.
        yields: reads rarely while the run needs all cores.

    Attributes:
        history: of the events.
        is_sample: whether the history is of parts of the events.
        counts: outcomes of each cell of the matrix, counted from the records.
        snapshot: of run.json.
        results: what results.json holds; None while there is none.
        loaded: whether everything was read once.
    """

    def __init__(self, folder: Path, samples_first: bool = False, yields: bool = False) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.history = self._reading = History()
        self.is_sample = False
        self.counts: dict[Cell, CellCounts] = {}
        self.snapshot = read_snapshot(folder)
        self.results: RunResults | None = None
        self.loaded = False
        self._samples_first, self._yields = samples_first, yields
        self._bad_records = 0
        self._results_problems: tuple[str, ...] = ()
        self._events, self._records = FileTail(folder / EVENTS_FILE), FileTail(folder / RECORDS_FILE)
        self._stamps: dict[str, tuple[int, int] | None] = {}
        self._snapshot_time = time.monotonic()

    @property
    def is_yielding(self) -> bool:
        """Whether the run leaves no core of this machine free, by what it last wrote about itself, and comes first."""
        usage = self.history.last_usage
        if not self._yields or not self.snapshot.live or usage is None or usage.cpu_percent is None:
            return False
        return usage.cpu_percent / 100 > (os.cpu_count() or 1) - FREE_CORES

    @property
    def rows(self) -> Rows:
        """The rows of the results; while there are none, those that are counted from the records so far."""
        if isinstance(self.results, DefendResults | GenerateResults):
            return Rows.of_every_defense(self.results.rows)
        return Rows.of_every_defense(counted_rows(self.counts))

    @property
    def problems(self) -> list[str]:
        """What is damaged, a sentence each."""
        problems = [*self.snapshot.problems, *self._results_problems]
        for tail in (self._events, self._records):
            if tail.problem and not tail.is_missing:
                problems.append(tail.problem)
        if self.history.bad_lines:
            problems.append(f"{EVENTS_FILE} has {self.history.bad_lines} damaged lines; the others are shown")
        if self._events.unfinished and not self.snapshot.live:
            problems.append(f"{EVENTS_FILE} ends in the middle of a line")
        if self._bad_records:
            problems.append(f"{RECORDS_FILE} has {self._bad_records} damaged lines; the others are counted")
        return problems

    def update(self) -> bool:
        """Reads what is new; whether anything was."""
        if self._samples_first and not self.is_sample and not self.loaded and self._read_samples():
            return True
        changed = not self.loaded
        changed = self._read_events() or changed
        changed = self._read_records() or changed
        changed = self._read_results() or changed
        changed = self._read_snapshot() or changed
        self.loaded = True
        return changed

    def pause(self, took: float) -> float:
        """Seconds until the next update, of which the last one took some."""
        if not self.snapshot.live:
            return max(ENDED_SECONDS, took)
        return max(YIELDING_SECONDS if self.is_yielding else READ_EVERY_SECONDS, took)

    def close(self) -> None:
        self._events.close()
        self._records.close()

    def _read_events(self) -> bool:
        changed, restarts = False, self._events.restarts
        for block in self._events.read():
            with self.lock:
                if self._events.restarts != restarts:
                    self._reading, restarts = History(), self._events.restarts
                self._reading.feed(block)
                if not self.is_sample:
                    self.history = self._reading
            changed = True
        with self.lock:
            self.history, self.is_sample = self._reading, False
        return changed

    def _read_records(self) -> bool:
        if self.snapshot.command in OTHER_RECORDS:
            return False
        changed, restarts = False, self._records.restarts
        for block in self._records.read():
            with self.lock:
                if self._records.restarts != restarts:
                    self.counts, self._bad_records, restarts = {}, 0, self._records.restarts
                for record in decode_lines(block, Record):
                    if record is None:
                        self._bad_records += 1
                    else:
                        self.counts.setdefault(record.cell, CellCounts()).add(record)
            changed = True
        return changed

    def _read_samples(self) -> bool:
        """Shows parts of a long run; whether it is one."""
        try:
            if self._events.path.stat().st_size < LONG_BYTES:
                return False
            history = History()
            for block in sampled(self._events.path):
                history.feed(block)
        except OSError:
            return False  # what is wrong is named by reading all of it
        self._read_results()
        self._read_snapshot()
        with self.lock:
            self.history, self.is_sample = history, True
        return True

    def _read_results(self) -> bool:
        if not self._is_new(RESULTS_FILE):
            return False
        loaded = read_results(self.folder / RESULTS_FILE)
        with self.lock:
            self.results, self._results_problems = loaded.value, loaded.problems
        return True

    def _read_snapshot(self) -> bool:
        due = self.snapshot.live and time.monotonic() - self._snapshot_time > SNAPSHOT_EVERY_SECONDS
        if not self._is_new(RUN_FILE) and not due:
            return False
        self._snapshot_time = time.monotonic()
        snapshot = read_snapshot(self.folder)
        changed = snapshot != self.snapshot
        with self.lock:
            self.snapshot = snapshot
        return changed

    def _is_new(self, name: str) -> bool:
        stamp = file_stamp(self.folder / name)
        new = name not in self._stamps or self._stamps[name] != stamp
        self._stamps[name] = stamp
        return new


def read_once(folder: Path) -> RunReader:
    """A run folder, read once."""
    reader = RunReader(folder)
    reader.update()
    reader.close()
    return reader
