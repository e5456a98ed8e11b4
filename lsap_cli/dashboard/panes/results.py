"""The answer of a run: verdict, figures, defenses by conditions; below it checks, ladders, samplers and detectors."""

import itertools
from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static
from textual_plot import HiResMode

from lsap_cli.dashboard.attackers import attackers_progress
from lsap_cli.dashboard.curves import GENERATE
from lsap_cli.dashboard.formatting import BLUE, attack_name, joined, name_text, one_line
from lsap_cli.dashboard.guard import Guarded, draw_guarded
from lsap_cli.dashboard.panes.findings import checks_text, detectors_text, ladders_text, sampler_matrix_text
from lsap_cli.dashboard.panes.study_findings import study_text
from lsap_cli.dashboard.run_progress import run_progress
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.widgets.answer import figures_text, verdict_text
from lsap_cli.dashboard.widgets.curve import SHADES, CurvePlot
from lsap_cli.dashboard.widgets.defense_table import BEST, MOST_DEFENSES, DefenseTable
from lsap_cli.dashboard.widgets.heat import MOST_ATTACKS, HeatTable
from lsap_cli.results.defense_matrix import DefenseMatrix, MatrixCell, matrix_of_results, matrix_of_rows
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.documents import DefendResults, GenerateResults, ModelCheckResults, RunResults
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.hardening_words import hardening_sentences
from lsap_cli.results.ladders import attacker_name
from lsap_cli.results.measures import Metric, metrics_of
from lsap_cli.results.records import Cell, defense_name
from lsap_cli.results.rows import Rows
from lsap_cli.results.spread import SamplerRange
from lsap_cli.results.study import StudyResults
from lsap_cli.results.summary import summary_sentences
from lsap_cli.results.text import printable
from lsap_cli.results.verdict import KeyFigure, Verdict, key_figures, matrix_figures, sampler_figures, verdict_of

ALL_SAMPLERS = ""
MOST_VERIFICATIONS = 12  # of a run that goes on, that are listed
ROOM_BESIDE = 4  # columns of the pane's edges and its scroll bar
LEGEND = "bright: the model holds · dark: it is fooled · rate, count, 95 % interval"


