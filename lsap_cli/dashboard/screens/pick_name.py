"""A choice of names: attacks, defenses, samplers and so on, with their settings as they are typed."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from lsap_cli.dashboard.formatting import name_text
from lsap_cli.dashboard.screens.dialogs import Dialog

OPEN_ENDS = (":", "=", "[", "/")  # of a text behind which something must follow


class PickName(Dialog[str]):
    """One of the ways in which a text can go on. One that needs more is taken into the box, and chosen further.

    Args:
        title: what is chosen.
        begun: what is typed already.
        complete: how a text can go on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("down", "list", "Names", show=False),
        Binding("ctrl+s", "take", "Take what is typed"),
    ]

    def __init__(self, title: str, begun: str, complete: Callable[[str], Sequence[tuple[str, str]]]) -> None:
        super().__init__()
        self._title, self._begun, self._complete = title, begun, complete
        self._found: Sequence[tuple[str, str]] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(f"{self._title}: type, or choose with ↓ and Enter; Ctrl+S takes what is typed", markup=False)
            yield Input(self._begun, select_on_focus=False)
            yield OptionList(markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Take it (Ctrl+S)", id="take", variant="primary")
                yield self.close_button()

    def on_mount(self) -> None:
        self._fill(self._begun)

    @on(Input.Changed)
    def fill(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def _fill(self, typed: str) -> None:
        self._found = self._complete(typed) or (self._complete("") if typed == self._begun else ())
        options = self.query_one(OptionList)
        options.clear_options()
        width = max((len(text) for text, _ in self._found), default=0)
        options.add_options(
            [
                Option(name_text(f"{text:<{min(width, 40)}}  ", 60).append_text(Text(about, style="dim")))
                for text, about in self._found
            ]
        )

    def action_list(self) -> None:
        options = self.query_one(OptionList)
        if options.option_count:
            options.focus()
            options.highlighted = 0

    @on(Button.Pressed, "#take")
    def action_take(self) -> None:
        self.dismiss(self.query_one(Input).value)

    @on(Input.Submitted)
    def take_typed(self) -> None:
        self.action_take()

    @on(OptionList.OptionSelected)
    def take(self, event: OptionList.OptionSelected) -> None:
        text = self._found[event.option_index][0]
        if text.endswith(OPEN_ENDS):
            box = self.query_one(Input)
            box.value = text
            box.focus()
            box.cursor_position = len(text)
        else:
            self.dismiss(text)
