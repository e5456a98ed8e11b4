"""Defenses by attacks, and the other results: checks, ladders, sampler matrix, ROC curves."""

import itertools
from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static
from textual_plot import HiResMode

from lsap_cli.dashboard.formatting import attack_name, joined, name_text
from lsap_cli.dashboard.guard import draw_guarded
from lsap_cli.dashboard.panes.findings import checks_text, detectors_text, ladders_text, sampler_matrix_text
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.widgets.curve import SHADES, CurvePlot
from lsap_cli.dashboard.widgets.heat import MOST_ATTACKS, MOST_DEFENSES, HeatTable, metrics_of, rate_of_row
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.documents import DefendResults, GenerateResults, ModelCheckResults, RunResults
from lsap_cli.results.records import defense_name
from lsap_cli.results.rows import Rows
from lsap_cli.results.summary import summary_sentences, training_sentence
from lsap_cli.results.text import printable
from lsap_cli.results.training import TrainResults

LEGEND = "bright: the model holds · dark: it is fooled · rate, count, 95 % interval"


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
        yield Static(id="choice", markup=False)
        yield HeatTable(id="matrix")
        yield Static(id="cell-line", markup=False)
        yield Static(id="summary", markup=False)
        for name in ("checks", "ladder", "samplers", "detectors"):
            yield Static(id=name, classes="section", markup=False)
        yield CurvePlot(id="roc")

    def show(self, reader: RunReader) -> None:
        self.rows = reader.rows
        metrics = metrics_of(self.rows)
        self.sampler = self.sampler if self.sampler in self.rows.samplers else next(iter(self.rows.samplers), "")
        self.metric = self.metric if self.metric in metrics else next(iter(metrics), "")
        has_rows = bool(self.sampler and self.metric)
        self.query_one(HeatTable).display = has_rows
        self.query_one("#choice").display = has_rows
        self.query_one("#cell-line").display = has_rows
        self.query_one("#summary", Static).update(_summary(reader, self.rows))
        if has_rows:
            self.query_one(HeatTable).show(self.rows, self.sampler, self.metric)
            self.query_one(HeatTable).styles.height = min(len(self.rows.defenses), MOST_DEFENSES) + 1
            self._show_choice(metrics)
            self._show_cell()
        new = (id(reader.results), self.app.theme, reader.loaded, self.sampler)
        if new != self._shown:
            self._shown = new
            self._show_findings(reader.results)

    def next_sampler(self, reader: RunReader) -> None:
        samplers = self.rows.samplers
        if samplers:
            self.sampler = samplers[(samplers.index(self.sampler) + 1) % len(samplers)]
            self.show(reader)

    def next_metric(self, reader: RunReader) -> None:
        metrics = metrics_of(self.rows)
        if metrics:
            self.metric = metrics[(metrics.index(self.metric) + 1) % len(metrics)]
            self.show(reader)

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        if event.data_table.id == "matrix":
            draw_guarded(self, self._show_cell)

    def _show_choice(self, metrics: list[str]) -> None:
        samplers = self.rows.samplers
        which = (
            f"{samplers.index(self.sampler) + 1} of {len(samplers)}, s: next" if len(samplers) > 1 else "the only one"
        )
        text = Text().append(self.metric, style="bold").append("  sampler ")
        text.append_text(name_text(self.sampler, 24, "bold")).append(f" ({which})", style="dim")
        for names, most, what in (
            (self.rows.defenses, MOST_DEFENSES, "defenses"),
            (self.rows.attacks, MOST_ATTACKS, "attacks"),
        ):
            if len(names) > most:
                text.append(f"  the first {most} of {len(names)} {what}", style="dim")
        if len(metrics) > 1:
            text.append(f"  m: {' / '.join(metrics)}", style="dim")
        self.query_one("#choice", Static).update(text)

    def _show_cell(self) -> None:
        chosen = self.query_one(HeatTable).chosen
        rate = None if chosen is None else rate_of_row(self.rows.find(*chosen, self.sampler), self.metric)
        line = Text(LEGEND)
        if chosen is not None and rate is not None:
            where = printable(f"{attack_name(chosen[0])}, {defense_name(chosen[1])}")
            line = joined([f"{self.metric} {rate}", where, "Enter: each video"]).append(f"\n{LEGEND}")
        self.query_one("#cell-line", Static).update(line)

    def _show_findings(self, results: RunResults | None) -> None:
        done = results is not None
        defend = results if isinstance(results, DefendResults) else DefendResults(rows=())
        findings = results.findings if isinstance(results, ModelCheckResults) else ()
        matrix = results.sampler_matrix if isinstance(results, DefendResults | GenerateResults) else ()
        texts = {
            "checks": checks_text(defend.checks, findings) if defend.checks or findings else _missing("checks", done),
            "ladder": ladders_text(defend.ladder, (*defend.detector_ladder, *defend.pair_ladder), self.sampler)
            if defend.ladder or defend.detector_ladder
            else _missing("adaptive ladder: no row comes from an attacker that knows the defense", done),
            "samplers": sampler_matrix_text(matrix) if matrix else _missing("sampler matrix", done),
            "detectors": detectors_text(defend.detectors)
            if defend.detectors
            else _missing("detectors, so no ROC", done),
        }
        for name, text in texts.items():
            self.query_one(f"#{name}", Static).update(text)
        self._draw_roc([one for one in defend.detectors if len(one.curve.false_positive_rate) > 1])

    def _draw_roc(self, detectors: Sequence[DetectorRow]) -> None:
        plot = self.query_one("#roc", CurvePlot)
        plot.display = bool(detectors)
        plot.clear()
        if not detectors:
            return
        plot.set_xlimits(0.0, 1.0)
        plot.set_ylimits(0.0, 1.0)
        plot.plot([0.0, 1.0], [0.0, 1.0], line_style=plot.shade("foreground-darken-3"), hires_mode=HiResMode.BRAILLE)
        for detector, name in zip(detectors, itertools.cycle(SHADES), strict=False):
            points = list(zip(detector.curve.false_positive_rate, detector.curve.true_positive_rate, strict=False))
            plot.plot(
                [x for x, _ in points],
                [y for _, y in points],
                line_style=plot.shade(name),
                hires_mode=HiResMode.BRAILLE,
            )


WITHOUT_RATES = {
    "apply": "apply measures files, not a model: lsap defend does that. Its files and their norms are under Live.",
    "models check": "models check tests a network, without an attack.",
    "models predict": "models predict classifies videos as they are, without an attack; --out has the table.",
}


def _missing(name: str, done: bool) -> Text:
    return Text(f"This run has no {name}." if done else f"No {name} yet.", style="dim")


def _summary(reader: RunReader, rows: Rows) -> str:
    command, live = reader.snapshot.command, reader.snapshot.live
    if isinstance(reader.results, DefendResults | GenerateResults) and rows.rows:
        return printable(" ".join(summary_sentences(reader.results)))
    if isinstance(reader.results, TrainResults):
        return printable(training_sentence(reader.results))
    if rows.rows:
        judged = max(row.videos for row in rows.rows)
        return f"The matrix is filling up: {judged} videos judged so far. Intervals are wide while they are few."
    if not reader.loaded:
        return "reading …"
    if command in ("generate", "apply", "train") and live:
        return f"{command} writes its rates when it ends."
    if reader.results is not None and command in WITHOUT_RATES:
        return WITHOUT_RATES[command]
    if live:
        return "No video is judged yet."
    why = "it ended before it wrote results.json" if reader.results is None else "none of its videos was judged"
    return f"This run has no rates: {why}."
