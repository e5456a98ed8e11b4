"""One curve as large as the screen: values read, a part of it, a logarithmic scale, other runs over it."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lsap_cli.dashboard.curves import CURVES, MACHINE, CurveKind, CurveLine, value_limits
from lsap_cli.dashboard.formatting import DASH, joined, name_text
from lsap_cli.dashboard.guard import LONGEST_REASON, DrawingFailed, draw_guarded
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.screens.dialogs import PickRun
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.dashboard.widgets.curve import SHADES, CurvePlot, short_number
from lsap_cli.dashboard.widgets.live_text import LiveText
from lsap_cli.dashboard.widgets.short_footer import ShortFooter
from lsap_cli.results.text import printable

READ_EVERY_SECONDS = 2.0
ZOOM = 0.5  # of the width that is seen, with each key
LEAST_SHARE = 1 / 64  # of the whole width that can be seen alone
MOST_RUNS = len(SHADES)


class CurveScreen(Page):
    """The curves of a run, one at a time.

    Args:
        folder: of the run.
        others: the runs that can be laid over it.
    """

    HELP = """\
One curve of the run; `v` shows the next one, those of the machine (processor, memory, GPU, disk) among them.

**Reading**: ← and → move the mark; its place and the value of each run stand above the plot.

**Zoom**: `+` and `-` show less or more around the mark, `0` all. `g`: logarithmic scale; values that are not above 0
have no place there and are left out.

