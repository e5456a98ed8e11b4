"""The table of the list of runs: a click on a row chooses it, another one opens it, one on its dot marks it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.events import Click
from textual.message import Message
from textual.widgets import DataTable
from textual.widgets.data_table import RowKey

from lsap_cli.dashboard.guard import Guarded
from lsap_cli.dashboard.widgets.run_cells import MARK

UP, DOWN = "▲", "▼"
HEADINGS = {"start": "time"}  # of columns that are called otherwise


class RunTable(Guarded, DataTable[Text]):
    """One line for each run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_top", "First", show=False),
        Binding("end", "scroll_bottom", "Last", show=False),
    ]

    class MarkClicked(Message):
        """The mark of the run under the cursor was clicked."""

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=0, id="runs")

    def fill(self, widths: Mapping[str, int], rows: Sequence[Sequence[Text]], sort: str) -> None:
        """Fills the table anew.

        Args:
            widths: of the columns by name, without the space after each.
            rows: a cell for each column.
            sort: the column that they are sorted by, with `-` where it is turned around.
        """
        self.clear(columns=True)
        for name, width in widths.items():
            self.add_column(_heading(name, width, sort), width=width + 1, key=name)
        self.add_rows(rows)

    def write_changes(self, before: Sequence[Sequence[Text]], rows: Sequence[Sequence[Text]]) -> None:
        """Writes the cells that have changed.

        Args:
            before: what is there.
            rows: what is to be there, in the same order.
        """
        for row, (old, new) in enumerate(zip(before, rows, strict=True)):
            if old is new:
                continue
            for column, (last, cell) in enumerate(zip(old, new, strict=True)):
                if last != cell:
                    self.update_cell_at(Coordinate(row, column), cell)

    def _update_dimensions(self, new_rows: Iterable[RowKey]) -> None:
        """Measures no cell, as Textual would: columns have their width, and each row is one line."""
        super()._update_dimensions(())

    async def _on_click(self, event: Click) -> None:
        """Any column of the row under the cursor opens it, but for the mark."""
        place = event.style.meta
        row, column = place.get("row", -1), place.get("column", -1)
        on_row = 0 <= row < self.row_count and not place.get("out_of_bounds", False)
        if on_row and column == 0 and next(iter(self.columns.values())).key.value == MARK:
            self.move_cursor(row=row, animate=False)
            self.post_message(self.MarkClicked())
            event.stop()
            event.prevent_default()
        elif on_row and row == self.cursor_row:
            self.action_select_cursor()
            event.stop()
            event.prevent_default()


def _heading(name: str, width: int, sort: str) -> Text:
    shown = HEADINGS.get(name, name)
    if name != sort.removeprefix("-"):
        return Text(shown)
    turned = sort.startswith("-")
    falls = (name in ("start", "took")) != turned
    return Text(f"{shown[: width - 1]}{DOWN if falls else UP}", style="bold")
