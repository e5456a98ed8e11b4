"""The runs in the trash: restored, or deleted for good after a question."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from lsap_cli.dashboard.formatting import moment, name_text
from lsap_cli.dashboard.screens.dialogs import Dialog, Question
from lsap_cli.errors import LsapError
from lsap_cli.results.text import printable
from lsap_cli.runs.trash import TRASH_FOLDER, TrashEntry, delete_for_good, restore_from_trash, trash_entries


class TrashDialog(Dialog[bool]):
    """What was deleted, newest first. Answers whether anything was restored.

    Args:
        root: the folder with the runs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back"),
        Binding("d,delete", "delete", "Delete for good"),
        Binding("e", "empty", "Empty the trash"),
    ]

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root, self._restored = root, False
        self._entries: list[TrashEntry] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(id="trash-about", markup=False)
            yield OptionList(id="trashed", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Restore (Enter)", id="restore", variant="primary")
                yield Button("Delete for good (d)", id="delete")
                yield Button("Empty (e)", id="empty-trash")
                yield self.close_button()

    def on_mount(self) -> None:
        self._fill()
        self.query_one(OptionList).focus()

    def _fill(self) -> None:
        self._entries = trash_entries(self._root)
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            [Option(Text(f"{moment(one.time):<13}").append_text(name_text(one.path, 60))) for one in self._entries]
        )
        if self._entries:
            options.highlighted = 0
        where = printable(self._root / TRASH_FOLDER)
        count = f"{len(self._entries)} deleted" if self._entries else "Nothing is"
        self.query_one("#trash-about", Static).update(Text(f"{count} in {where}"))

    @property
    def _chosen(self) -> TrashEntry | None:
        place = self.query_one(OptionList).highlighted
        return self._entries[place] if place is not None and place < len(self._entries) else None

    @on(OptionList.OptionSelected)
    @on(Button.Pressed, "#restore")
    def restore(self) -> None:
        entry = self._chosen
        if entry is None:
            return
        try:
            folder = restore_from_trash(self._root, entry)
        except (LsapError, OSError) as error:
            self.notify(printable(error), severity="warning", markup=False)
        else:
            self._restored = True
            self.notify(printable(f"restored {folder.name}"), markup=False)
        self._fill()

    @on(Button.Pressed, "#delete")
    def delete_pressed(self) -> None:
        self.action_delete()

    @on(Button.Pressed, "#empty-trash")
    def empty_pressed(self) -> None:
        self.action_empty()

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        self.action_close()

    def action_close(self) -> None:
        self.dismiss(self._restored)

    def action_delete(self) -> None:
        if self._chosen is not None:
            self._ask([self._chosen])

    def action_empty(self) -> None:
        if self._entries:
            self._ask(list(self._entries))

    def _ask(self, entries: list[TrashEntry]) -> None:
        what = printable(entries[0].path) if len(entries) == 1 else f"all {len(entries)} runs in the trash"

        def answered(yes: bool | None) -> None:
            if yes:
                for one in entries:
                    try:
                        delete_for_good(self._root, one)
                    except (LsapError, OSError) as error:
                        self.notify(printable(error), severity="warning", markup=False)
                self._fill()

        self.app.push_screen(Question(f"Delete {what} for good? This cannot be undone."), answered)