**Other runs**: `b` lays another run over it, in another color; `B` takes all others away.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "dismiss", "Back"),
        Binding("v", "next", "Next curve"),
        Binding("left", "move(-1)", "Read", key_display="← →"),
        Binding("right", "move(1)", "Read", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Zoom", key_display="+ -"),
        Binding("minus", "zoom(-1)", "Zoom out", show=False),
        Binding("0", "whole", "All"),
        Binding("g", "log", "Log scale"),
        Binding("b", "beside", "Other run"),
        Binding("B", "alone", "Alone", show=False),
    ]

    def __init__(self, folder: Path, others: Callable[[], Sequence[RunSummary]]) -> None:
        super().__init__()
        self._readers = [RunReader(folder)]
        self._others = others
        self._kind = 0
        self._mark = 1.0  # 0 to 1, of the whole width
        self._share = 1.0  # of the whole width that is seen
        self._is_log = False
        self._reading = False

    def compose(self) -> ComposeResult:
        yield LiveText(id="title")
        yield LiveText(id="reading")
        yield CurvePlot()
        yield LiveText(id="curve-nothing")
        yield ShortFooter()

    def on_mount(self) -> None:
        self._read()
        self.set_interval(READ_EVERY_SECONDS, self._read_if_live)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw_safely)

    def on_unmount(self) -> None:
        for reader in self._readers:
            reader.close()

    @property
    def kinds(self) -> list[CurveKind]:
        """Of the run's command, then those of the machine."""
        command = self._readers[0].snapshot.command
        return [*(kind for kind in CURVES if command in kind.commands), *MACHINE]

    @property
    def kind(self) -> CurveKind:
        return self.kinds[self._kind % len(self.kinds)]

    def _read_if_live(self) -> None:
        if self.is_current and any(one.snapshot.live for one in self._readers):
            self._read()

    def _read(self) -> None:
        if not self._reading:
            self._reading = True
            self._update(list(self._readers))

    @work(thread=True, exit_on_error=False)
    def _update(self, readers: Sequence[RunReader]) -> None:
        try:
            for reader in readers:
                reader.update()
        except Exception as error:  # a folder may hold anything
            self.post_message(DrawingFailed(printable(f"{type(error).__name__}: {error}")[:LONGEST_REASON]))
        self.app.call_from_thread(self._updated)

    @on(DrawingFailed)
    def show_failure(self, event: DrawingFailed) -> None:
        self.query_one("#reading", LiveText).put(f"this part cannot be drawn: {event.reason}")

    def _updated(self) -> None:
        self._reading = False
        self._draw_safely()

    def _draw_safely(self) -> None:
        if self.is_mounted:
            draw_guarded(self, self._draw)

    def _draw(self) -> None:
        kind = self.kind
        lines = []
        for reader in self._readers:
            with reader.lock:
                lines.append(self._scaled(kind.line_of(reader.history)))
        xs = [x for line in lines for part in line.parts() for x, _ in part]
        plot, nothing = self.query_one(CurvePlot), self.query_one("#curve-nothing", LiveText)
        plot.display, nothing.display = len(set(xs)) > 1, len(set(xs)) < 2
        nothing.put(f"this run has recorded no {kind.name} that can be drawn")
        self._show_title(kind)
        if len(set(xs)) < 2:
            self.query_one("#reading", LiveText).put("")
            return
        first, last = min(xs), max(xs)
        mark = first + self._mark * (last - first)
        low = min(max(first, mark - self._share * (last - first) / 2), last - self._share * (last - first))
        plot.clear()
        plot.set_xlimits(low, low + self._share * (last - first))
        if kind.bounds and not self._is_log:
            plot.set_ylimits(*kind.bounds)
        else:
            plot.set_ylimits(*value_limits(lines, low, low + self._share * (last - first)))
        for line, shade in zip(lines, SHADES, strict=False):
            if len(lines) == 1 and line.low:
                for edge in (line.low, line.high):
                    plot.draw_parts(line.parts(edge), plot.shade("foreground-darken-3"))
            plot.draw_parts(line.parts(), plot.shade(shade))
        plot.add_v_line(mark, line_style=plot.shade("foreground-darken-3"))
        self._show_reading(kind, lines, mark)

    def _scaled(self, line: CurveLine) -> CurveLine:
        """The line itself, or the decimal logarithms of its values; what has none is a gap."""
        if not self._is_log:
            return line

        def log(values: Sequence[float]) -> list[float]:
            return [math.log10(value) if value > 0 else math.nan for value in values]

        return CurveLine(line.x, log(line.y), log(line.low), log(line.high))

    def _show_title(self, kind: CurveKind) -> None:
        plot = self.query_one(CurvePlot)
        runs = [
            name_text(f"━ {one.folder.name}", 26, plot.shade(shade))
            for one, shade in zip(self._readers, SHADES, strict=False)
        ]
        scale = "decimal logarithm" if self._is_log else ""
        about = Text().append(kind.name, style="bold").append(f"  {kind.about}", style="dim")
        self.query_one("#title", LiveText).put(joined([about, scale, *runs]))

    def _show_reading(self, kind: CurveKind, lines: Sequence[CurveLine], mark: float) -> None:
        """The point of each line that is nearest to the mark."""
        plot = self.query_one(CurvePlot)
        where = f"{mark:.1f} min" if kind.of_machine else f"step {mark:.0f}"
        parts: list[str | Text] = [where]
        for line, shade in zip(lines, SHADES, strict=False):
            points = [point for part in line.parts() for point in part]
            near = min(points, key=lambda point: abs(point[0] - mark), default=None)
            value = DASH if near is None else short_number(10 ** near[1] if self._is_log else near[1])
            parts.append(Text(value, style=f"bold {plot.shade(shade)}"))
        seen = "" if self._share == 1.0 else f"{self._share:.0%} of the run is seen"
        self.query_one("#reading", LiveText).put(joined([*parts, seen]))

    def action_next(self) -> None:
        self._kind += 1
        self._draw_safely()

    def action_move(self, by: int) -> None:
        step = self._share / max(10, self.query_one(CurvePlot).size.width - 10)
        self._mark = min(1.0, max(0.0, self._mark + by * step))
        self._draw_safely()

    def action_zoom(self, by: int) -> None:
        self._share = min(1.0, max(LEAST_SHARE, self._share * ZOOM**by))
        self._draw_safely()

    def action_whole(self) -> None:
        self._share = 1.0
        self._draw_safely()

    def action_log(self) -> None:
        self._is_log = not self._is_log
        self._draw_safely()

    def action_alone(self) -> None:
        for reader in self._readers[1:]:
            reader.close()
        self._readers = self._readers[:1]
        self._draw_safely()

    def action_beside(self) -> None:
        if len(self._readers) >= MOST_RUNS:
            self.notify(f"{MOST_RUNS} runs are the most; B takes the others away", severity="warning")
            return
        there = {one.folder for one in self._readers}
        command = self._readers[0].snapshot.command
        fitting = [one for one in self._others() if one.snapshot.folder not in there]
        fitting = [one for one in fitting if self.kind.of_machine or one.snapshot.command == command]
        self.app.push_screen(PickRun(f"{self.kind.name}: which run is laid over it", fitting), self._add)

    def _add(self, folder: Path | None) -> None:
        if folder is not None:
            self._readers.append(RunReader(folder))
            self.call_after_refresh(partial(self._read))
