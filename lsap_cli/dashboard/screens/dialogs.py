"""Small windows over a screen: a question, a choice of runs, a choice of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Click
from textual.screen import ModalScreen
from textual.widgets import Button, DirectoryTree, Input, OptionList, Static
from textual.widgets.option_list import Option

from lsap_cli.dashboard.formatting import name_text
from lsap_cli.dashboard.guard import Guarded
from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.results.text import printable

Answer = TypeVar("Answer")


class Dialog(Guarded, ModalScreen[Answer]):
    """A window over a screen. A click beside it, or on its Close button, closes it without an answer."""

    def close_button(self) -> Button:
        return Button("Close (Esc)", id="close")

    def on_click(self, event: Click) -> None:
        place = int(event.screen_x), int(event.screen_y)
        if event.widget is self and not any(one.region.contains(*place) for one in self.query(".dialog")):
            self.dismiss()

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        self.dismiss()


class Question(Dialog[bool]):
    """Yes or no; no by default.

    Args:
        text: the question.
        detail: what it is about, word for word; it can be scrolled.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
    ]

    def __init__(self, text: str, detail: str = "") -> None:
        super().__init__()
        self._text, self._detail = text, detail

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._text, markup=False)
            if self._detail:
                with VerticalScroll(classes="detail"):
                    yield Static(self._detail, markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Yes (y)", id="yes", variant="warning")
                yield Button("No (n)", id="no")

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    @on(Button.Pressed, "#yes")
    def accept(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed, "#no")
    def refuse(self) -> None:
        self.dismiss(False)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class PickRun(Dialog[Path]):
    """One run out of those that are there."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, title: str, runs: Sequence[RunSummary]) -> None:
        super().__init__()
        self._title, self._runs = title, list(runs)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(self._title, markup=False)
            if not self._runs:
                yield Static("There is no other run in this folder.")
            yield OptionList(*[Option(name_text(f"{one.name}  {one.figure}", 70)) for one in self._runs], markup=False)
            yield self.close_button()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._runs[event.option_index].snapshot.folder)


class PickFile(Dialog[Path]):
    """A file or a folder, from a tree or typed.

    Args:
        start: what is in the box.
        new_name: that is offered in each folder, for what is to be written; empty: the folder itself is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("backspace", "up", "Folder above"),
        Binding("ctrl+s", "take", "Take this one"),
    ]

    def __init__(self, start: str, new_name: str = "") -> None:
        super().__init__()
        self._new_name = new_name
        place = Path(start).expanduser() if start else Path.cwd()
        while not place.is_dir() and place != place.parent:
            place = place.parent
        self._place = place.resolve()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static("Choose a file with Enter, or take the folder itself with Ctrl+S. Backspace goes up.")
            yield DirectoryTree(self._place)
            yield Input(self._offered(self._place))
            with Horizontal(classes="buttons"):
                yield Button("Take it (Ctrl+S)", id="take", variant="primary")
                yield Button("Up", id="up", tooltip="the folder above")
                yield self.close_button()

    def on_mount(self) -> None:
        self.query_one(DirectoryTree).focus()

    @on(Button.Pressed, "#up")
    def action_up(self) -> None:
        self._place = self._place.parent
        self.query_one(DirectoryTree).path = self._place
        self.query_one(Input).value = self._offered(self._place)

    @on(Button.Pressed, "#take")
    def action_take(self) -> None:
        self.dismiss(Path(self.query_one(Input).value))

    @on(DirectoryTree.NodeHighlighted)
    def show_name(self, event: DirectoryTree.NodeHighlighted[object]) -> None:
        path = getattr(event.node.data, "path", None)
        if path is not None:
            self.query_one(Input).value = self._offered(path)

    @on(DirectoryTree.FileSelected)
    def take_file(self, event: DirectoryTree.FileSelected) -> None:
        self.dismiss(event.path)

    @on(Input.Submitted)
    def take_typed(self, event: Input.Submitted) -> None:
        self.dismiss(Path(event.value))

    def _offered(self, path: Path) -> str:
        return str(path / self._new_name if self._new_name and path.is_dir() else path)


class ShowAddress(Dialog[None]):
    """The address of a file that this machine has no screen for, in full; terminals that know links make it one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "dismiss", "Back"),
        Binding("y", "copy", "Copy the path"),
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Open this page in a browser:", markup=False)
            yield Static(Text(printable(self._path), style=Style(link=self._path.as_uri(), underline=True)))
            with Horizontal(classes="buttons"):
                yield Button("Copy the path (y)", id="copy-path")
                yield self.close_button()

    @on(Button.Pressed, "#copy-path")
    def action_copy(self) -> None:
        self.app.copy_to_clipboard(str(self._path))
        self.notify("copied, if your terminal allows it")


class AskWords(Dialog[str]):
    """Asks for some words.

    Args:
        title: what for.
        words: that are there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, title: str, words: str) -> None:
        super().__init__()
        self._title, self._words = title, words

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, markup=False)
            yield Input(self._words)
            with Horizontal(classes="buttons"):
                yield Button("OK (Enter)", id="take", variant="primary")
                yield self.close_button()

    @on(Input.Submitted)
    @on(Button.Pressed, "#take")
    def take(self) -> None:
        self.dismiss(self.query_one(Input).value)
