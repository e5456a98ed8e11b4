"""Forms that start a run. The command line that they make is shown while they are filled in."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Button, Input, Static, Switch, TabbedContent, TabPane

from lsap_cli.dashboard.forms import DashboardCommands, command_line, problem, words
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.launching import queue, remove_if_never_begun, start
from lsap_cli.dashboard.navigation import OpenRun
from lsap_cli.dashboard.screens.dialogs import PickFile
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.screens.pick_name import PickName
from lsap_cli.dashboard.widgets.form import FieldRow, FormPane, FormStart, begun_word
from lsap_cli.dashboard.widgets.short_footer import ShortFooter
from lsap_cli.results.files import RUN_FILE
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import read_console

LOOK_EVERY_SECONDS = 0.2  # for the first sign of a process that was started
LONGEST_ERROR = 400  # characters
FRAME = "╭╮╰╯│─ \t"
ABOVE_ERRORS = ("Usage: ", "Try '")


@dataclass(frozen=True)
class FilledForms:
    """What forms hold when they are opened.

    Attributes:
        command: whose form is shown first; None: the first one.
        values: by command and field.
        change: puts the cursor into the box that finds options: one of a filled form is to be changed.
    """

    command: str | None = None
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    change: bool = False


class StartScreen(Page):
    """Starts generate, apply, defend, train or demo.

    Args:
        root: the folder that new runs go into.
        commands: what can be started.
        filled: what the forms hold at first.
        live: run folders that a queued run waits for, beside those in the queue.
    """

    HELP = """\
Fill in what has a star; everything else may stay empty (the gray text is the default). The line below is the command
that the form makes: it can be copied and typed in any shell. Errors are shown at once, by the command's own rules.

**Find an option**: Ctrl+F, a part of its name, Enter: the cursor is in its box.

**Names and files**: gray text behind the cursor shows how a text can go on, → takes it; Ctrl+O shows all there are,
settings included.

