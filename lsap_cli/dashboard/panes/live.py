"""A run while it works: figures, curves, files, the matrix filling up, and the log."""

import time
from datetime import datetime

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.events import Mount
from textual.widgets import DataTable, ProgressBar, RichLog

from lsap_cli.dashboard.curves import KINDS, pace
from lsap_cli.dashboard.panes.robustness import live_rows
from lsap_cli.dashboard.watching import RunWatch
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.dashboard.widgets.heat import HeatTable, metrics_of
from lsap_cli.dashboard.widgets.words import Words
from lsap_cli.dashboard.words import DASH, OCHER, ORANGE, duration, figure, megabytes, one_line
from lsap_cli.reports.rows import printable
from lsap_cli.runs.history import File, History, LogLine

MOST_FILES = 500
CURVE_SECONDS = 2.0  # between two drawings, for each curve that is seen: they cost far more than figures
CURVE_ASIDE_SECONDS = 10.0  # instead, where the run needs all cores
LOG_STYLES = {"warning": OCHER, "skipped": f"bold {ORANGE}", "stage": "bold", "note": "bold", "end": "bold"}


def log_text(line: LogLine) -> Text:
    """An event as a line of the log; what it is stands in words too."""
    word = {"warning": "note: ", "stage": "", "note": ""}.get(line.kind, f"{line.kind}: ")
    clock = Text(f"{moment_seconds(line.time)} ", style="dim")
    return clock.append(f"{word}{printable(line.text)}", style=LOG_STYLES.get(line.kind, ""))


def moment_seconds(seconds: float | None) -> str:
    return DASH if seconds is None else f"{datetime.fromtimestamp(seconds):%H:%M:%S}"


class LogView(RichLog):
    """The log, appended to; only lines that are new are written."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, max_lines=1000, wrap=True, markup=False, min_width=20)
        self._written = 0
        self._of: object = None

    def show(self, history: History) -> None:
        if self._of is not history:
            self._of, self._written = history, 0
            self.clear()
        new = min(history.logged - self._written, len(history.log))
        for line in list(history.log)[len(history.log) - new :] if new else []:
            self.write(log_text(line))
        self._written = history.logged


class Bar(ProgressBar):
    """A bar without a clock: its own would draw it anew every second, for a time left that is not shown."""

    @on(Mount)
    def without_clock(self, event: Mount) -> None:
        event.prevent_default()


class LivePane(Vertical):
    """The first tab."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="live-pane")
        self._views = [CurveView(kind) for kind in KINDS]
        self._curve = 0
        self._drawn = 0.0
        self._files_written = 0
        self._files_of: object = None

    def compose(self) -> ComposeResult:
        yield Words(id="numbers", markup=False)
        yield Bar(total=1.0, show_eta=False, id="progress")
        with Grid(id="curves"):
            yield from self._views
        table: DataTable[str] = DataTable(cursor_type="row", id="files")
        yield table
        yield HeatTable(id="live-matrix")
        yield LogView(id="log")

    def on_mount(self) -> None:
        self.query_one("#files", DataTable).add_columns("file", "frames/s", "largest", "RMS", "cosine, energy")
        self._choose(0)

    def next_curve(self) -> None:
        self._choose(self._curve + 1)

    def _choose(self, number: int) -> None:
        self._curve = number % len(self._views)
        self._drawn = 0.0
        for place, view in enumerate(self._views):
            view.set_class(place == self._curve, "chosen")

    def show(self, watch: RunWatch) -> None:
        history, command = watch.history, watch.facts.command
        self.query_one("#numbers", Words).put("\n".join(numbers(watch)))
        self._show_progress(watch)
        self.query_one("#curves").display = command == "generate"
        self.query_one("#files").display = command == "apply"
        self.query_one("#live-matrix").display = command == "defend"
        if command == "generate":
            if all(view.size.height for view in self._views if view.display):
                self._show_curves(watch)  # drawn together with the figures
            else:
                self.call_after_refresh(self._show_curves, watch)
        elif command == "apply":
            self._show_files(history)
        elif command == "defend":
            rows = live_rows(watch)
            if rows.samplers and metrics_of(rows):
                self.query_one(HeatTable).show(rows, rows.samplers[0], metrics_of(rows)[0])
        self.query_one(LogView).show(history)

    def _show_curves(self, watch: RunWatch) -> None:
        """Once the plots have their size; of a live run not at every event, as plots cost the most."""
        seen = [view for view in self._views if view.display and view.size.height]
        pause = (CURVE_ASIDE_SECONDS if watch.steps_aside else CURVE_SECONDS) * len(seen)
        if watch.facts.live and time.monotonic() - self._drawn < pause:
            return
        self._drawn = time.monotonic()
        with watch.lock:
            for view in seen:
                view.show([watch.history])

    def _show_progress(self, watch: RunWatch) -> None:
        bar = self.query_one(ProgressBar)
        share = progress(watch)
        bar.display = watch.facts.live and share is not None
        if share is not None:
            bar.update(progress=share)

    def _show_files(self, history: History) -> None:
        table = self.query_one("#files", DataTable)
        if self._files_of is not history:
            self._files_of, self._files_written = history, 0
            table.clear()
        seen = history.files.seen
        if seen == self._files_written:
            return
        new = history.files.items[-min(seen - self._files_written, MOST_FILES) :]
        if history.files.stride > 1 and history.last_file is not None:
            new = [history.last_file]
        for one in new:
            table.add_row(*_file_cells(one))
        while table.row_count > MOST_FILES:
            table.remove_row(next(iter(table.rows)))
        self._files_written = seen
        table.move_cursor(row=table.row_count - 1, animate=False)


