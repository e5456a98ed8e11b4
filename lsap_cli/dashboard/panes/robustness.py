"""Defenses by attacks, and what else a run found out: checks, ladder, sampler matrix, ROC."""

import itertools
from collections.abc import Mapping
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static
from textual_plot import HiResMode

from lsap_cli.dashboard.findings import (
    WORST,
    Check,
    Detector,
    Matrix,
    Rung,
    read_checks,
    read_detectors,
    read_ladder,
    read_matrix,
)
from lsap_cli.dashboard.palette import cell_style
from lsap_cli.dashboard.summaries import read_rows
from lsap_cli.dashboard.watching import RunWatch
from lsap_cli.dashboard.widgets.curve import SHADES, Plot
from lsap_cli.dashboard.widgets.heat import ATTACK_WORDS, HeatTable, metrics_of, rate_of_row
from lsap_cli.dashboard.words import BLUE, OCHER, ORANGE, escaped, one_line
from lsap_cli.reports.rows import NO_DEFENSE, Rows
from lsap_cli.results.files import convert_results
from lsap_cli.results.summary import summary_sentences

VERDICT_STYLES = {"FAIL": f"bold {ORANGE}", "WARN": OCHER, "PASS": BLUE}  # what should not be believed yet comes first
LEGEND = "bright: the model holds · dark: it is fooled · in a cell: rate, count, 95 % interval"


def live_rows(watch: RunWatch) -> Rows:
    """The rows of the results; while there are none, those that are counted from the records so far."""
    if watch.results is not None:
        return read_rows(watch.results)[0]
    return read_rows({"rows": watch.tally.rows()})[0]