class ResultsPane(Guarded, VerticalScroll):
    """What a run has found: the tab of a finished one that is shown first."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="results-pane")
        self.sampler = ALL_SAMPLERS
        self.metric: Metric | None = None
        self.rows = Rows(())
        self.matrix: DefenseMatrix | None = None
        self._shown: object = None
        self._reader: RunReader | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="verdict", markup=False)
        yield Static(id="figures", markup=False)
        yield Static(id="choice", markup=False)
        yield DefenseTable(id="matrix")
        yield Static(id="cell-line", markup=False)
        for name in ("summary", "checks", "ladder", "samplers", "detectors"):
            yield Static(id=name, classes="section", markup=False)
        yield CurvePlot(id="roc")
        yield Static(id="every-attack", classes="section", markup=False)
        yield HeatTable(id="attacks")

    def on_resize(self) -> None:
        """Writes anew what depends on the width, also when the tab comes back: it has none while it is hidden."""
        reader = self._reader
        if reader is not None:
            draw_guarded(self, lambda: self.show(reader))

    @property
    def _width(self) -> int:
        """Columns of the pane without its margins; of the screen, where it is not laid out yet."""
        return max(0, self.size.width - 1) or self.screen.size.width

    def show(self, reader: RunReader) -> None:
        self._reader, self.rows = reader, reader.rows
        metrics, samplers = metrics_of(self.rows), self.rows.samplers
        self.sampler = self.sampler if self.sampler in samplers else ALL_SAMPLERS
        self.metric = self.metric if self.metric in metrics else next(iter(metrics), None)
        self.matrix = self._matrix(reader) if samplers and self.metric else None
        for name in ("#matrix", "#choice", "#cell-line"):
            self.query_one(name).display = self.matrix is not None
        self._show_answer(reader)
        if self.matrix is not None:
            self._show_matrix(self.matrix, metrics)
        new = (id(reader.results), self.app.theme, reader.loaded, self.sampler, self.metric, self._width)
        if new != self._shown:
            self._shown = new
            self._show_findings(reader.results)

    def next_sampler(self, reader: RunReader) -> None:
        """All samplers, then each alone."""
        choices = [ALL_SAMPLERS, *self.rows.samplers]
        self.sampler = choices[(choices.index(self.sampler) + 1) % len(choices)]
        self.show(reader)

    def next_metric(self, reader: RunReader) -> None:
        metrics = metrics_of(self.rows)
        if self.metric in metrics:
            self.metric = metrics[(metrics.index(self.metric) + 1) % len(metrics)]
            self.show(reader)

    def cell_of(self, cell: MatrixCell) -> Cell | None:
        """The attack, defense and sampler behind a cell: with all samplers, the one that is worst for the model."""
        shown = None if self.matrix is None else self.matrix.shown(cell.defense, cell.condition)
        return None if shown is None else (shown.attack, cell.defense, shown.sampler)

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        if event.data_table.id == "matrix":
            draw_guarded(self, self._show_cell)

    def _matrix(self, reader: RunReader) -> DefenseMatrix:
        sampler = self.sampler or None
        if isinstance(reader.results, DefendResults | GenerateResults):
            return matrix_of_results(reader.results, self.metric, sampler)
        return matrix_of_rows(self.rows, self.metric, sampler)

    def _show_answer(self, reader: RunReader) -> None:
        verdict, figures = answer(reader, self.rows, self.matrix)
        text = verdict_text(verdict) if verdict else _without_answer(reader, self.rows, self._width - 4)
        self.query_one("#verdict", Static).update(text)
        block = self.query_one("#figures", Static)
        block.display = bool(figures)
        of_matrix = reader.results is None or isinstance(reader.results, DefendResults | GenerateResults)
        about = f"no defense, {self.metric}" if self.metric and of_matrix else ""
        block.update(figures_text(figures, self._width - 2, about))

    def _show_matrix(self, matrix: DefenseMatrix, metrics: list[Metric]) -> None:
        table = self.query_one(DefenseTable)
        table.show(matrix)
        samplers = self.rows.samplers
        text = Text().append(matrix.metric, style="bold")
        if self.sampler == ALL_SAMPLERS:
            several = (
                f"worst of {len(samplers)} samplers" if len(samplers) > 1 else f"sampler {one_line(samplers[0], 24)}"
            )
            text.append(f"  {several}")
        else:
            text.append("  sampler ").append_text(name_text(self.sampler, 24, "bold"))
        if len(samplers) > 1:
            text.append("  s: another", style="dim")
        if len(metrics) > 1:
            text.append(f"  m: {' / '.join(metrics)}", style="dim")
        if len(matrix.defenses) > MOST_DEFENSES:
            text.append(f"  the first {MOST_DEFENSES} of {len(matrix.defenses)} defenses", style="dim")
        self.query_one("#choice", Static).update(text)
        self._show_cell()

    def _show_cell(self) -> None:
        """What the cell under the cursor is: every sampler's rate, and whether it is marked."""
        matrix, chosen = self.matrix, self.query_one(DefenseTable).chosen
        cell = matrix.cell(*chosen) if matrix and chosen else None
        line = Text(LEGEND)
        if matrix is not None and cell is not None:
            one = matrix.shown(cell.defense, cell.condition)
            assert one is not None
            name = attacker_name(one.rung, one.attack, cell.defense) if one.rung else attack_name(one.attack)
            others = [f"{other.sampler} {other.rate.count}/{other.rate.of}" for other in cell.measured if other != one]
            parts = [printable(f"{name}, {defense_name(cell.defense)}, {one.sampler}: {one.rate}"), *others[:4]]
            best = f"\n{BEST} shown to help most: paired test against no defense, corrected (Holm)"
            line = joined([*parts, "Enter: each video"]).append(best if cell.helps_most else f"\n{LEGEND}")
        self.query_one("#cell-line", Static).update(line)

    def _show_findings(self, results: RunResults | None) -> None:
        done, judges = results is not None, results is None or isinstance(results, DefendResults)
        defend = results if isinstance(results, DefendResults) else DefendResults(rows=())
        findings = results.findings if isinstance(results, ModelCheckResults) else ()
        matrix = results.sampler_matrix if isinstance(results, DefendResults | GenerateResults) else ()
        sampler = self.sampler or next(iter(self.rows.samplers), "")

        def missing(name: str) -> Text:
            """What a run of another command cannot have is not said to be missing."""
            return _missing(name, done) if judges else Text()

        texts = {
            "summary": self._summary(results),
            "checks": checks_text(defend.checks, findings) if defend.checks or findings else missing("checks"),
            "ladder": ladders_text(defend.ladder, (*defend.detector_ladder, *defend.pair_ladder), sampler)
            if defend.ladder or defend.detector_ladder
            else missing("adaptive ladder: no row comes from an attacker that knows the defense"),
            "samplers": sampler_matrix_text(matrix) if matrix else missing("sampler matrix"),
            "detectors": detectors_text(defend.detectors) if defend.detectors else missing("detectors, so no ROC"),
        }
        has_rows = self.matrix is not None or bool(findings)
        for name, text in texts.items():
            block = self.query_one(f"#{name}", Static)
            block.display = bool(text) and (has_rows or name == "summary")
            block.update(text)
        self._draw_roc([one for one in defend.detectors if len(one.curve.false_positive_rate) > 1])
        self._show_attacks(sampler)

    def _summary(self, results: RunResults | None) -> Text:
        """The sentences of the report; of a study its tables."""
        if isinstance(results, HardenResults):
            return Text(printable(" ".join(hardening_sentences(results))))
        if isinstance(results, StudyResults):
            return study_text(results, self._width - ROOM_BESIDE)
        if isinstance(results, DefendResults | GenerateResults) and self.rows.rows:
            return Text(printable(" ".join(summary_sentences(results))))
        return Text()

    def _show_attacks(self, sampler: str) -> None:
        """Every attack that all defenses met, where there is more than one."""
        rows = self.rows
        several = len(rows.perturbations) > 1 and self.metric is not None
        table, title = self.query_one(HeatTable), self.query_one("#every-attack", Static)
        table.display = title.display = several
        if several and self.metric is not None:
            more = f"  the first {MOST_ATTACKS} of {len(rows.attacks)}" if len(rows.attacks) > MOST_ATTACKS else ""
            about = f"  {self.metric}, sampler {printable(sampler)}{more}"
            title.update(Text().append("Every attack", style="bold").append(about, style="dim"))
            table.show(rows, sampler, self.metric)
            table.styles.height = min(len(rows.defenses), MOST_DEFENSES) + 1

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


