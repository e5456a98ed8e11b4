"""All runs below a folder, newest first. New ones appear, and live ones move on, by themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable, Footer, Input, Static

from lsap_cli.dashboard.formatting import (
    name_text,
    one_line,
)
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.navigation import (
    DeleteRuns,
    LabelRun,
    OpenComparison,
    OpenRun,
    OpenStart,
    OpenTrash,
    ResumeRun,
    RunsChanged,
    StartAgain,
    StopRun,
    UndoDelete,
)
from lsap_cli.dashboard.polling import PollingThread
from lsap_cli.dashboard.remembered import DashboardMemory
from lsap_cli.dashboard.run_list import RunListReader
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.dashboard.widgets.live_text import LiveText
from lsap_cli.dashboard.widgets.run_cells import column_widths, run_cells

SORTS = ("newest", "name", "state", "longest")
EMPTY = """\
There is no run in {root} yet.

A run is what one lsap command leaves behind: its settings, what happened, its results.

  n   fill in a form and start one; choose demo to see the whole way in three minutes,
      on videos and a model that come with lsap

or in another terminal, and it appears here by itself:

  lsap demo --run {root}/first

Runs that lie elsewhere:  lsap dashboard THEIR_FOLDER
"""


class RunsScreen(Page):
    """The list of runs.

    Args:
        root: the folder with the runs.
        memory: of its sort and its filter.
    """

    HELP = """\
One line for each run below the folder, newest first; the parts of a demo stand below it.

**state**: live, done, failed, stopped (by a person), killed (run.json has no end, but nothing writes), damaged (a file
cannot be read; the rest is shown)

**key figure**: what the model suffers without a defense: *fooled* is the share of videos whose prediction the pattern
changed, with its 95 % interval. While it learns: the newest check on unseen videos

**curve**: generate: the loss. defend: accuracy on perturbed videos, first undefended, then behind each defense