def progress(watch: RunWatch) -> float | None:
    """How much is over, 0 to 1; None where it cannot be known."""
    history = watch.history
    stage = history.stage
    if stage is not None and stage.name == "learning" and history.last_step is not None:
        return history.last_step.progress
    if stage is not None and stage.total:
        return min(1.0, (history.counted + history.share_at_work) / stage.total)
    return None


def numbers(watch: RunWatch) -> list[str]:
    """The figures of the moment, a line each of what belongs together."""
    lines = {"generate": _learning_numbers, "apply": _counting_numbers, "defend": _counting_numbers}
    own = lines.get(watch.facts.command, _counting_numbers)(watch)
    reading = "a first look: the whole run is still being read …" if watch.partial else ""
    return [line for line in (*own, _machine(watch), reading) if line]


def _learning_numbers(watch: RunWatch) -> list[str]:
    history, step = watch.history, watch.history.last_step
    if step is None:
        return _counting_numbers(watch)
    batch = f"{step.fooled:.0f}/{step.clips:.0f} of its clips fooled" if step.fooled is not None and step.clips else ""
    found = history.verifications[-1] if history.verifications else None
    unseen = f"unseen videos fooled {found.value:.2f} ({found.low:.2f}–{found.high:.2f}, n {found.of})" if found else ""
    left = f"{duration(step.left)} left" if watch.facts.live and step.left is not None else ""
    speed = pace(history)
    first = [f"step {step.number:.0f}", left, f"loss {figure(step.loss, 3)}", batch]
    second = [
        f"coherence {figure(step.coherence)}" if step.coherence is not None else "",
        f"step size {step.step_size * 255:.2f}/255" if step.step_size is not None else "",
        f"{speed:.0f} clips/s" if speed is not None else "",
    ]
    return [_joined(first), _joined([unseen, *second])]


def _counting_numbers(watch: RunWatch) -> list[str]:
    history, stage = watch.history, watch.history.stage
    if stage is None:
        return ["nothing has happened yet" if watch.loaded else "reading …"]
    done = f"{history.counted} of {stage.total}" if stage.total else ""
    parts = [stage.name, done]
    passed = (history.last_time or 0.0) - (stage.time or 0.0)
    through = history.counted + history.share_at_work
    if watch.facts.live and stage.total and stage.time is not None and through and passed > 0:
        rate = through / passed
        often = f"{rate:.1f} a second" if rate >= 0.1 else f"{60 * rate:.1f} a minute"
        parts += [often, f"{duration((stage.total - through) / rate)} left"]
    left_out = f"{history.skipped} left out" if history.skipped else ""
    words = history.at_work or (
        "the next video has begun" if history.slow else ""
    )  # a line that stays, so that nothing jumps
    at_work = [printable(words)] if watch.facts.live and words else []
    return [_joined([*parts, left_out]), *at_work, *_norms(watch)]


def _norms(watch: RunWatch) -> list[str]:
    """Of `apply`: what was measured in the files so far, and of a finished run over all."""
    files = watch.history.files.items
    if watch.facts.command != "apply" or not files:
        return []
    largest = max((one.linf for one in files if one.linf is not None), default=None)
    exact = sum(one.exact is True for one in files)
    cosines = [one.cosine for one in files if one.cosine is not None and one.exact is not True]
    survived = f"else cosine {min(cosines):.2f} or more" if cosines else ""
    return [_joined([f"largest change {figure(largest, 0)}/255", f"exact in {exact} of {len(files)} files", survived])]


def _machine(watch: RunWatch) -> str:
    facts, usage = watch.facts, watch.history.last_usage
    device = printable(facts.raw.get("device") or facts.settings.get("device") or "")
    parts = [f"device {device}" if device else ""]
    if usage is None:
        return _joined([*parts, "" if facts.live else "its use of the machine is not recorded"])
    parts.append(f"memory {megabytes(usage.memory_bytes)}" if usage.memory_bytes is not None else "")
    parts.append(f"processor {usage.cpu_percent:.0f} %" if usage.cpu_percent is not None else "")
    if usage.gpu_percent is not None:
        parts.append(f"GPU {usage.gpu_percent:.0f} %, {megabytes(usage.gpu_memory_bytes)}")
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)


def _file_cells(one: File) -> list[str]:
    survived = {True: "exactly", False: "not exactly", None: DASH}[one.exact]
    if one.exact is not True and one.cosine is not None:
        survived = f"{one.cosine:.2f}, {figure(one.energy_kept)}"
    pace = f"{one.frames_per_second:.0f}" if one.frames_per_second is not None else DASH
    return [one_line(one.path, 24), pace, f"{figure(one.linf, 0)}/255", f"{figure(one.l2_rms)}/255", survived]
