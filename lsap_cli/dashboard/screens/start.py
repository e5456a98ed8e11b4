"""Forms that start a run. The command line that they make is shown while they are filled in."""

from datetime import datetime
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Footer, Input, Label, Static, Switch, TabbedContent, TabPane

from lsap_cli.dashboard.forms import DashboardCommands, Form, FormField, command_line, problem, words
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.launching import start
from lsap_cli.dashboard.navigation import OpenRun
from lsap_cli.dashboard.screens.dialogs import PickFile
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.results.text import printable


class FieldRow(Horizontal):
    """One thing to fill in: its name, its box, what it is."""

    def __init__(self, field: FormField) -> None:
        super().__init__(classes="field")
        self.field = field

    def compose(self) -> ComposeResult:
        mark = " *" if self.field.required else ""
        yield Label(f"{self.field.flag or self.field.name}{mark}", classes="field-name", markup=False)
        if self.field.kind == "switch":
            yield Switch(classes="field-box")
        else:
            several = "several, with spaces between" if self.field.kind == "list" else ""
            hint = " · ".join(part for part in (self.field.default, several) if part)
            yield Input(placeholder=hint, classes="field-box")
        if self.field.kind == "path":
            yield Button("…", classes="pick", tooltip="choose a file or folder")
        yield Label(self.field.help, classes="field-help", markup=False)

    @property
    def value(self) -> str:
        if self.field.kind == "switch":
            return "true" if self.query_one(Switch).value else ""
        return self.query_one(Input).value


class FormPane(VerticalScroll):
    """One command's form."""

    can_focus = False  # the boxes have the focus, not what they lie in

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

    def compose(self) -> ComposeResult:
        yield Static(self.form.about, classes="about", markup=False)
        for field in sorted(self.form.fields, key=lambda one: not one.required):
            yield FieldRow(field)

    @property
    def values(self) -> dict[str, str]:
        return {row.field.name: row.value for row in self.query(FieldRow)}


class StartScreen(Page):
    """Starts generate, apply, defend or demo.

    Args:
        root: the folder that new runs go into.
        commands: what can be started.
        command: whose form is shown first.
    """

    HELP = """\
Fill in what has a star; everything else may stay empty (the gray text is the default). The line below is the command
that the form makes: it can be copied and typed in any shell. Errors are shown at once, by the command's own rules.

The run is a process of its own. It goes on when the dashboard is closed, and ends with x on its screen.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "app.pop_screen", "Back"),
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("ctrl+o", "pick", "Choose file", priority=True),
        Binding("ctrl+y", "copy", "Copy command", priority=True),
    ]

    def __init__(self, root: Path, commands: DashboardCommands, command: str | None = None) -> None:
        super().__init__()
        self._root, self._commands, self._command = root, commands, command

    def compose(self) -> ComposeResult:
        keys = "  * is needed · Tab: next box · ← → on the tabs: another command"
        yield Static(Text().append("Start a run", style="bold").append(keys, style="dim"), id="title")
        with TabbedContent(initial=f"form-{self._command}" if self._command else ""):
            for form in self._commands.forms:
                with TabPane(form.command, id=f"form-{form.command}"):
                    yield FormPane(form)
        with Vertical(id="start"):
            yield Static(id="command-line", markup=False)
            yield Static(id="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start (Ctrl+S)", id="go", variant="primary")
                yield Button("Copy (Ctrl+Y)", id="copy")
        yield Footer(compact=True)

    @property
    def pane(self) -> FormPane:
        active = self.query_one(TabbedContent).active_pane
        assert active is not None
        return active.query_one(FormPane)

    @property
    def line(self) -> list[str]:
        """The words behind `lsap`."""
        return words(self.pane.form, self.pane.values)

    @on(Input.Changed)
    @on(Switch.Changed)
    @on(TabbedContent.TabActivated)
    def show_line(self) -> None:
        self.query_one("#command-line", Static).update(Text(printable(f"$ {command_line(self.line)}")))
        wrong = self._wrong()
        self.query_one("#wrong", Static).update(Text(printable(f"✗ {wrong}") if wrong else "✓ ready: Ctrl+S starts it"))
        self.query_one("#wrong").set_class(bool(wrong), "-wrong")

    def _wrong(self) -> str | None:
        pane = self.pane
        return problem(pane.form, pane.values, self._commands.check)

    @on(Button.Pressed, ".pick")
    def pick_for_button(self, event: Button.Pressed) -> None:
        row = event.button.parent
        if isinstance(row, FieldRow):
            self._pick(row)

    @on(Button.Pressed, "#go")
    def start_pressed(self) -> None:
        self.action_start()

    @on(Button.Pressed, "#copy")
    def copy_pressed(self) -> None:
        self.action_copy()

    def action_pick(self) -> None:
        row = next((one for one in self.pane.query(FieldRow) if one.has_focus_within), None)
        if row is None or row.field.kind == "switch":
            self.notify("put the cursor into the box that a file is for first", severity="warning")
            return
        self._pick(row)

    def _pick(self, row: FieldRow) -> None:
        def picked(path: Path | None) -> None:
            if path is not None:
                row.query_one(Input).value = _short(path)

        self.app.push_screen(PickFile(row.value), picked)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(command_line(self.line))
        self.notify("copied, if your terminal allows it; the line can also be selected with the mouse")

    def action_start(self) -> None:
        wrong = self._wrong()
        if wrong:
            self.notify(printable(wrong), severity="warning", markup=False)
            return
        command = self.pane.form.command
        folder = _new_folder(self._root, command)
        try:
            start(self.line, folder)
        except OSError as error:
            self.notify(
                printable(f"{folder} cannot be made: {error.strerror or error}"), severity="error", markup=False
            )
            return
        self.app.pop_screen()
        self.app.post_message(OpenRun(folder))


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
