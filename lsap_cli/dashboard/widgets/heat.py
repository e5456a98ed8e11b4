"""Defenses by attacks as a heat map: each cell has its rate, count, interval and a color for the rate."""

from dataclasses import dataclass

from rich.text import Text
from textual.message import Message
from textual.widgets import DataTable

from lsap_cli.dashboard.formatting import DASH, attack_name, name_text, short_spec
from lsap_cli.dashboard.guard import Guarded, draw_guarded
from lsap_cli.dashboard.palette import cell_style
from lsap_cli.dashboard.widgets.defense_table import short_share
from lsap_cli.results.measures import goodness, rate_of_row
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import defense_name
from lsap_cli.results.rows import Rows

CELL = 18  # least characters of a cell, as of `0.28 11/40 .16–.43`
MOST_ATTACKS, MOST_DEFENSES = 50, 200  # that are drawn; a table of all cells of a strange run takes minutes


class HeatTable(Guarded, DataTable[Text]):
    """The matrix of one sampler and metric; bright is good: right answers kept, predictions not changed."""

    @dataclass
    class Opened(Message):
        """A cell was chosen with Enter or the mouse."""

        attack: str
        defense: str

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="cell", cell_padding=0, cursor_background_priority="css")
        self._attacks: list[str] = []
        self._defenses: list[str] = []
        self._shown: object = None
        self._room, self._wide = 0, CELL
        self._args: tuple[Rows, str, str] | None = None

    def show(self, rows: Rows, sampler: str, metric: str) -> None:
        """Fills the table; where only values have changed, only those cells are written."""
        self._args = (rows, sampler, metric)
        new = (rows, sampler, metric, self.size.width)
        if self._shown == new:
            return
        attacks, defenses = rows.attacks[:MOST_ATTACKS], rows.defenses[:MOST_DEFENSES]
        cells = {
            (defense, attack): _cell(rate_of_row(rows.find(attack, defense, sampler), metric), metric)
            for defense in defenses
            for attack in attacks
        }
        wide = max([CELL, *(cell.cell_len for cell in cells.values())])
        room = max(16, min(34, self.size.width - (wide + 1) * len(attacks) - 1))
        if (attacks, defenses, room, wide) != (self._attacks, self._defenses, self._room, self._wide):
            self._attacks, self._defenses, self._room, self._wide = attacks, defenses, room, wide
            self._lay_out()
        self._shown = new
        for (defense, attack), cell in cells.items():
            if self.get_cell(f"d:{defense}", f"a:{attack}") != cell:
                self.update_cell(f"d:{defense}", f"a:{attack}", cell)

    def _lay_out(self) -> None:
        self.clear(columns=True)
        self.add_column("defense", width=self._room, key="defense")
        for attack in self._attacks:
            self.add_column(name_text(attack_name(attack), self._wide), width=self._wide + 1, key=f"a:{attack}")
        for defense in self._defenses:
            label = short_spec(defense_name(defense), self._room - 1)
            self.add_row(Text(label), *[Text() for _ in self._attacks], key=f"d:{defense}")

    def on_resize(self) -> None:
        args = self._args
        if args is not None:
            draw_guarded(self, lambda: self.show(*args))

    @property
    def chosen(self) -> tuple[str, str] | None:
        """(attack, defense) under the cursor."""
        row, column = self.cursor_coordinate.row, self.cursor_coordinate.column
        if not self._defenses or not self._attacks or row >= len(self._defenses):
            return None
        return self._attacks[max(0, column - 1)], self._defenses[row]

    def on_data_table_cell_selected(self, event: DataTable.CellSelected) -> None:
        event.stop()
        chosen = self.chosen
        if chosen is not None:
            self.post_message(self.Opened(*chosen))


def _cell(rate: Rate | None, metric: str) -> Text:
    if rate is None:
        return Text(DASH, style="dim")
    text = f"{rate.value:.2f} {rate.count}/{rate.of} {short_share(rate.low)}–{short_share(rate.high)}"
    return Text(text.ljust(CELL), style=cell_style(goodness(rate, metric)))
