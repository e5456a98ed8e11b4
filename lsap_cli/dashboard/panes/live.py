"""A run while it works: figures, curves, files, the matrix filling up, and the log."""

import time
from functools import partial

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.events import Mount
from textual.widgets import DataTable, ProgressBar

from lsap_cli.dashboard.attackers import attacker_step
from lsap_cli.dashboard.curves import CURVES, GENERATE, HARDEN, LEARNING, MACHINE, clips_per_second
from lsap_cli.dashboard.formatting import (
    DASH,
    duration,
    figure,
    joined,
    megabytes,
    name_text,
)
from lsap_cli.dashboard.guard import Guarded, draw_guarded
from lsap_cli.dashboard.panes.log import EventLog
from lsap_cli.dashboard.run_progress import run_progress
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.summaries import run_seconds
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.dashboard.widgets.heat import HeatTable
from lsap_cli.dashboard.widgets.live_text import LiveText
from lsap_cli.results.base import or_none
from lsap_cli.results.event_words import cluster_words, node_words, pace_text, step_words
from lsap_cli.results.events import FileEvent, StageEvent
from lsap_cli.results.measures import metrics_of
from lsap_cli.results.text import printable
from lsap_cli.runs.history import History, VerificationPoint

MOST_FILES = 500
MOST_NODES = 4
CURVE_SECONDS = 2.0  # between two drawings, for each visible curve: they cost far more than figures
LEARNING_STAGES = ("learning", "training")  # how the names of those begin in which the curves grow
YIELDING_CURVE_SECONDS = 10.0  # instead, where the run needs all cores


class SteadyBar(ProgressBar):
    """A progress bar without a timer: its own would draw it anew every second, for a time left that is not shown."""

    @on(Mount)
    def without_timer(self, event: Mount) -> None:
        event.prevent_default()


class LivePane(Guarded, Vertical):
    """What happens in a run: the tab of a live one that is shown first."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="live-pane")
        self._views = [CurveView(kind) for kind in (*CURVES, *MACHINE[:2])]
        self._curve = 0
        self._command = GENERATE
        self._drawn = 0.0
        self._files_written = 0
        self._files_of: object = None

    def compose(self) -> ComposeResult:
        yield LiveText(id="numbers")
        yield LiveText(id="cluster")
        yield SteadyBar(total=1.0, show_eta=False, id="progress")
        with Grid(id="curves"):
            yield from self._views
        table: DataTable[Text] = DataTable(cursor_type="row", id="files")
        yield table
        yield HeatTable(id="live-matrix")
        yield EventLog(id="log")

    def on_mount(self) -> None:
        self.query_one("#files", DataTable).add_columns("file", "frames/s", "largest", "RMS", "cosine, energy")
        for empty in ("#progress", "#curves", "#files", "#live-matrix"):
            self.query_one(empty).display = False  # until it is known which of them the run has
        self._choose(0)

    @property
    def hides_curves(self) -> bool:
        """Whether there is no room for all curves of the run's command beside each other."""
        wanted = [view for view in self._views if not view.has_class("of-other-command")]
        return self.query_one("#curves").display and sum(view.display for view in wanted) < len(wanted)

    def next_curve(self) -> None:
        self._choose(self._curve + 1)

    def _choose(self, number: int) -> None:
        """Shows one of the curves that the run's command has, where there is no room for all."""
        shown = [view for view in self._views if self._command in view.kind.commands] or self._views
        self._curve = number % len(shown)
        self._drawn = 0.0
        for view in self._views:
            view.set_class(view is shown[self._curve], "chosen")
            view.set_class(view not in shown, "of-other-command")

    def show(self, reader: RunReader) -> None:
        history, command = reader.history, reader.snapshot.command
        self.query_one("#numbers", LiveText).put(Text("\n").join(status_lines(reader)))
        nodes = self.query_one("#cluster", LiveText)
        nodes.put(Text("\n").join(_cluster_lines(reader)))
        nodes.display = history.cluster is not None
        self._show_progress(reader)
        self.query_one("#curves").display = command in LEARNING
        if command != self._command and command in LEARNING:
            self._command = command
            self._choose(0)
        self.query_one("#files").display = command == "apply" and history.files.offered > 0
        # an empty table would leave half of the screen empty while attackers learn
        self.query_one("#live-matrix").display = command == "defend" and bool(reader.rows.samplers)
        if command in LEARNING:
            if all(view.size.height for view in self._views if view.display):
                self._show_curves(reader)  # drawn together with the figures
            else:
                self.call_after_refresh(draw_guarded, self, partial(self._show_curves, reader))
        elif command == "apply":
            self._show_files(history)
        elif command == "defend":
            rows = reader.rows
            if rows.samplers and metrics_of(rows):
                self.query_one(HeatTable).show(rows, rows.samplers[0], metrics_of(rows)[0])
        self.query_one(EventLog).write_new(history)

    def _show_curves(self, reader: RunReader) -> None:
        """Once the plots have their size; of a live run not at every event, as plots cost the most."""
        visible = [view for view in self._views if view.display and view.size.height]
        pause = (YIELDING_CURVE_SECONDS if reader.is_yielding else CURVE_SECONDS) * len(visible)
        if reader.snapshot.live and time.monotonic() - self._drawn < pause:
            return
        self._drawn = time.monotonic()
        with reader.lock:
            for view in visible:
                view.show([reader.history])

    def _show_progress(self, reader: RunReader) -> None:
        bar = self.query_one(ProgressBar)
        progress = run_progress(reader)
        bar.display = reader.snapshot.live and (progress.share is not None or progress.is_preparing)
        bar.update(progress=progress.share or 0.0)

    def _show_files(self, history: History) -> None:
        table: DataTable[Text] = self.query_one("#files", DataTable)
        if self._files_of is not history:
            self._files_of, self._files_written = history, 0
            table.clear()
        offered = history.files.offered
        if offered == self._files_written:
            return
        new = history.files.items[-min(offered - self._files_written, MOST_FILES) :]
        if history.files.stride > 1 and history.last_file is not None:
            new = [history.last_file]
        for one in new:
            table.add_row(*_file_cells(one))
        while table.row_count > MOST_FILES:
            table.remove_row(next(iter(table.rows)))
        self._files_written = offered
        table.move_cursor(row=table.row_count - 1, animate=False)


