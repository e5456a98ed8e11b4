"""The application: which screens there are, and the keys that work everywhere."""

import gc
from collections.abc import Iterable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import Monochrome
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme

from lsap_cli.dashboard.forms import DashboardCommands
from lsap_cli.dashboard.navigation import (
    ChooseComparison,
    CopyFrom,
    DeleteRuns,
    LabelRun,
    OpenComparison,
    OpenCurves,
    OpenRun,
    OpenStart,
    OpenTrash,
    ResumeRun,
    StartAgain,
    StopRun,
    TabShown,
)
from lsap_cli.dashboard.picture_kinds import PictureKind
from lsap_cli.dashboard.remembered import DashboardMemory
from lsap_cli.dashboard.screens.runs import RunsScreen
from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.dashboard.takeaway import TakeAway
from lsap_cli.errors import LsapError
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import RunSnapshot

if TYPE_CHECKING:
    from lsap_cli.dashboard.screens.start import FilledForms

NEXT_COMMAND = {"generate": "apply", "apply": "defend", "train": "generate", "harden": "defend"}  # for its forms
START_SECONDS = 1.0  # until the first screen is there
WARM_UP_SECONDS = 1.0  # after the first screen, what the other screens need is loaded


class StyledMonochrome(Monochrome):
    """Textual's filter for NO_COLOR, which breaks on pieces of text that have no style."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        styled = [Segment(text, style or Style.null(), control) for text, style, control in segments]
        return super().apply(styled, background)


def _collect_garbage() -> None:
    """Looks for garbage again where that was put off for the start, and never among what was loaded until now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _warm_up() -> None:
    """Loads numpy and the plots, so that the first run opens at once."""
    import_module("lsap_cli.dashboard.screens.run")


HIGH_CONTRAST = Theme(
    name="high-contrast", dark=True, primary="#4db8ff", secondary="#ffd84d", accent="#ffd84d", foreground="#ffffff",
    background="#000000", surface="#000000", panel="#202020", boost="#303030", success="#5cff5c", warning="#ffb84d",
    error="#ff7a7a", variables={"text-muted": "#e0e0e0", "text-disabled": "#c0c0c0"},
)  # fmt: skip