def _missing(name: str, done: bool) -> Text:
    return Text(f"This run has no {name}." if done else f"No {name} yet.", style="dim")


def answer(reader: RunReader, rows: Rows, matrix: DefenseMatrix | None) -> tuple[Verdict | None, Sequence[KeyFigure]]:
    """The verdict of a finished run, and its figures; of a run that goes on, the figures so far."""
    results = reader.results
    figures = sampler_figures if reader.snapshot.command == GENERATE else matrix_figures
    if results is None:
        return None, figures(matrix) if matrix is not None else ()
    if isinstance(results, DefendResults | GenerateResults):
        return (verdict_of(results), figures(matrix)) if rows.rows and matrix else (None, ())
    return verdict_of(results), key_figures(results)


def _without_answer(reader: RunReader, rows: Rows, room: int) -> Text:
    """How far a run is that goes on; why there is no verdict where it ended without."""
    if not reader.snapshot.live or rows.rows:
        return Text(_why_no_answer(reader, rows))
    attackers, progress, stage = attackers_progress(reader), run_progress(reader), reader.history.stage
    words = attackers.words if attackers is not None else stage.name if stage is not None else ""
    text = joined([Text(printable(words), style="bold"), progress.left_words]).append_text(
        bar_text(progress.share, room)
    )
    return Text("\n\n").join([part for part in (text, Text(_why_no_answer(reader, rows)), _so_far(reader)) if part])


def _so_far(reader: RunReader) -> Text:
    """What a run that learns has measured on unseen videos until now, the newest first."""
    what = "fooled" if reader.snapshot.command == GENERATE else "right"
    lines = [
        f"\nafter step {one.step:>5}   {one.rate.value:.2f}  {one.rate.count}/{one.rate.of}  {one.rate.interval}"
        f"{_with_samplers(one.samplers)}"
        for one in reversed(reader.history.verifications[-MOST_VERIFICATIONS:])
    ]
    return Text(f"unseen videos {what} so far", style="bold").append("".join(lines)) if lines else Text()


def _with_samplers(samplers: SamplerRange | None) -> str:
    """Behind the rate of the sampler that gives the lowest: its name, and the rate and name of the highest."""
    if samplers is None:
        return ""
    if samplers.worst == samplers.best:
        return f"  {printable(samplers.worst)}"
    high = samplers.highest
    to = f"to {high.value:.2f}  {high.count}/{high.of}  {high.interval}  {printable(samplers.best)}"
    return f"  {printable(samplers.worst)}\n{'':>15}{to}"


def bar_text(share: float | None, room: int) -> Text:
    """A bar of its own line; nothing where the share is not known."""
    if share is None:
        return Text()
    width = max(10, min(60, room - 6))
    done = round(share * width)
    return (
        Text().append("\n" + "━" * done, style=BLUE).append("━" * (width - done), style="dim").append(f" {share:.0%}")
    )


def _why_no_answer(reader: RunReader, rows: Rows) -> str:
    command, live = reader.snapshot.command, reader.snapshot.live
    if rows.rows:
        judged = max(row.videos for row in rows.rows)
        so_far = (
            "The matrix is filling up"
            if live
            else "It ended before it wrote results.json; the matrix has what was done"
        )
        return f"{so_far}: {judged} videos judged so far. Intervals are wide while they are few."
    if not reader.loaded:
        return "reading …"
    if command in ("generate", "apply", "train", "study", "harden") and live:
        return f"{command} writes its rates when it ends."
    if live:
        return "No video is judged yet."
    why = "it ended before it wrote results.json" if reader.results is None else "none of its videos was judged"
    return f"This run has no results: {why}."