def status_lines(reader: RunReader) -> list[Text]:
    """The figures of the moment, a line each of what belongs together."""
    own = _learning_lines(reader) if _learns(reader) else _counting_lines(reader)
    reading = Text("a first look: the whole run is still being read …" if reader.is_sample else "")
    return [line for line in (*own, _machine_line(reader), reading) if line]


def _learns(reader: RunReader) -> bool:
    """Whether the newest step is of what the run's curves show; after its training, `harden` learns attackers."""
    stage = reader.history.stage
    if reader.snapshot.command == HARDEN and stage is not None and reader.snapshot.live:
        return stage.name == "training"
    return reader.snapshot.command in LEARNING


def _cluster_lines(reader: RunReader) -> list[Text]:
    """With a cluster: all nodes in a line, then a line each of the first few."""
    cluster = reader.history.cluster
    if cluster is None:
        return []
    more = len(cluster.nodes) - MOST_NODES
    lines = [f"  {node_words(node)}" for node in cluster.nodes[:MOST_NODES]]
    lines = [cluster_words(cluster), *lines, f"  and {more} nodes more" if more > 0 else ""]
    return [Text(printable(line)) for line in lines if line]


def _learning_lines(reader: RunReader) -> list[Text]:
    history, step = reader.history, reader.history.last_step
    if step is None:
        return _counting_lines(reader)
    counted = next(
        (one for one in (step, *reversed(history.steps.items)) if one.fooled is not None and one.clips), None
    )
    batch = "" if counted is None else f"{counted.fooled:.0f}/{counted.clips:.0f} clips of its batch fooled"
    if counted is not None and counted.number != step.number:
        batch += f" at step {counted.number}"
    right = or_none(step.right)
    if right is not None and step.clips:
        batch = f"{right:.0f}/{step.clips:.0f} clips of its batch right"
    unseen = _unseen_words(history.verifications[-1], reader.snapshot.command) if history.verifications else ""
    left = run_progress(reader).left_words if reader.snapshot.live else ""
    speed = clips_per_second(history)
    stage_steps = or_none(history.stage.steps) if history.stage is not None else None
    limit = stage_steps or reader.snapshot.settings.get("steps")
    of = f" of {limit:,}" if isinstance(limit, int) and limit >= step.number else ""
    first = [f"step {step.number:,}{of}", left, f"loss {figure(step.loss, 3)}", batch]
    second = [
        unseen,
        f"coherence {figure(step.coherence)}" if step.coherence is not None else "",
        f"step size {step.step_size * 255:.2f}/255" if step.step_size is not None else "",
        pace_text(speed) if speed else "",
    ]
    if reader.snapshot.live and history.stage is not None and not history.stage.name.startswith(LEARNING_STAGES):
        return [_counting_lines(reader)[0], joined([first[0], *first[2:], *second])]
    return [joined(first), joined(second)]