class Dashboard(TakeAway):
    """Watches run folders.

    Args:
        root: the folder with run folders in it.
        commands: what can be started.
        opened: a run to show at once; None: the one that was open when the dashboard ended, if any.
        memory: what is remembered; by default nothing.
    """

    TITLE = "lsap"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  # as textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]  # noqa: RUF012  # as textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "theme", "Light/dark", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self, root: Path, commands: DashboardCommands, opened: Path | None = None, memory: DashboardMemory | None = None
    ) -> None:
        super().__init__(root)
        self._filters = [StyledMonochrome() if type(one) is Monochrome else one for one in self._filters]
        self.commands, self._opened = commands, opened
        self.memory = memory or DashboardMemory(None, root)
        self.pictures: PictureKind = "blocks"

    def on_mount(self) -> None:
        self.register_theme(HIGH_CONTRAST)
        if self.memory.theme in self.available_themes:
            self.theme = self.memory.theme
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.push_screen(RunsScreen(self.root, self.memory))
        self.set_timer(START_SECONDS, _collect_garbage)
        last = self.memory.folder
        if self._opened is not None:
            self.open_run(self._opened)
        elif last.opened and Path(last.opened).is_dir():
            self.open_run(Path(last.opened), last.tab)
        else:
            self.set_timer(WARM_UP_SECONDS, lambda: self.run_worker(_warm_up, thread=True))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # as textual declares it
        yield from super().get_system_commands(screen)
        yield from self._key_commands(screen)
        yield SystemCommand("Start a run", "A form for generate, apply, defend or demo", self.open_start)
        yield SystemCommand("Help on this screen", "What is shown, and the keys", self.action_help)

    def _key_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the keys of a screen do now, with the key."""
        known = set()
        for node, binding, enabled, _ in screen.active_bindings.values():
            about = binding.description
            if node is screen and enabled and about and about not in known:
                known.add(about)
                key = binding.key_display or self.get_key_display(binding)
                details = binding.tooltip or "on this screen"
                yield SystemCommand(f"{about}  ({key})", details, partial(self.run_action, binding.action, screen))

    def take(self, message: Message) -> None:
        match message:
            case DeleteRuns():
                self.delete_runs(message)
            case StartAgain():
                self.start_again(message)
            case OpenStart():
                self.show_start(message)
            case CopyFrom():
                self.copy_from(message)
            case LabelRun():
                self.label_run(message)
            case OpenTrash():
                self.open_trash()
            case OpenCurves():
                self.show_curves(message)
            case _:
                self.post_message(message)

    @on(OpenRun)
    def show_run(self, event: OpenRun) -> None:
        self.open_run(event.folder)

    @on(OpenStart)
    def show_start(self, event: OpenStart) -> None:
        self.open_start(run=event.run)

    @on(StartAgain)
    def start_again(self, event: StartAgain) -> None:
        from lsap_cli.dashboard.screens.start import FilledForms

        command = event.run.command
        try:
            values = self.commands.values(event.run)
        except LsapError as error:
            self.notify(printable(error), severity="warning", markup=False)
            return
        self._open_forms(FilledForms(command, {command: values}, change=True))

    @on(OpenCurves)
    def show_curves(self, event: OpenCurves) -> None:
        from lsap_cli.dashboard.screens.curve import CurveScreen

        self.push_screen(CurveScreen(event.folder, lambda: self._runs))

    @on(OpenComparison)
    def show_comparison(self, event: OpenComparison) -> None:
        self.open_compare(event.folders)

    def open_run(self, folder: Path, tab: str = "") -> None:
        from lsap_cli.dashboard.screens.run import RunScreen  # numpy and the plots: not before they are needed

        self.memory.keep(opened=str(folder))
        self.push_screen(RunScreen(folder, tab), lambda _: self.memory.keep(opened=""))

    @on(TabShown)
    def remember_tab(self, event: TabShown) -> None:
        self.memory.keep(tab=event.tab)

    def open_start(self, command: str | None = None, run: RunSnapshot | None = None) -> None:
        from lsap_cli.dashboard.offers import offers
        from lsap_cli.dashboard.screens.start import FilledForms

        values = offers(run) if run is not None else {}
        fitting = NEXT_COMMAND.get(run.command) if run is not None else None
        self._open_forms(FilledForms(command or (fitting if fitting in values else None), values))

    def _open_forms(self, filled: "FilledForms") -> None:
        from lsap_cli.dashboard.screens.start import StartScreen

        live = [one.snapshot.folder for one in self._runs if one.snapshot.live and not one.part]
        self.push_screen(StartScreen(self.root, self.commands, filled, live))

    @property
    def _runs(self) -> Sequence[RunSummary]:
        """The runs that the list knows."""
        return next((one.runs for one in self.screen_stack if isinstance(one, RunsScreen)), [])

    def open_compare(self, folders: Sequence[Path]) -> None:
        from lsap_cli.dashboard.screens.compare import CompareScreen

        self.push_screen(CompareScreen(folders))

    @on(ChooseComparison)
    def choose_comparison(self, event: ChooseComparison) -> None:
        from lsap_cli.dashboard.screens.dialogs import PickRun

        others = [one for one in self._runs if one.snapshot.folder != event.folder]

        def picked(folder: Path | None) -> None:
            if folder is not None:
                self.open_compare([event.folder, folder])

        self.push_screen(PickRun(printable(f"Compare {event.folder.name} with"), others), picked)

    @on(StopRun)
    def stop_run(self, event: StopRun) -> None:
        """Asks first; a run that was stopped by mistake costs hours."""
        from lsap_cli.dashboard.launching import stop
        from lsap_cli.dashboard.screens.dialogs import Question

        folder = event.run.folder
        if not event.run.live:
            self.notify("this run is not running", severity="warning")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.notify(stop(folder), markup=False)

        self.push_screen(Question(f"Stop {printable(folder.name)}? What is finished is kept."), answered)

    @on(ResumeRun)
    def resume_run(self, event: ResumeRun) -> None:
        """Shows the command first: the settings may be a stranger's."""
        from lsap_cli.dashboard.launching import resume, resume_line, why_not_resumable, working_folder
        from lsap_cli.dashboard.screens.dialogs import Question

        run = event.run
        refused = why_not_resumable(run)
        if refused:
            self.notify(refused, severity="warning")
            return
        try:
            words = self.commands.resume_words(run)
        except LsapError as error:
            self.notify(printable(error), severity="warning", markup=False)
            return

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            try:
                resume(run, words)
            except OSError as error:
                self.notify(printable(f"it cannot be started: {error}"), severity="error", markup=False)
                return
            self.notify(printable(f"{run.folder.name} goes on"), markup=False)

        name, place = printable(run.folder.name), printable(working_folder(run) or Path.cwd())
        line = printable(resume_line(run, words))
        self.push_screen(
            Question(f"Resume {name}? This command is started in {place}, from the settings in the run folder:", line),
            answered,
        )

    def action_theme(self) -> None:
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def _keep_theme(self, theme: Theme) -> None:
        self.memory.keep(theme=theme.name)

    def action_help(self) -> None:
        from lsap_cli.dashboard.screens.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            return
        self.push_screen(HelpScreen(self.screen))
