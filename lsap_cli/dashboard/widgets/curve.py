"""Curves on the screen, by textual-plot."""

import math
from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual_plot import HiResMode, NumericAxisFormatter, PlotWidget

from lsap_cli.dashboard.curves import CurveKind, CurveLine, newest_verifications, value_limits
from lsap_cli.dashboard.formatting import DASH, figure, name_text, whole_parts
from lsap_cli.dashboard.guard import Guarded
from lsap_cli.dashboard.widgets.live_text import LiveText
from lsap_cli.runs.history import History, VerificationPoint

LONGEST_TICK = 7
SHADES = ("primary", "warning", "success", "error", "secondary")  # theme colors, one for each run that is compared


class FewTicks(NumericAxisFormatter):
    """Ticks that do not run into each other on a small plot."""

    def get_ticks_and_labels(self, min_: float, max_: float, max_ticks: int = 5) -> tuple[list[float], list[str]]:
        ticks: list[float] = self.get_ticks(min_, max_, max_ticks)
        return ticks, [short_number(tick) for tick in ticks]


def short_number(value: float) -> str:
    """A number in at most seven characters, which is what a tick of the left axis has room for.

    From ten thousand to a billion in k or M where that is exact to three digits: step numbers of a long run would touch
    each other.
    """
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if 1e4 <= abs(value) < 1e9 and abs(value) >= size and float(f"{value / size:.3g}") * size == value:
            return f"{value / size:.3g}{unit}"
    for digits in (6, 5, 4, 3, 2, 1):
        text = f"{value:.{digits}g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
        if len(text) <= LONGEST_TICK:
            return text
    return text


class CurvePlot(Guarded, PlotWidget):
    """A plot that leaves the keyboard to the screen."""

    can_focus = False

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, allow_pan_and_zoom=False)
        self.set_reactive(PlotWidget.margin_top, 0)
        self.set_reactive(PlotWidget.margin_bottom, 1)
        self.set_reactive(PlotWidget.margin_left, 8)
        self.set_x_formatter(FewTicks())
        self.set_y_formatter(FewTicks())

    def draw_parts(self, parts: Sequence[Sequence[tuple[float, float]]], color: str) -> None:
        """Draws a line with its gaps; a point between two gaps as a dot."""
        for part in parts:
            x, y = [x for x, _ in part], [y for _, y in part]
            if len(part) > 1:
                self.plot(x, y, line_style=color, hires_mode=HiResMode.BRAILLE)
            else:
                self.scatter(x, y, marker="·", marker_style=color)

    def shade(self, name: str) -> str:
        """A color of the theme, for Rich."""
        return self.app.get_css_variables()[name]


class CurveView(Guarded, Vertical):
    """One kind of curve, of one run or of several over each other; a sentence where the run does not record it."""

    def __init__(self, kind: CurveKind) -> None:
        super().__init__(id=f"curve-{kind.name.replace(' ', '-')}", classes="curve")
        self.kind = kind
        self._last: object = None

    def compose(self) -> ComposeResult:
        yield LiveText(classes="curve-title")
        yield CurvePlot()
        yield LiveText(classes="curve-missing")

    def show(self, histories: Sequence[History], names: Sequence[str] = ()) -> None:
        """Draws anew, if there is anything new.

        Args:
            histories: one for each run.
            names: of the runs, for the title; none for a single one.
        """
        lines = [self.kind.line_of(history) for history in histories]
        checks = [newest_verifications(history) if self.kind.bounds else [] for history in histories]
        drawn = (lines, checks, self.app.theme, self.size)
        if drawn == self._last:
            return
        self._last = drawn
        there = any(len(part) > 1 for line in lines for part in line.parts())
        self.query_one(CurvePlot).display = there
        missing = self.query_one(".curve-missing", LiveText)
        missing.display = not there
        of_machine = self.kind.of_machine
        steps = max((len((one.usage if of_machine else one.steps).items) for one in histories), default=0)
        recorded = any(line.x for line in lines)
        waiting = "nothing was measured" if of_machine else "too few steps for a curve"
        missing.put(waiting if recorded or steps < 2 else f"no {self.kind.name} is recorded by this run")
        self._title(lines, names)
        if there:
            self._draw(lines, checks)

    def _title(self, lines: Sequence[CurveLine], names: Sequence[str]) -> None:
        plot = self.query_one(CurvePlot)
        text = Text().append(self.kind.name, style="bold")
        for number, name in enumerate(names):
            text.append("  ").append_text(name_text(f"━ {name}", 26, plot.shade(SHADES[number % len(SHADES)])))
        if not names:
            last = next((figure(y, 3) for y in reversed(lines[0].y) if math.isfinite(y)), DASH) if lines else DASH
            text.append(f" {last}  ")
            about = whole_parts(self.kind.about, max(0, self.size.width - len(text)))
            text.append("" if about.plain.endswith("…") else about.plain, style="dim")
        self.query_one(".curve-title", LiveText).put(text)

    def _draw(self, lines: Sequence[CurveLine], checks: Sequence[Sequence[VerificationPoint]]) -> None:
        plot = self.query_one(CurvePlot)
        plot.clear()
        plot.set_ylimits(*self.kind.bounds or value_limits(lines))
        alone = len(lines) == 1
        for number, (line, verifications) in enumerate(zip(lines, checks, strict=True)):
            color = plot.shade(SHADES[number % len(SHADES)])
            if alone and line.low:
                for edge in (line.low, line.high):
                    plot.draw_parts(line.parts(edge), plot.shade("foreground-darken-3"))
            plot.draw_parts(line.parts(), color)
            for one in verifications:
                plot.scatter(
                    [one.step], [one.rate.value],
                    marker="●", marker_style=plot.shade("warning") if alone else color,
                )  # fmt: skip