The run is a process of its own. It goes on when the dashboard is closed, and ends with x on its screen. What ends
before it has begun says why here, and the form stays as it is. **Queue** starts it when all runs that are live and all
that were queued before have ended.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "app.pop_screen", "Back"),
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("ctrl+l", "queue", "Queue", priority=True),
        Binding("ctrl+f", "find", "Find", priority=True),
        Binding("ctrl+o", "pick", "Choose", priority=True),
        Binding("ctrl+y", "copy", "Copy", priority=True),
    ]

    def __init__(
        self, root: Path, commands: DashboardCommands, filled: FilledForms | None = None, live: Sequence[Path] = ()
    ) -> None:
        super().__init__()
        self._root, self._commands, self._live = root, commands, live
        self._filled = filled or FilledForms()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = root

    def compose(self) -> ComposeResult:
        keys = "  * is needed · Tab: next box · Ctrl+F: find an option"
        yield Static(Text().append("Start a run", style="bold").append(keys, style="dim"), id="title")
        yield Input(placeholder="part of an option's name, then Enter", id="find")
        command = self._filled.command
        with TabbedContent(initial=f"form-{command}" if command else ""):
            for form in self._commands.forms:
                with TabPane(form.command, id=f"form-{form.command}"):
                    yield FormPane(form, self._filled.values.get(form.command, {}), self._commands.complete)
        yield FormStart(id="start")
        yield ShortFooter()

    def on_mount(self) -> None:
        box = self.query_one("#find")
        box.display = self._filled.change
        if self._filled.change:
            box.focus()
        self.set_interval(LOOK_EVERY_SECONDS, self._look)

    @property
    def pane(self) -> FormPane:
        active = self.query_one(TabbedContent).active_pane
        assert active is not None
        return active.query_one(FormPane)

    @property
    def line(self) -> list[str]:
        """The words behind `lsap`."""
        return words(self.pane.form, self.pane.values)

    @on(TabbedContent.TabActivated)
    def show_form(self) -> None:
        self.pane.fill()
        self.call_after_refresh(self.show_line)

    @on(Input.Changed, ".field-box")
    @on(Switch.Changed)
    def show_line(self) -> None:
        self.query_one("#command-line", Static).update(Text(printable(f"$ {command_line(self.line)}")))
        wrong = self._wrong()
        self._say(f"✗ {wrong}" if wrong else "✓ ready: Ctrl+S starts it", bool(wrong))

    def _say(self, sentence: str, wrong: bool) -> None:
        self.query_one("#wrong", Static).update(Text("\n".join(map(printable, sentence.split("\n")))))
        self.query_one("#wrong").set_class(wrong, "-wrong")

    def _wrong(self) -> str | None:
        pane = self.pane
        return problem(pane.form, pane.values, self._commands.check)

    @on(Input.Changed, "#find")
    def find_options(self, event: Input.Changed) -> None:
        self.pane.find(event.value)

    @on(Input.Submitted, "#find")
    def found_option(self, event: Input.Submitted) -> None:
        row = self.pane.find(event.value)
        if row is None:
            self.notify("no option is called so", severity="warning")
            return
        self.pane.find("")
        row.query_one(".field-box").focus()
        self.call_after_refresh(row.scroll_visible, animate=False)

    def action_find(self) -> None:
        box = self.query_one("#find", Input)
        box.display = True
        box.value = ""
        box.focus()

    @on(Button.Pressed, ".pick")
    def pick_for_button(self, event: Button.Pressed) -> None:
        row = event.button.parent
        if isinstance(row, FieldRow):
            self._pick(row)

    @on(Button.Pressed, "#go")
    def start_pressed(self) -> None:
        self.action_start()

    @on(Button.Pressed, "#queue")
    def queue_pressed(self) -> None:
        self.action_queue()

    @on(Button.Pressed, "#copy")
    def copy_pressed(self) -> None:
        self.action_copy()

    def action_pick(self) -> None:
        row = next((one for one in self.pane.query(FieldRow) if one.has_focus_within), None)
        if row is None or not (row.field.named or row.field.kind == "path"):
            self.notify("put the cursor into a box that takes a name or a file first", severity="warning")
            return
        self._pick(row)

    def _pick(self, row: FieldRow) -> None:
        if row.field.named:
            self._pick_name(row)
            return

        def picked(path: Path | None) -> None:
            if path is not None:
                row.take(_short(path))

        self.app.push_screen(PickFile(row.value, row.field.new_name), picked)

    def _pick_name(self, row: FieldRow) -> None:
        command, name = self.pane.form.command, row.field.name
        _, begun = begun_word(row.value, row.field.kind)

        def picked(text: str | None) -> None:
            if text is not None:
                row.take(text)

        self.app.push_screen(
            PickName(row.field.flag or name, begun, lambda typed: self._commands.complete(command, name, typed)), picked
        )

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(command_line(self.line))
        self.notify("copied, if your terminal allows it; the line can also be selected with the mouse")

    def action_start(self) -> None:
        folder = self._ready_folder()
        if folder is None:
            return
        try:
            self._process = start(self.line, folder)
        except OSError as error:
            self._refused(folder, error)
            return
        self._folder = folder
        self._say("starting … it is opened when it has begun; Esc leaves it to itself", wrong=False)

    def action_queue(self) -> None:
        folder = self._ready_folder()
        if folder is None:
            return
        try:
            queue(self.line, folder, self._root, self._live)
        except OSError as error:
            self._refused(folder, error)
            return
        self.app.pop_screen()
        self.app.notify(printable(f"{folder.name} waits for its turn; x takes it out of the queue"), markup=False)

    def _ready_folder(self) -> Path | None:
        """A folder for the run; None, after saying why, where it cannot start."""
        if self._process is not None:
            self.notify("the last one is being started", severity="warning")
            return None
        wrong = self._wrong()
        if wrong:
            self.notify(printable(wrong), severity="warning", markup=False)
            return None
        return _new_folder(self._root, self.pane.form.command)

    def _refused(self, folder: Path, error: OSError) -> None:
        self.notify(printable(f"{folder} cannot be made: {error.strerror or error}"), severity="error", markup=False)

    def _look(self) -> None:
        """Opens a run that has begun; shows why one ended before that, with the form as it was."""
        process, folder = self._process, self._folder
        if process is None:
            return
        if (folder / RUN_FILE).exists():
            self._process = None
            if self.app.screen is self:
                self.app.pop_screen()
                self.app.post_message(OpenRun(folder))
        elif process.poll() is not None:
            self._process = None
            printed = _said(read_console(folder))
            remove_if_never_begun(folder)
            self._say(f"✗ it ended before it began: {printed or 'it printed nothing'}", wrong=True)


def _said(printed: str) -> str:
    """What a process printed last, without the frame around an error and the lines above it."""
    lines = [line.strip(FRAME) for line in printed.splitlines()]
    kept = [line for line in lines if line not in ("", "Error") and not line.startswith(ABOVE_ERRORS)]
    return " ".join(kept)[-LONGEST_ERROR:]


def _new_folder(root: Path, command: str) -> Path:
    """`<time>-<command>` below the folder that the dashboard shows; one that does not exist yet."""
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{command}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    return next(root / name for name in names if not (root / name).exists())


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
