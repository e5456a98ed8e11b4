"""Cells of several runs beside those of a base run: rate, difference with its interval, paired p."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.message import Message
from textual.widgets import DataTable

from lsap_cli.dashboard.formatting import BLUE, DASH, ORANGE, attack_name, name_text, one_line, short_spec
from lsap_cli.results.records import Cell, defense_name
from lsap_cli.results.text import printable
from lsap_cli.runs.comparing import WORST, ComparedCell, ComparedRun, compare_cells

VERDICTS = {"better": ("▲ ", f"bold {BLUE}"), "worse": ("▼ ", f"bold {ORANGE}"), "alike": ("= ", "dim")}
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

        Args:
            runs: the base first.
            room: columns of the terminal.
        """
        self.clear(columns=True)
        by_key: dict[Cell, dict[int, ComparedCell]] = {}
        for number, run in enumerate(runs[1:], 1):
            for cell in compare_cells(runs[0], run):
                by_key.setdefault(cell.key, {})[number] = cell
        metrics = {cell.metric for cells in by_key.values() for cell in cells.values()}
        narrow = room < 50 + 38 * (len(runs) - 1)
        self._add_columns(runs, narrow)
        folded = 0
        self._listed = []
        for key, cells in by_key.items():
            if self.folds and all(cell.verdict == "alike" for cell in cells.values()):
                folded += 1
                continue
            self._listed.append(cells)
            self.add_row(*self._row(key, cells, len(runs), narrow, len(metrics) > 1))
        if not by_key:
            self.add_row(Text(NOTHING), *[Text()] * (len(self.columns) - 1))
        about = metrics.pop() if len(metrics) == 1 else ""
        alike = "1 row is alike" if folded == 1 else f"{folded} rows are alike"
        return f"{about}{f', {alike} (a: all rows)' if folded else ''}"

    def _add_columns(self, runs: Sequence[ComparedRun], narrow: bool) -> None:
        self.add_columns(Text("of"), name_text(runs[0].name, 16 if narrow else 24))
        for run in runs[1:]:
            if narrow:
                self.add_columns(name_text(run.name, 30))
            else:
                self.add_columns(name_text(run.name, 24), Text("difference"), Text("p"))

    def _row(self, key: Cell, cells: dict[int, ComparedCell], runs: int, narrow: bool, several: bool) -> list[Text]:
        attack, defense, sampler = key
        base = next(iter(cells.values())).first
        shown = attack if attack == WORST else attack_name(attack)
        metric = f" ({next(iter(cells.values())).metric})" if several else ""
        label = f"{printable(shown)} · {short_spec(defense_name(defense), 18)} · {one_line(sampler, 14)}{metric}"
        row = [Text(label), Text(f"{base.value:.2f} {base.count}/{base.of}" if narrow else str(base))]
        for number in range(1, runs):
            row += _other_cells(cells.get(number), narrow)
        return row

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if 0 <= event.cursor_row < len(self._listed):
            self.post_message(self.Opened(self._listed[event.cursor_row]))


def _other_cells(cell: ComparedCell | None, narrow: bool) -> list[Text]:
    if cell is None:
        return [Text(DASH)] if narrow else [Text(DASH)] * 3
    sign, style = VERDICTS.get(cell.verdict, ("  ", ""))
    difference, rate = cell.difference, cell.second
    shown = Text("no outcomes", style="dim") if difference is None else Text(f"{sign}{difference}", style=style)
    if narrow:
        return [Text(f"{rate.value:.2f} {rate.count}/{rate.of} ").append_text(shown)]
    return [Text(str(rate)), shown, p_text(cell)]


def p_text(cell: ComparedCell) -> Text:
    """The corrected p, and how many pairs it is of."""
    difference = cell.difference
    if difference is None:
        return Text("no outcomes", style="dim")
    if cell.p is None:
        return Text(f"all alike ({difference.of})", style="dim")
    style = "bold" if cell.verdict in ("better", "worse") else ""
    return Text(f"{cell.p:.3g} ({difference.of})", style=style)
