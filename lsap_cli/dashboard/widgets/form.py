"""One command's form: each of its options with a box, under the headings of its --help."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static, Switch

from lsap_cli.dashboard.forms import Form, FormField, heading, ordered

Complete = Callable[[str, str, str], Sequence[tuple[str, str]]]  # command, field, typed -> texts, and what they are


def begun_word(text: str, kind: str) -> tuple[str, str]:
    """What stands before the word that is typed last, and that word; of one value, nothing and all of it."""
    if kind != "list":
        return "", text
    head, space, word = text.rpartition(" ")
    return head + space, word


class NameSuggester(Suggester):
    """How the text in a box can go on, in gray behind the cursor; → takes it."""

    def __init__(self, command: str, field: FormField, complete: Complete) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._command, self._field, self._complete = command, field, complete

    async def get_suggestion(self, value: str) -> str | None:
        head, word = begun_word(value, self._field.kind)
        if not word:
            return None
        found = await asyncio.to_thread(self._complete, self._command, self._field.name, word)
        return next((head + text for text, _ in found if text != word), None)


class FieldRow(Horizontal):
    """One thing to fill in: its name, its box, what it is.

    Args:
        command: whose option it is.
        field: the option.
        value: that it has at first.
        complete: how a text can go on.
    """

    def __init__(self, command: str, field: FormField, value: str, complete: Complete) -> None:
        super().__init__(classes="field")
        self.field = field
        self._command, self._value, self._complete = command, value, complete

    def compose(self) -> ComposeResult:
        mark = " *" if self.field.required else ""
        yield Label(f"{self.field.flag or self.field.name}{mark}", classes="field-name", markup=False)
        completed = self.field.named or self.field.kind == "path"
        if self.field.kind == "switch":
            yield Switch(self._value == "true", classes="field-box")
        else:
            several = "several, with spaces between" if self.field.kind == "list" else ""
            hint = " · ".join(part for part in (self.field.default, several) if part)
            suggester = NameSuggester(self._command, self.field, self._complete) if completed else None
            yield Input(self._value, placeholder=hint, suggester=suggester, classes="field-box")
        if completed and self.field.kind != "switch":
            what = "choose a name" if self.field.named else "choose a file or folder"
            yield Button("…", classes="pick", tooltip=what)
        else:
            yield Static(classes="pick")  # its room, so that what follows stands in one column
        yield Label(self.field.help, classes="field-help", markup=False)

    @property
    def value(self) -> str:
        if self.field.kind == "switch":
            return "true" if self.query_one(Switch).value else ""
        return self.query_one(Input).value

    def take(self, text: str) -> None:
        """Puts a chosen text in: the whole value, or the last word of several."""
        box = self.query_one(Input)
        head, _ = begun_word(box.value, self.field.kind)
        box.value = head + text
        box.focus()
        box.cursor_position = len(box.value)

    def matches(self, word: str) -> bool:
        """Whether the option is called so, or its help says so."""
        return word in (self.field.flag or self.field.name).lower() or word in self.field.help.lower()


class FormPane(VerticalScroll):
    """One command's form.

    Args:
        form: of the command.
        values: that its boxes have at first, by field.
        complete: how a text can go on.
    """

    can_focus = False  # the boxes have the focus, not what they lie in

    def __init__(self, form: Form, values: Mapping[str, str], complete: Complete) -> None:
        super().__init__()
        self.form = form
        self._values, self._complete = values, complete
        self._is_filled = False

    def fill(self) -> None:
        """Makes the boxes, once: those of all commands together would take seconds."""
        if not self._is_filled:
            self._is_filled = True
            self.mount_all(self._widgets())

    def _widgets(self) -> Iterator[Widget]:
        yield Static(self.form.about, classes="about", markup=False)
        shown = ""
        for field in ordered(self.form):
            if heading(field) != shown:
                shown = heading(field)
                yield Static(shown, classes="heading", markup=False)
            yield FieldRow(self.form.command, field, self._values.get(field.name, ""), self._complete)

    @property
    def values(self) -> dict[str, str]:
        return {row.field.name: row.value for row in self.query(FieldRow)}

    def find(self, word: str) -> FieldRow | None:
        """Shows the options that match a word alone; the best of them, by its name where one has it."""
        word = word.strip().lower().lstrip("-")
        rows = list(self.query(FieldRow))
        for row in rows:
            row.display = not word or row.matches(word)
        for title in self.query(".heading"):
            title.display = not word
        found = [row for row in rows if word and row.display]
        return min(found, key=lambda row: not row.field.name.replace("_", "-").startswith(word), default=None)


class FormStart(Vertical):
    """What a form makes: the command line, what is wrong with it, and the buttons that start it."""

    def compose(self) -> ComposeResult:
        yield Static(id="command-line", markup=False)
        yield Static(id="wrong", markup=False)
        with Horizontal(classes="buttons"):
            yield Button("Start (Ctrl+S)", id="go", variant="primary")
            yield Button("Queue (Ctrl+L)", id="queue")
            yield Button("Copy (Ctrl+Y)", id="copy")
