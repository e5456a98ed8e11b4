"""A run's name, tags and note, to be typed."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from lsap_cli.dashboard.formatting import name_text
from lsap_cli.dashboard.screens.dialogs import Dialog
from lsap_cli.results.run_labels import RunLabels
from lsap_cli.runs.labels import LONGEST_NAME, LONGEST_NOTE, labels_of


class LabelsDialog(Dialog[RunLabels]):
    """Asks for a run's labels.

    Args:
        folder: its name.
        labels: that it has.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("ctrl+s", "keep", "Keep", priority=True),
    ]

    def __init__(self, folder: str, labels: RunLabels) -> None:
        super().__init__()
        self._folder, self._labels = folder, labels

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(name_text(f"{self._folder}: the folder keeps its name", 60), markup=False)
            for name, value, hint, most in (
                ("name", self._labels.name, "shown in the list instead of the folder's", LONGEST_NAME),
                ("tags", " ".join(self._labels.tags), "words to filter by, with spaces between", 1000),
                ("note", self._labels.note, "what this run is for, what it showed", LONGEST_NOTE),
            ):
                with Horizontal(classes="field"):
                    yield Static(name, classes="field-name")
                    yield Input(value, placeholder=hint, max_length=most, id=f"label-{name}", classes="field-box")
            with Horizontal(classes="buttons"):
                yield Button("Keep (Enter)", id="keep", variant="primary")
                yield self.close_button()

    @on(Input.Submitted)
    @on(Button.Pressed, "#keep")
    def keep(self) -> None:
        self.action_keep()

    def action_keep(self) -> None:
        name, tags, note = (self.query_one(f"#label-{one}", Input).value for one in ("name", "tags", "note"))
        self.dismiss(labels_of(name, tags, note))
