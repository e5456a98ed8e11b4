"""The videos whose outcome differs between the base run and another one, in one cell."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Static

from lsap_cli.dashboard.formatting import DASH, attack_name, name_text
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.screens.dialogs import Dialog
from lsap_cli.dashboard.widgets.compared_table import p_text
from lsap_cli.results.records import defense_name
from lsap_cli.results.text import printable
from lsap_cli.runs.comparing import ComparedCell

MOST_VIDEOS = 2000


class ChangedScreen(Dialog[None]):
    """Which videos changed.

    Args:
        cells: of the other runs, by number among the names.
        names: of all runs, the base first.
    """

    HELP = """\
Videos that are right in one of the two runs only (without labels: changed in one only), with both predictions.
*better*: the model does better in the other run than in the base run.
"""
    BINDINGS: ClassVar[list[BindingType]] = [HELP_KEY, Binding("escape", "dismiss", "Back")]

    def __init__(self, cells: Mapping[int, ComparedCell], names: Sequence[str]) -> None:
        super().__init__()
        self._cells, self._names = dict(cells), list(names)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall wide"):
            yield Static(self._about(), markup=False)
            table: DataTable[Text] = DataTable(cursor_type="row", id="videos")
            yield table
            yield self.close_button()

    def on_mount(self) -> None:
        table: DataTable[Text] = self.query_one("#videos", DataTable)
        several = len(self._cells) > 1
        table.add_columns("video", "", "base", "other", "label", *(["run"] if several else []))
        for number, cell in self._cells.items():
            for one in sorted(cell.changed, key=lambda one: (one.gained, one.first.video))[:MOST_VIDEOS]:
                labels = (one.first.prediction, one.second.prediction, one.first.label or DASH)
                row = [name_text(one.first.video, 32), Text("better" if one.gained else "worse")]
                run = [name_text(self._names[number], 20)] if several else []
                table.add_row(*row, *[name_text(label, 18) for label in labels], *run)
        table.focus()

    def _about(self) -> Text:
        attack, defense, sampler = next(iter(self._cells.values())).key
        text = Text(printable(f"{attack_name(attack)} · {defense_name(defense)} · {sampler}"), style="bold")
        for number, cell in self._cells.items():
            text.append(f"\n{self._names[0]} {cell.first}, {self._names[number]} {cell.second}: ", style="")
            difference = cell.difference
            if difference is None:
                text.append("the runs keep no outcome of each video (records.jsonl)")
            else:
                text.append(f"{difference}, {len(cell.changed)} of {difference.of} differ, p ").append_text(
                    p_text(cell)
                )
        return text
