"""Cells of several runs beside those of a base run: rate, difference with its interval, paired p."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.message import Message
from textual.widgets import DataTable

from lsap_cli.dashboard.formatting import BLUE, DASH, ORANGE, attack_name, joined, name_text, one_line, short_spec
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import Cell, defense_name
from lsap_cli.results.text import printable
from lsap_cli.runs.comparing import WORST, ComparedCell, ComparedRun, compare_cells

VERDICTS = {"better": ("▲ ", f"bold {BLUE}"), "worse": ("▼ ", f"bold {ORANGE}"), "alike": ("= ", "dim")}
NAME_WIDTH, LEAST_NAME = 24, 4  # characters of a run's name
CellLines = tuple[Text, Text]
NOTHING = "the runs have no cell (attack, defense, sampler) in common"


class ComparedTable(DataTable[Text]):
    """A row for each cell that the base run has in common with another one.

    Attributes:
        folds: whether rows in which no outcome differs are left out.
    """

    @dataclass
    class Opened(Message):
        """A row was chosen: the videos that changed are asked for.

        Attributes:
            cells: of the other runs, by number among all runs; the base is 0.
        """

        cells: dict[int, ComparedCell]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", id="figures")
        self.folds = True
        self._listed: list[dict[int, ComparedCell]] = []

    def show(self, runs: Sequence[ComparedRun], room: int) -> str:
        """Fills the table; returns what it is of, in words.

        A row has one line where it fits, else two: nothing is left out, and with two runs nothing is cut at 80 columns.

        Args:
            runs: the base first.
            room: columns of the terminal.
        """
        by_key: dict[Cell, dict[int, ComparedCell]] = {}
        for number, run in enumerate(runs[1:], 1):
            for cell in compare_cells(runs[0], run):
                by_key.setdefault(cell.key, {})[number] = cell
        metrics = {cell.metric for cells in by_key.values() for cell in cells.values()}
        shown = {
            key: cells for key, cells in by_key.items()
            if not self.folds or any(cell.verdict != "alike" for cell in cells.values())
        }  # fmt: skip
        self._listed = list(shown.values())
        rows = [_row(key, cells, len(runs), len(metrics) > 1) for key, cells in shown.items()]
        heads = [("of", NAME_WIDTH), (runs[0].name, NAME_WIDTH)]
        for run in runs[1:]:
            heads += [(run.name, NAME_WIDTH), ("difference", NAME_WIDTH), ("p", NAME_WIDTH)]
        if not by_key:
            rows = [[(Text(NOTHING), Text()), *[(Text(), Text())] * (len(heads) - 1)]]
        self._fill(heads, rows, room)
        folded = len(by_key) - len(shown)
        about = metrics.pop() if len(metrics) == 1 else ""
        alike = "1 row is alike" if folded == 1 else f"{folded} rows are alike"
        return f"{about}{f', {alike} (a: all rows)' if folded else ''}"

    def _fill(self, heads: Sequence[tuple[str, int]], rows: Sequence[Sequence[CellLines]], room: int) -> None:
        self.clear(columns=True)
        one_line_each = [[_in_one_line(cell) for cell in row] for row in rows]
        widths = [
            max([min(len(name), most), *(row[column].cell_len for row in one_line_each)]) + 2 * self.cell_padding
            for column, (name, most) in enumerate(heads)
        ]
        fits = sum(widths) <= room
        self.header_height = 1 if fits else 2
        if fits:
            self.add_columns(*[name_text(name, most) for name, most in heads])
            self.add_rows(one_line_each)
            return
        stacked = [[Text("\n").join(cell) for cell in row] for row in rows]
        for column, (name, most) in enumerate(heads):
            widest = max((line.cell_len for row in rows for line in row[column]), default=0)
            self.add_column(_two_lines(name, min(most, max(widest, LEAST_NAME))))
        for row in stacked:
            self.add_row(*row, height=2)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if 0 <= event.cursor_row < len(self._listed):
            self.post_message(self.Opened(self._listed[event.cursor_row]))


def _row(key: Cell, cells: dict[int, ComparedCell], runs: int, several: bool) -> list[CellLines]:
    """Cells of a row, each in the two lines that it has where one does not fit."""
    attack, defense, sampler = key
    first = next(iter(cells.values()))
    shown = attack if attack == WORST else attack_name(attack)
    metric = f" ({first.metric})" if several else ""
    label = (
        Text(f"{printable(shown)} · {one_line(sampler, 14)}"),
        Text(f"{short_spec(defense_name(defense), 18)}{metric}"),
    )
    row = [label, _rate_lines(first.first)]
    for number in range(1, runs):
        row += _other_cells(cells.get(number))
    return row


def _other_cells(cell: ComparedCell | None) -> list[CellLines]:
    if cell is None:
        return [(Text(DASH), Text())] * 3
    sign, style = VERDICTS.get(cell.verdict, ("  ", ""))
    difference = cell.difference
    if difference is None:
        return [_rate_lines(cell.second), (Text("no outcomes", style="dim"), Text()), (Text(), Text())]
    change = Text(f"{sign}{difference.value:+.2f}", style=style), Text(f"({difference.interval})", style=style)
    return [_rate_lines(cell.second), change, _p_lines(cell)]


def _rate_lines(rate: Rate) -> CellLines:
    return Text(f"{rate.value:.2f} {rate.count}/{rate.of}"), Text(f"({rate.interval})")


def _in_one_line(cell: CellLines) -> Text:
    return joined(cell, " ")


def _two_lines(name: str, width: int) -> Text:
    """A heading in two lines; its middle is left out where it is longer than both."""
    shown = one_line(name, 2 * width)
    return Text(f"{shown[:width]}\n{shown[width:]}")


def _p_lines(cell: ComparedCell) -> CellLines:
    """The corrected p, and how many pairs it is of."""
    difference = cell.difference
    if difference is None:
        return Text("no outcomes", style="dim"), Text()
    if cell.p is None:
        return Text("all alike", style="dim"), Text(f"({difference.of})", style="dim")
    style = "bold" if cell.verdict in ("better", "worse") else ""
    return Text(f"{cell.p:.3g}", style=style), Text(f"({difference.of})", style=style)


def p_text(cell: ComparedCell) -> Text:
    """The same in one line."""
    return _in_one_line(_p_lines(cell))