Mark runs with Space, then compare them with `c`, or delete them with `d`: they go to the trash, `u` brings them back.
"""
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("enter", "open", "Open"),
        Binding("n", "start", "New run"),
        Binding("space", "mark", "Mark"),
        Binding("c", "compare", "Compare"),
        Binding("slash,f", "filter", "Filter", key_display="/"),
        Binding("s", "sort", "Sort"),
        Binding("x", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
        Binding("a", "again", "Again"),
        Binding("d,delete", "delete", "Delete", key_display="d"),
        Binding("u", "undo", "Undo delete", show=False),
        Binding("T", "trash", "Trash", show=False),
        Binding("l", "label", "Name, tags, note", show=False),
        Binding("escape", "clear", "Clear filter", show=False),
    ]

    @dataclass
    class RunsRead(Message):
        """The folder was read, and something is new."""

        runs: list[RunSummary]

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunsScreen.RunsRead)

    def __init__(self, root: Path, memory: DashboardMemory) -> None:
        super().__init__()
        self.root, self._memory = root, memory
        self.runs: list[RunSummary] = []
        self._marked: list[Path] = []
        self.sort = memory.folder.sort if memory.folder.sort in SORTS else SORTS[0]
        self.listed: list[Path] = []
        self._cursor: Path | None = None
        self._reader = RunListReader(root)
        self._polling: PollingThread | None = None

    def compose(self) -> ComposeResult:
        yield LiveText(id="title")
        yield Input(placeholder="words of the name, command, model, state or figure; Esc clears", id="filter")
        table: DataTable[Text] = DataTable(cursor_type="row", cell_padding=1, id="runs")
        yield table
        yield Static(id="empty", markup=False)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        box = self.query_one("#filter", Input)
        box.value = self._memory.folder.filter
        box.display = bool(box.value)
        self.query_one("#empty").display = False
        self._polling = PollingThread(self._reader.update, self._post_runs, self._reader.pause)
        self._polling.start()
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        if self._polling is not None:
            self._polling.stop()

    def on_resize(self) -> None:
        self.listed = []  # columns have other widths
        self._show()

    def on_screen_suspend(self) -> None:
        self._reader.covered = True

    def on_screen_resume(self) -> None:
        self._reader.covered = False
        if self._polling is not None:
            self._polling.wake()
        self._show()

    @on(DataTable.RowHighlighted)
    def keep_cursor(self, event: DataTable.RowHighlighted) -> None:
        if 0 <= event.cursor_row < len(self.listed):
            self._cursor = self.listed[event.cursor_row]
            self.refresh_bindings()

    def _post_runs(self) -> None:
        self.post_message(self.RunsRead(self._reader.summaries))

    @on(RunsRead)
    def show_runs(self, event: RunsRead) -> None:
        self.runs = event.runs
        there = {one.snapshot.folder for one in event.runs}
        self._marked = [one for one in self._marked if one in there]
        self._show()
        self.refresh_bindings()

    @on(RunsChanged)
    def read_again(self) -> None:
        if self._polling is not None:
            self._polling.wake()

    def _tick(self) -> None:
        """Durations of live runs go on between two updates."""
        if any(one.snapshot.live for one in self.runs):
            self._show()

    @property
    def chosen(self) -> RunSummary | None:
        """The run under the cursor."""
        row = self.query_one("#runs", DataTable).cursor_row
        folder = self.listed[row] if 0 <= row < len(self.listed) else None
        return next((one for one in self.runs if one.snapshot.folder == folder), None)

    def _shown(self) -> list[RunSummary]:
        words = self.query_one("#filter", Input).value.lower().split()
        shown = [one for one in self.runs if all(word in _searched(one) for word in words)]
        if self.sort == "name":
            return sorted(shown, key=lambda one: one.snapshot.folder.as_posix())
        if self.sort == "state":
            return sorted(
                shown, key=lambda one: (not one.snapshot.live, one.snapshot.state, -(one.snapshot.started or 0.0))
            )
        if self.sort == "longest":
            return sorted(shown, key=lambda one: -(one.seconds or 0.0))
        return shown

    def _show(self) -> None:
        """Writes what has changed; the cursor stays on its run."""
        if not self.is_current:
            return  # it is shown when it comes back
        table = self.query_one("#runs", DataTable)
        shown = self._shown()
        folders = [one.snapshot.folder for one in shown]
        widths = column_widths(self.size.width)
        if folders != self.listed:
            chosen = self._cursor
            table.clear(columns=True)
            for name, width in widths.items():
                table.add_column(name, width=width)
            for one in shown:
                table.add_row(*self._cells(one, widths))
            self.listed = folders
            if chosen is not None and chosen in folders:
                table.move_cursor(row=folders.index(chosen), animate=False)
        else:
            for row, one in enumerate(shown):
                for column, cell in enumerate(self._cells(one, widths)):
                    place = Coordinate(row, column)
                    if table.get_cell_at(place) != cell:
                        table.update_cell_at(place, cell)
        self._show_title(len(shown))
        empty = self._reader.updates > 0 and not self.runs
        table.display = not empty
        message = self.query_one("#empty", Static)
        message.display = empty
        if empty:
            message.update(Text(EMPTY.format(root=one_line(self.root, 60))))

    def _show_title(self, shown: int) -> None:
        live = sum(one.snapshot.live for one in self.runs)
        noun = "run" if len(self.runs) == 1 else "runs"
        count = f"{len(self.runs)} {noun}" if shown == len(self.runs) else f"{shown} of {len(self.runs)} {noun}"
        marked = f" · {len(self._marked)} marked" if self._marked else ""
        about = f"{count} · {live} live · {self.sort} first{marked}" if self._reader.updates else "reading …"
        title = Text().append("lsap", style="bold").append("  ").append_text(name_text(self.root, 40))
        self.query_one("#title", LiveText).put(title.append(f"  {about}", style="dim"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Stop and Resume are offered where the chosen run can be."""
        if action in ("stop", "resume") and self.is_mounted and self.chosen is not None:
            live = self.chosen.snapshot.live
            return live if action == "stop" else not live and self.chosen.snapshot.state != "done"
        return True

    def _cells(self, one: RunSummary, widths: dict[str, int]) -> list[Text]:
        marked = one.snapshot.folder in self._marked
        return run_cells(one, widths, marked=marked, indented=one.part and self.sort == "newest")

    @on(DataTable.RowSelected)
    def open_row(self) -> None:
        self.action_open()

    @on(Input.Changed, "#filter")
    def filter_changed(self, event: Input.Changed) -> None:
        self._memory.keep(filter=event.value)
        self._show()

    @on(Input.Submitted, "#filter")
    def filter_done(self) -> None:
        self.query_one("#runs").focus()

    def action_open(self) -> None:
        if self.chosen is not None:
            self.post_message(OpenRun(self.chosen.snapshot.folder))

    def action_start(self) -> None:
        self.post_message(OpenStart(self.chosen.snapshot if self.chosen else None))

    def action_mark(self) -> None:
        if self.chosen is None:
            return
        folder = self.chosen.snapshot.folder
        self._marked = (
            [one for one in self._marked if one != folder] if folder in self._marked else [*self._marked, folder]
        )
        table = self.query_one("#runs", DataTable)
        self._show()
        table.move_cursor(row=min(table.cursor_row + 1, len(self.listed) - 1), animate=False)

    def action_compare(self) -> None:
        folders = list(self._marked)
        if self.chosen is not None and self.chosen.snapshot.folder not in folders and len(folders) < 2:
            folders.append(self.chosen.snapshot.folder)
        if len(folders) < 2:
            self.notify("mark two or more runs with Space first", severity="warning")
            return
        self.post_message(OpenComparison(folders))

    def action_filter(self) -> None:
        box = self.query_one("#filter")
        box.display = True
        box.focus()

    def action_clear(self) -> None:
        box = self.query_one("#filter", Input)
        box.value = ""
        box.display = False
        self._marked = []
        self.query_one("#runs").focus()
        self._show()

    def action_sort(self) -> None:
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self._memory.keep(sort=self.sort)
        self._show()
        self.notify(f"sorted: {self.sort} first")

    def action_delete(self) -> None:
        chosen = [one.snapshot for one in self.runs if one.snapshot.folder in self._marked]
        if not chosen and self.chosen is not None:
            chosen = [self.chosen.snapshot]
        if chosen:
            self.post_message(DeleteRuns(chosen))

    def action_again(self) -> None:
        if self.chosen is not None:
            self.post_message(StartAgain(self.chosen.snapshot))

    def action_undo(self) -> None:
        self.post_message(UndoDelete())

    def action_trash(self) -> None:
        self.post_message(OpenTrash())

    def action_label(self) -> None:
        if self.chosen is not None:
            self.post_message(LabelRun(self.chosen.snapshot.folder))

    def action_stop(self) -> None:
        if self.chosen is not None:
            self.post_message(StopRun(self.chosen.snapshot))

    def action_resume(self) -> None:
        if self.chosen is not None:
            self.post_message(ResumeRun(self.chosen.snapshot))


def _searched(one: RunSummary) -> str:
    snapshot = one.snapshot
    labels = " ".join([snapshot.folder.name, *(f"#{tag}" for tag in one.labels.tags), one.labels.note])
    return f"{one.name} {labels} {snapshot.command} {snapshot.classifier} {snapshot.state} {one.figure}".lower()
