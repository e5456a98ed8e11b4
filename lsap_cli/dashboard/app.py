"""The application: which screens there are, and the keys that work everywhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import Monochrome
from textual.screen import Screen

from lsap_cli.dashboard.forms import Check, Form
from lsap_cli.dashboard.screens.runs import RunsScreen
from lsap_cli.runs.reading import Facts

WARM_UP_SECONDS = 1.0  # after the first screen, what the other screens need is loaded


@dataclass(frozen=True)
class Commands:
    """What the command line knows and the dashboard needs.

    Attributes:
        forms: of the commands that can be started.
        check: the commands' own parser.
        resumable: commands that have `--resume`.
    """

    forms: Sequence[Form]
    check: Check
    resumable: Sequence[str]


class StyledMonochrome(Monochrome):
    """Textual's filter for NO_COLOR, which breaks on pieces of text that have no style."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        styled = [Segment(text, style or Style.null(), control) for text, style, control in segments]
        return super().apply(styled, background)


def _warm_up() -> None:
    """Loads numpy and the plots, so that the first run opens at once."""
    import_module("lsap_cli.dashboard.screens.run")


class Dashboard(App[None]):
    """Watches run folders.

    Args:
        root: the folder with run folders in it.
        commands: what can be started.
        opened: a run to show at once.
    """

    TITLE = "lsap"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  # as textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]  # noqa: RUF012  # likewise
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "theme", "Light/dark", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, root: Path, commands: Commands, opened: Path | None = None) -> None:
        super().__init__()
        self._filters = [StyledMonochrome() if type(one) is Monochrome else one for one in self._filters]
        self.root, self.commands, self._opened = root, commands, opened

    def on_mount(self) -> None:
        self.push_screen(RunsScreen(self.root))
        if self._opened is not None:
            self.open_run(self._opened)
        else:
            self.set_timer(WARM_UP_SECONDS, lambda: self.run_worker(_warm_up, thread=True))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        yield SystemCommand("Start a run", "A form for generate, apply, defend or demo", self.open_start)
        yield SystemCommand("Help on this screen", "What is shown, and the keys", self.action_help)

    def open_run(self, folder: Path) -> None:
        from lsap_cli.dashboard.screens.run import RunScreen  # numpy and the plots: not before they are needed

        self.push_screen(RunScreen(folder))

    def open_start(self, command: str | None = None) -> None:
        from lsap_cli.dashboard.screens.start import StartScreen

        self.push_screen(StartScreen(command))

    def open_compare(self, folders: Sequence[Path]) -> None:
        from lsap_cli.dashboard.screens.compare import CompareScreen

        self.push_screen(CompareScreen(folders))

    def stop_run(self, facts: Facts) -> None:
        """Asks first; a run that was stopped by mistake costs hours."""
        from lsap_cli.dashboard.launching import stop
        from lsap_cli.dashboard.screens.dialogs import Question

        if not facts.live:
            self.notify("this run is not running", severity="warning")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.notify(stop(facts), markup=False)

        self.push_screen(Question(f"Stop {facts.folder.name}? What is finished is kept."), answered)

    def resume_run(self, facts: Facts) -> None:
        from lsap_cli.dashboard.launching import can_resume, resume

        if not can_resume(facts, self.commands.resumable):
            self.notify("only a stopped run of a command with --resume can go on", severity="warning")
            return
        try:
            resume(facts)
        except OSError as error:
            self.notify(f"it cannot be started: {error}", severity="error", markup=False)
            return
        self.notify(f"{facts.folder.name} goes on", markup=False)

    def action_theme(self) -> None:
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_help(self) -> None:
        from lsap_cli.dashboard.screens.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            return
        self.push_screen(HelpScreen(self.screen))
