"""What can be copied here: one key each."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from lsap_cli.dashboard.screens.dialogs import Dialog
from lsap_cli.dashboard.taking import CopyItem, chosen_by


class CopyMenu(Dialog[CopyItem]):
    """Asks what is to be copied.

    Args:
        items: that there are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, items: Sequence[CopyItem]) -> None:
        super().__init__()
        self._items = items

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Copy")
            options = (
                Option(Text().append(f" {one.key}  ", style="bold").append(one.title, style="")) for one in self._items
            )
            yield OptionList(*options, markup=False, classes="short")
            yield self.close_button()

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def on_key(self, event: Key) -> None:
        item = chosen_by(event.character or "", self._items)
        if item is not None:
            event.stop()
            self.dismiss(item)

    @on(OptionList.OptionSelected)
    def take(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._items[event.option_index])
