"""Defenses by conditions: one cell has a rate, its count, its interval, and the rung that it comes from."""

from dataclasses import dataclass

from rich.text import Text
from textual.message import Message
from textual.widgets import DataTable

from lsap_cli.dashboard.formatting import DASH, short_spec
from lsap_cli.dashboard.guard import Guarded, draw_guarded
from lsap_cli.dashboard.palette import cell_style
from lsap_cli.results.defense_matrix import Condition, DefenseMatrix, MatrixCell, MeasuredRate
from lsap_cli.results.measures import goodness
from lsap_cli.results.records import defense_name

BEST = "★"
MOST_DEFENSES = 200  # that are drawn; a table of all cells of a strange run takes minutes
LEAST_NAME, MOST_NAME = 14, 34  # characters of a defense
RUNG = 3  # characters of ` A2`
GAP = 1


class DefenseTable(Guarded, DataTable[Text]):
    """The matrix of a run; bright is good: right answers kept, predictions not changed."""

    @dataclass
    class Opened(Message):
        """A cell was chosen with Enter or the mouse."""

        cell: MatrixCell

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="cell", cell_padding=0, cursor_background_priority="css")
        self._matrix: DefenseMatrix | None = None
        self._laid_out: object = None

    def show(self, matrix: DefenseMatrix) -> None:
        """Fills the table; a cell is written only where it has changed."""
        if matrix == self._matrix and self._laid_out == self._layout(matrix):
            return
        self._matrix = matrix
        if self._laid_out != self._layout(matrix):
            self._lay_out(matrix)
        self.styles.height = self.lines
        for row, defense in enumerate(matrix.defenses[:MOST_DEFENSES]):
            for condition in matrix.conditions:
                cell = self._cell(matrix, defense, condition)
                if self.get_cell(str(row), condition) != cell:
                    self.update_cell(str(row), condition, cell)

    @property
    def chosen(self) -> tuple[str, Condition] | None:
        """Defense and condition under the cursor."""
        matrix, place = self._matrix, self.cursor_coordinate
        if matrix is None or not matrix.conditions or not place.row < len(matrix.defenses):
            return None
        return matrix.defenses[place.row], matrix.conditions[max(0, place.column - 1)]

    @property
    def lines(self) -> int:
        """Rows of the terminal that the whole table takes."""
        matrix = self._matrix
        if matrix is None:
            return 0
        return 1 + min(len(matrix.defenses), MOST_DEFENSES) * (1 if self._is_wide(matrix) else 2)

    def on_resize(self) -> None:
        matrix = self._matrix
        if matrix is not None:
            draw_guarded(self, lambda: self.show(matrix))

    def on_data_table_cell_selected(self, event: DataTable.CellSelected) -> None:
        event.stop()
        chosen, matrix = self.chosen, self._matrix
        cell = matrix.cell(*chosen) if chosen and matrix else None
        if cell is not None:
            self.post_message(self.Opened(cell))

    def _layout(self, matrix: DefenseMatrix) -> object:
        return matrix.defenses, matrix.conditions, matrix.metric, _count_width(matrix), self.size.width

    def _is_wide(self, matrix: DefenseMatrix) -> bool:
        """Whether the interval stands beside the count; else below it."""
        wide = sum(_cell_width(matrix, condition, one_line=True) for condition in matrix.conditions)
        return LEAST_NAME + wide <= self.size.width

    def _lay_out(self, matrix: DefenseMatrix) -> None:
        place = self.cursor_coordinate
        self.clear(columns=True)
        wide = self._is_wide(matrix)
        widths = {one: _cell_width(matrix, one, wide) for one in matrix.conditions}
        room = max(LEAST_NAME, min(MOST_NAME, self.size.width - sum(widths.values()) - 1))
        self.add_column(Text("defense"), width=room, key="defense")
        for condition, width in widths.items():
            self.add_column(Text(f" {_heading(condition)}"), width=width, key=condition)
        for row, defense in enumerate(matrix.defenses[:MOST_DEFENSES]):
            name = Text(short_spec(defense_name(defense), room - 1))
            self.add_row(name, *[Text() for _ in matrix.conditions], key=str(row), height=1 if wide else 2)
        first = self._laid_out is None
        self._laid_out = self._layout(matrix)
        if first and "given" in matrix.conditions:  # what a person wants to know of first
            self.move_cursor(row=0, column=1 + matrix.conditions.index("given"), animate=False)
        elif not first:
            self.move_cursor(row=place.row, column=place.column, animate=False)

    def _cell(self, matrix: DefenseMatrix, defense: str, condition: Condition) -> Text:
        one = matrix.shown(defense, condition)
        if one is None:
            return Text(f" {DASH}", style="dim")
        cell = matrix.cell(defense, condition)
        best = BEST if cell is not None and cell.helps_most else " "
        width = _cell_width(matrix, condition, self._is_wide(matrix)) - GAP
        text = _rate_text(one, _count_width(matrix), best, condition, self._is_wide(matrix))
        lines = [f" {line}".ljust(width + 1) for line in text]
        return Text("\n".join(lines), style=cell_style(goodness(one.rate, matrix.metric)))


def _rate_text(one: MeasuredRate, counts: int, best: str, condition: Condition, wide: bool) -> list[str]:
    rate = one.rate
    value = f"{rate.value:.2f} {f'{rate.count}/{rate.of}':>{counts}}"
    interval = f"{short_share(rate.low)}–{short_share(rate.high)}"
    rung = f" {one.rung:<{RUNG - 1}}" if condition == "worst" else ""
    return [f"{value} {interval}{rung} {best}"] if wide else [f"{value} {best}", f"{interval}{rung}"]


def _heading(condition: Condition) -> str:
    return {"given": "perturbed", "worst": "worst adaptive"}.get(condition, condition)


def _count_width(matrix: DefenseMatrix) -> int:
    """Of the longest `11/40`: all columns line up."""
    counts = [len(f"{one.rate.count}/{one.rate.of}") for cell in matrix.cells.values() for one in cell.measured]
    return max(counts, default=3)


def _cell_width(matrix: DefenseMatrix, condition: Condition, one_line: bool) -> int:
    rung = RUNG if condition == "worst" else 0
    value, interval = 5 + _count_width(matrix), 7
    text = value + 1 + interval + rung + 2 if one_line else max(value + 2, interval + rung)
    return max(1 + text, 1 + len(_heading(condition))) + GAP


def short_share(share: float) -> str:
    """`.59`, or `1.0`: short enough for a cell."""
    return "1.0" if share > 0.994 else f"{share:.2f}"[1:]