class RobustnessPane(VerticalScroll):
    """The second tab."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="robustness-pane")
        self.sampler = ""
        self.metric = ""
        self.rows = Rows(())
        self._shown: object = None

    def compose(self) -> ComposeResult:
        yield Static(id="choice")
        yield HeatTable(id="matrix")
        yield Static(id="cell-line", markup=False)
        yield Static(id="summary", markup=False)
        for name in ("checks", "ladder", "samplers", "detectors"):
            yield Static(id=name, classes="section")
        yield Plot(id="roc")

    def show(self, watch: RunWatch) -> None:
        self.rows = live_rows(watch)
        results = watch.results or {}
        metrics = metrics_of(self.rows)
        self.sampler = self.sampler if self.sampler in self.rows.samplers else next(iter(self.rows.samplers), "")
        self.metric = self.metric if self.metric in metrics else next(iter(metrics), "")
        there = bool(self.sampler and self.metric)
        self.query_one(HeatTable).display = there
        self.query_one("#choice").display = there
        self.query_one("#summary", Static).update(_summary(watch, self.rows))
        if there:
            self.query_one(HeatTable).show(self.rows, self.sampler, self.metric)
            self.query_one(HeatTable).styles.height = len(self.rows.defenses) + 1
            self._show_choice(metrics)
            self._show_cell()
        seen = (id(watch.results), self.app.theme, watch.loaded, self.sampler)
        if seen != self._shown:
            self._shown = seen
            self._show_findings(results)

    def next_sampler(self, watch: RunWatch) -> None:
        samplers = self.rows.samplers
        if samplers:
            self.sampler = samplers[(samplers.index(self.sampler) + 1) % len(samplers)]
            self.show(watch)

    def next_metric(self, watch: RunWatch) -> None:
        metrics = metrics_of(self.rows)
        if metrics:
            self.metric = metrics[(metrics.index(self.metric) + 1) % len(metrics)]
            self.show(watch)

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        if event.data_table.id == "matrix":
            self._show_cell()

    def _show_choice(self, metrics: list[str]) -> None:
        samplers = self.rows.samplers
        which = f"{samplers.index(self.sampler) + 1} of {len(samplers)}" if len(samplers) > 1 else "the only one"
        other = f"  [dim]m: {' / '.join(metrics)}[/dim]" if len(metrics) > 1 else ""
        self.query_one("#choice", Static).update(
            f"[b]{self.metric}[/b]  sampler [b]{escaped(self.sampler, 24)}[/b] [dim]({which}{', s: next' if len(samplers) > 1 else ''})[/dim]{other}"
        )

    def _show_cell(self) -> None:
        chosen = self.query_one(HeatTable).chosen
        rate = None if chosen is None else rate_of_row(self.rows.find(*chosen, self.sampler), self.metric)
        line = LEGEND
        if chosen is not None and rate is not None:
            attack = ATTACK_WORDS.get(chosen[0], chosen[0])
            line = f"{self.metric} {rate} · {attack}, {chosen[1].replace('none', 'no defense')} · Enter: each video\n{LEGEND}"
        self.query_one("#cell-line", Static).update(line)

    def _show_findings(self, results: Mapping[str, Any]) -> None:
        done = bool(results)
        self.query_one("#checks", Static).update(_checks(read_checks(results), done))
        self.query_one("#ladder", Static).update(_ladder(read_ladder(results), self.sampler, done))
        self.query_one("#samplers", Static).update(_matrix(read_matrix(results), done))
        detectors = read_detectors(results)
        self.query_one("#detectors", Static).update(_detectors(detectors, done))
        self._draw_roc([one for one in detectors if len(one.points) > 1])

    def _draw_roc(self, detectors: list[Detector]) -> None:
        plot = self.query_one("#roc", Plot)
        plot.display = bool(detectors)
        plot.clear()
        if not detectors:
            return
        plot.set_xlimits(0.0, 1.0)
        plot.set_ylimits(0.0, 1.0)
        plot.plot([0.0, 1.0], [0.0, 1.0], line_style=plot.shade("foreground-darken-3"), hires_mode=HiResMode.BRAILLE)
        for detector, name in zip(detectors, itertools.cycle(SHADES), strict=False):
            xs, ys = zip(*detector.points, strict=True)
            plot.plot(list(xs), list(ys), line_style=plot.shade(name), hires_mode=HiResMode.BRAILLE)


def _summary(watch: RunWatch, rows: Rows) -> str:
    if watch.results is not None and rows.rows:
        loaded = convert_results(watch.results, "results.json")
        return " ".join(summary_sentences(loaded.value)) if loaded.value else ""
    if rows.rows:
        judged = max(row.videos for row in rows.rows)
        return f"The matrix is filling up: {judged} videos judged so far. Intervals are wide while they are few."
    if not watch.loaded:
        return "reading …"
    if watch.facts.command in ("generate", "apply") and watch.facts.live:
        return f"{watch.facts.command} writes its rates when it ends."
    if watch.facts.command == "apply":
        return "apply measures files, not a model: lsap defend does that. Its files and their norms are under Live."
    return (
        "This run has no rates: it ended before it wrote results.json."
        if not watch.facts.live
        else "No video is judged yet."
    )


def _title(name: str) -> Text:
    return Text().append(name, style="bold")  # not the style of all that follows


def _none(name: str, done: bool) -> Text:
    return Text(f"This run has no {name}." if done else f"No {name} yet.", style="dim")


def _checks(checks: list[Check], done: bool) -> Text:
    if not checks:
        return _none("checks", done)
    order = list(VERDICT_STYLES)
    ordered = sorted(checks, key=lambda one: order.index(one.verdict) if one.verdict in order else -1)
    passed = sum(one.verdict == "PASS" for one in checks)
    text = _title("Checks").append(f"  {passed} of {len(checks)} pass", style="dim")
    for one in ordered:
        text.append(f"\n{one.verdict:<5}", style=VERDICT_STYLES.get(one.verdict, ""))
        text.append(f"{one.test}  ").append(one.figure, style="dim")
    return text


def _ladder(rungs: list[Rung], sampler: str, done: bool) -> Text:
    """Every defense against every attacker; the worst counts."""
    if not rungs:
        return _none("adaptive ladder: no row comes from an attacker who knows the defense", done)
    text = _title("Adaptive ladder")
    text.append(f"  sampler {sampler}; the attacker knows the defense; {WORST} does most harm, and counts", style="dim")
    for defense, attackers in itertools.groupby(rungs, lambda one: one.defense):
        text.append(f"\n{'no defense' if defense == NO_DEFENSE else defense}", style="bold")
        for one in attackers:
            text.append(f"\n  {one.line(sampler)}")
    return text


def _matrix(matrix: Matrix | None, done: bool) -> Text:
    if matrix is None:
        return _none("sampler matrix", done)
    text = _title("Sampler matrix").append(
        "  learned through (rows), looked through (columns): fooling rate\n", style="dim"
    )
    text.append(" " * 22)
    for column in matrix.columns:
        text.append(f"{one_line(column, 16):<17}")
    for row in matrix.rows:
        text.append(f"\n{one_line(row, 21):<22}")
        for column in matrix.columns:
            rate = matrix.cells.get((row, column))
            if rate is None:
                text.append(f"{'–':<17}")
            else:
                text.append(f"{rate.value:.2f} {rate.interval}".ljust(16), style=cell_style(1 - rate.value)).append(" ")
    return text


def _detectors(detectors: list[Detector], done: bool) -> Text:
    if not detectors:
        return _none("detectors, so no ROC", done)
    text = _title("Detectors").append("  ROC: true alarms (up) by false alarms (right)", style="dim")
    for one, shade in zip(detectors, range(len(detectors)), strict=True):
        figures = " · ".join(f"{name} {value}" for name, value in one.figures)
        text.append(f"\n{shade + 1} {one.name}  ").append(figures, style="dim")
    return text
