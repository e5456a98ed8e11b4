"""Help on a screen: what is shown there, in plain words, and its keys."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Markdown, Static

from lsap_cli.dashboard.screens.dialogs import Dialog

KEY_NAMES = {"slash": "/"}
EVERYWHERE = """\
  Esc       back            q   quit (runs go on)        t   light or dark
  Ctrl+P    all commands    ?   this help                Tab, arrows, mouse: as usual
"""


class HelpScreen(Dialog[None]):
    """Explains the screen below it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,enter", "dismiss", "Back")]

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self._about = screen.HELP or ""
        self._keys = [
            (key.key_display or KEY_NAMES.get(key.key, key.key), _words(key))
            for active in screen.active_bindings.values()
            for key in [active.binding]
            if active.node is screen and key.description and key.key not in ("escape", "enter")
        ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog tall"):
            yield Markdown(self._about)
            yield Static("Keys here", classes="heading")
            keys = (f"  {key:<10}{about}" for key, about in dict.fromkeys(self._keys))
            yield Static("\n".join(keys), markup=False)
            yield Static("Everywhere", classes="heading")
            yield Static(EVERYWHERE, markup=False)
            yield self.close_button()


def _words(key: Binding) -> str:
    return f"{key.description}: {key.tooltip}" if key.tooltip else key.description
