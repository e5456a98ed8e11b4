"""One cell of the matrix: its counts, the ladder against its defense, and each video."""

from collections.abc import Sequence, Set
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import DataTable, Static

from lsap_cli.dashboard.films import MORE_PICTURES, drawn_videos
from lsap_cli.dashboard.formatting import attack_name
from lsap_cli.dashboard.guard import DrawingFailed, draw_guarded
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.panes.findings import WORST, ladder_lines
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.screens.dialogs import Dialog
from lsap_cli.dashboard.widgets.records import DRAWN, fooled_first, record_cells
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.records import Cell, Record, defense_name
from lsap_cli.results.rows import Row, Rows, TwoClassRates
from lsap_cli.results.text import printable
from lsap_cli.runs.comparing import read_records

MOST_VIDEOS = 2000
COLUMNS = ("  video", "outcome", "now", "sure", "label", "clean")  # what a narrow screen must show comes first


class CellScreen(Dialog[None]):
    """Details of one attack, defense and sampler."""

    HELP = """\
The rates of one cell with their counts, and the prediction of each video, fooled ones first. Enter shows a video's
frames before and after, where the run has drawn it (▣). *sure*: the probability of the prediction.
"""
    BINDINGS: ClassVar[list[BindingType]] = [HELP_KEY, Binding("escape", "dismiss", "Back")]

    def __init__(self, reader: RunReader, rows: Rows, cell: Cell) -> None:
        super().__init__()
        self._reader, self._rows, self._cell = reader, rows, cell
        self._records: list[Record] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall wide"):
            with VerticalScroll(id="cell-facts"):
                yield Static(printable_lines(self._facts()), markup=False)
            table: DataTable[Text] = DataTable(cursor_type="row", id="videos")
            yield table
            yield Static("reading each video …", id="cell-note", markup=False)
            yield self.close_button()

    def on_mount(self) -> None:
        self.query_one("#videos").focus()
        self._read(self._reader.folder)

    @work(thread=True, exit_on_error=False)
    def _read(self, folder: Path) -> None:
        records = read_records(folder).get(self._cell, [])
        drawn = drawn_videos(folder)
        self.app.call_from_thread(draw_guarded, self, lambda: self._fill(records, drawn))

    @on(DrawingFailed)
    def show_failure(self, event: DrawingFailed) -> None:
        self.query_one("#cell-note", Static).update(Text(f"this part cannot be drawn: {event.reason}"))

    @on(DataTable.RowSelected, "#videos")
    def open_video(self, event: DataTable.RowSelected) -> None:
        from lsap_cli.dashboard.screens.video import VideoScreen

        if 0 <= event.cursor_row < len(self._records):
            self.app.push_screen(VideoScreen(self._reader.folder, self._records, event.cursor_row))

    def _fill(self, records: Sequence[Record], drawn: Set[str]) -> None:
        table: DataTable[Text] = self.query_one("#videos", DataTable)
        self._records = fooled_first(records)[:MOST_VIDEOS]
        rows = [record_cells(one, one.video in drawn) for one in self._records]
        for name, *cells in zip(map(Text, COLUMNS), *rows, strict=True):
            # A table that sizes its columns itself does so after it was drawn once.
            table.add_column(name, width=max(cell_len(cell.plain) for cell in [name, *cells]))
        table.add_rows(rows)
        seen = sum(one.video in drawn for one in self._records)
        counted = f"{len(records)} videos, fooled first · Enter: frames · {DRAWN} {seen} have pictures"
        counted += f"; {MORE_PICTURES}" if seen < len(records) else ""
        note = counted if records else "this run keeps no outcome of each video (records.jsonl)"
        self.query_one("#cell-note", Static).update(note)

    def _facts(self) -> list[str]:
        attack, defense, sampler = self._cell
        lines = [f"{attack_name(attack)} · {defense_name(defense)} · sampler {sampler}"]
        row = self._rows.find(attack, defense, sampler)
        if row is not None:
            lines += row_lines(row)
        results = self._reader.results
        ladders = results.ladder if isinstance(results, DefendResults) else ()
        rungs = [line for ladder in ladders if ladder.defense == defense for line in ladder_lines(ladder, sampler)]
        counts = f"adaptive ladder ({WORST} counts):"
        lines.append(counts if rungs else "adaptive ladder: none was measured for this defense")
        return [*lines, *(f"  {line}" for line in rungs)]


def printable_lines(lines: Sequence[str]) -> str:
    return "\n".join(map(printable, lines))


def row_lines(row: Row) -> list[str]:
    """All that was measured for a cell."""
    rates = (
        ("clean accuracy, same defense", row.clean_accuracy),
        ("accuracy here", row.accuracy),
        ("fooling rate", row.fooling_rate),
        ("success rate", row.success_rate),
    )
    lines = [f"  {name:<30}{rate}" for name, rate in rates if rate is not None]
    if row.mcnemar_p is not None:
        lines.append(f"  {'p, attacked against clean':<30}{row.mcnemar_p:.3g}  (McNemar, exact; not corrected)")
    if isinstance(row.two_class, TwoClassRates):
        figures = (
            ("AUC", row.two_class.auc and f"{row.two_class.auc.value:.2f} ({row.two_class.auc.interval})"),
            ("false negatives", row.two_class.false_negatives),
            ("false positives", row.two_class.false_positives),
        )
        lines += [f"  {name:<30}{figure}" for name, figure in figures if figure is not None]
    if row.dominant_label:
        lines.append(f"  {'fooled videos mostly become':<30}{row.dominant_label.label}  {row.dominant_label.share}")
    if row.milliseconds_per_video is not None:
        lines.append(f"  {'the defense takes':<30}{row.milliseconds_per_video:.1f} ms a video")
    return lines
