"""Help on a screen: what is shown there, in plain words, and its keys."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

EVERYWHERE = """\

[b]Everywhere[/b]
  Esc       back            q   quit (runs go on)        t   light or dark
  Ctrl+P    all commands    ?   this help                Tab, arrows, mouse: as usual
"""


class HelpScreen(ModalScreen[None]):
    """Explains the screen below it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,enter", "dismiss", "Back")]

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self._about = getattr(screen, "HELP", "")
        self._keys = [
            (binding.key_display or binding.key, binding.description)
            for _, binding in screen._bindings
            if binding.description and binding.key not in ("escape", "enter")
        ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog tall"):
            yield Static(self._about)
            yield Static("[b]Keys here[/b]")
            lines = "\n".join(f"  {key:<10}{about}" for key, about in dict.fromkeys(self._keys))
            yield Static(lines.replace("slash", "/    "), markup=False)
            yield Static(EVERYWHERE)