def _unseen_words(point: VerificationPoint, command: str) -> str:
    """The newest verification; of several samplers, the lowest rate and the highest."""
    what, rate = "fooled" if command == GENERATE else "right", point.rate
    samplers = point.samplers
    if samplers is None or samplers.worst == samplers.best:
        return f"unseen videos {what} {rate.value:.2f} ({rate.interval}, n {rate.of})"
    return printable(f"unseen videos {what} {samplers}, n {rate.of}")


def _counting_lines(reader: RunReader) -> list[Text]:
    history, stage, live = reader.history, reader.history.stage, reader.snapshot.live
    if reader.snapshot.state == "done" and reader.loaded:
        return [joined([f"done in {duration(run_seconds(reader.snapshot))}", *_failures(history)]), _norms_line(reader)]
    if stage is None:
        return [Text(_before_the_first_stage(reader))]
    parts = [printable(_stage_words(stage)), f"{history.counted} of {stage.total}" if stage.total else ""]
    passed = (history.last_time or 0.0) - stage.time
    through = history.counted + history.share_at_work
    if live and stage.total and through and passed > 0:
        rate = through / passed
        parts.append(f"{rate:.1f} a second" if rate >= 0.1 else f"{60 * rate:.1f} a minute")
    step = attacker_step(history)
    parts.append(step_words(step, stage) if step is not None else "")
    parts.append(run_progress(reader).left_words if live else "")
    parts += _failures(history)
    # a line that stays, so that nothing jumps
    at_work = history.at_work or ("the next video has begun" if history.slow else "")
    return [joined(parts), Text(printable(at_work) if live else ""), _norms_line(reader)]


def _failures(history: History) -> list[str]:
    return [
        f"{history.skipped} left out" if history.skipped else "",
        f"{history.failed_cells} failed" if history.failed_cells else "",
    ]


def _stage_words(stage: StageEvent) -> str:
    """`attacker 7 of 24: A2 declared gradient`, where several learn; else the stage's own name."""
    if not stage.attacker or not stage.attackers:
        return stage.name
    return f"attacker {stage.attacker} of {stage.attackers}: {stage.name.partition(': ')[2] or stage.name}"


def _before_the_first_stage(reader: RunReader) -> str:
    if not reader.loaded:
        return "reading …"
    return printable(reader.snapshot.error) or "nothing has happened yet"


def _norms_line(reader: RunReader) -> Text:
    """Of `apply`: what was measured in the files so far, and of a finished run over all."""
    files = reader.history.files.items
    if reader.snapshot.command != "apply" or not files:
        return Text()
    largest = max((linf for one in files if (linf := or_none(one.linf)) is not None), default=None)
    exact = sum(one.exact is True for one in files)
    cosines = [cosine for one in files if (cosine := or_none(one.cosine)) is not None and one.exact is not True]
    survived = f"else cosine {min(cosines):.2f} or more" if cosines else ""
    return joined([f"largest change {figure(largest, 0)}/255", f"exact in {exact} of {len(files)} files", survived])


def _machine_line(reader: RunReader) -> Text:
    snapshot, usage = reader.snapshot, reader.history.last_usage
    parts = [f"device {printable(snapshot.device)}" if snapshot.device else ""]
    if usage is None:
        return joined([*parts, "" if snapshot.live else "its use of the machine is not recorded"])
    parts.append(f"memory {megabytes(usage.memory_bytes)}" if usage.memory_bytes is not None else "")
    parts.append(f"processor {usage.cpu_percent:.0f} %" if usage.cpu_percent is not None else "")
    if (gpu := or_none(usage.gpu_percent)) is not None:
        parts.append(f"GPU {gpu:.0f} %, {megabytes(or_none(usage.gpu_memory_bytes))}")
    return joined(parts)


def _file_cells(one: FileEvent) -> list[Text]:
    exact, cosine, seconds = or_none(one.exact), or_none(one.cosine), or_none(one.seconds)
    survived = {True: "exactly", False: "not exactly", None: DASH}[exact]
    if exact is not True and cosine is not None:
        survived = f"{cosine:.2f}, {figure(or_none(one.energy_kept))}"
    frames = or_none(one.frames)
    pace = f"{frames / seconds:.0f}" if frames is not None and seconds else DASH
    norms = [f"{figure(or_none(one.linf), 0)}/255", f"{figure(or_none(one.l2_rms))}/255"]
    return [name_text(one.path, 24), *map(Text, [pace, *norms, survived])]
