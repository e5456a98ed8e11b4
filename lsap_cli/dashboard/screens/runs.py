"""All runs below a folder, newest first. New ones appear, and live ones move on, by themselves."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from lsap_cli.dashboard.formatting import STATES, name_text, one_line
from lsap_cli.dashboard.guard import LONGEST_REASON, DrawingFailed, draw_guarded
from lsap_cli.dashboard.keys import HELP_KEY, RESUMABLE
from lsap_cli.dashboard.navigation import (
    CopyFrom,
    DeleteRuns,
    ExportRun,
    LabelRun,
    OpenComparison,
    OpenReport,
    OpenRun,
    OpenStart,
    OpenTrash,
    ResumeRun,
    RunsChanged,
    RunsSeen,
    StartAgain,
    StopRun,
    UndoDelete,
    ask,
)
from lsap_cli.dashboard.panes.preview import PreviewPane
from lsap_cli.dashboard.polling import PollingThread
from lsap_cli.dashboard.remembered import DashboardMemory
from lsap_cli.dashboard.run_list import RunListReader
from lsap_cli.dashboard.run_order import SORTS, filtered, ordered_runs, sort_words, valid_sort
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.dashboard.widgets.live_text import LiveText
from lsap_cli.dashboard.widgets.run_cells import RunLines, column_widths
from lsap_cli.dashboard.widgets.run_table import RunTable
from lsap_cli.dashboard.widgets.short_footer import ShortFooter

WIDE = 120  # columns from which on the run under the cursor is shown beside the list
PREVIEW_SHARE = 0.4
LEAST_LIST = 79  # columns of the list with its scroll bar
WRITES = (
    "start",
    "again",
    "delete",
    "undo",
    "trash",
    "label",
    "export",
    "resume",
)  # what a folder that one may not write has no use for
OF_A_RUN = ("open", "mark", "compare", "again", "report", "copy", "export", "delete", "label")
OF_A_LIST = ("filter", "sort", "reverse", "sort_column", "state", "hide_failed", "mark_all")
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
One line for each run below the folder, newest first; the parts of a demo stay below it. A run that has no name of its
own is called by what it was asked to do: method, budget. On wide screens its answer stands beside the list.

Sort: `s` by the next column, `1` to `9` or a click on a header by that one, again or `S` to turn it around. Filter: `/`
words (`-word` leaves out), `i` one state alone, `h` without failed, killed and damaged ones; Esc shows all.

**state**: live, done, failed, stopped (by a person), killed (run.json has no end, but nothing writes), damaged (a file
cannot be read; the rest is shown)

**key figure**: what the model suffers without a defense: *fooled* is the share of videos whose prediction the pattern
changed, with its 95 % interval. While it learns: the newest check on unseen videos

**curve**: generate: the loss. defend: accuracy on perturbed videos, first undefended, then behind each defense

Mark runs with Space, a click on their dot, or all with `A`; then compare them with `c`, or delete them with `d`: they
go to the trash, `u` brings them back.
"""
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("enter", "open", "Open"),
        Binding("n", "start", "New"),
        Binding("x", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
        Binding("o", "report", "Report"),
        Binding("space", "mark", "Mark", tooltip="to compare or delete several"),
        Binding("c", "compare", "Compare"),
        Binding("slash,f", "filter", "Filter", key_display="/"),
        Binding("a", "again", "Again", tooltip="its form, as it was filled in"),
        Binding("d,delete", "delete", "Delete", key_display="d"),
        Binding("s", "sort", "Sort"),
        Binding("u", "undo", "Undo delete"),
        Binding("y", "copy", "Copy"),
        Binding("e", "export", "Export", tooltip="tables and pictures, as files"),
        Binding("l", "label", "Label", tooltip="name, tags, note"),
        Binding("i", "state", "One state", tooltip="shows runs of one state alone"),
        Binding("h", "hide_failed", "Hide failed", tooltip="killed and damaged ones, too"),
        Binding("T", "trash", "Trash"),
        Binding("A", "mark_all", "Mark all"),
        Binding("S", "reverse", "Turn the order around", show=False),
        *[Binding(str(one), f"sort_column({one})", "Sort by a column", show=False) for one in range(1, 10)],
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
        self._has_read = False  # before, no run is known, though the thread may have found some
        self._has_figures = False  # the first reading is of run.json alone
        self._marked: list[Path] = []
        self._may_write = os.access(root if root.exists() else root.parent, os.W_OK)
        self.sort = valid_sort(memory.folder.sort)
        self._state = ""  # that is shown alone
        self._hides_failed = False
        self._rows: list[list[Text]] = []
        self._lines = RunLines()
        self.listed: list[Path] = []
        self._layout: object = None  # of the table: it is filled anew where that has changed
        self._cursor: Path | None = None
        self._offered: object = None
        self._reader = RunListReader(root)
        self._polling: PollingThread | None = None

    def compose(self) -> ComposeResult:
        yield LiveText(id="title")
        yield Input(placeholder="words of the name, command, model, state or figure; Esc clears", id="filter")
        with Horizontal(id="list"):
            yield RunTable()
            yield PreviewPane()
        yield Static(id="empty", markup=False)
        yield ShortFooter()

    def on_mount(self) -> None:
        box = self.query_one("#filter", Input)
        box.value = self._memory.folder.filter
        box.display = bool(box.value)
        self.query_one("#empty").display = False
        self._polling = PollingThread(
            self._reader.update, self._post_runs, self._reader.pause,
            failed=lambda reason: self.post_message(DrawingFailed(reason[:LONGEST_REASON])),
        )  # fmt: skip
        self._polling.start()
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        if self._polling is not None:
            self._polling.stop()

    def on_resize(self) -> None:
        preview = self.query_one(PreviewPane)
        preview.display = self.size.width >= WIDE
        preview.styles.width = preview_width(self.size.width)
        self._show()

    def on_screen_suspend(self) -> None:
        self._reader.covered = True

    def on_screen_resume(self) -> None:
        if self._reader.covered and self._polling is not None:
            self._polling.wake()
        self._reader.covered = False
        self._show()

    @on(DataTable.RowHighlighted)
    def keep_cursor(self, event: DataTable.RowHighlighted) -> None:
        if 0 <= event.cursor_row < len(self.listed):
            self._cursor = self.listed[event.cursor_row]
            self._refresh_keys()
            self._show_preview()

    def _post_runs(self) -> None:
        self.post_message(self.RunsRead(self._reader.summaries))

    @on(RunsRead)
    def show_runs(self, event: RunsRead) -> None:
        if not self._has_read and self._polling is not None:
            self.call_after_refresh(self._polling.wake)  # the figures are read when the list is there
        self._has_figures = self._has_read
        self.runs, self._has_read = event.runs, True
        self.post_message(RunsSeen([one.snapshot for one in event.runs if not one.part]))
        there = {one.snapshot.folder for one in event.runs}
        self._marked = [one for one in self._marked if one in there]
        self._show()
        self._refresh_keys()

    @on(RunsChanged)
    def read_again(self) -> None:
        if self._polling is not None:
            self._polling.wake()

    def _refresh_keys(self) -> None:
        """Makes the last line anew where other keys mean something now."""
        chosen = self.chosen
        offered = (bool(self.runs), chosen and chosen.snapshot.state)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

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
        words = self.query_one("#filter", Input).value
        return ordered_runs(filtered(self.runs, words, self._state, self._hides_failed), self.sort)

    def _show(self) -> None:
        """Writes what has changed; the cursor stays on its run."""
        if not self.is_current:
            return  # it is shown when it comes back
        table = self.query_one(RunTable)
        shown = self._shown()
        folders = [one.snapshot.folder for one in shown]
        wide = self.size.width >= WIDE
        widths = column_widths(self.size.width - (preview_width(self.size.width) if wide else 0))
        marked = set(self._marked)
        rows = [self._lines.cells(one, widths, one.snapshot.folder in marked) for one in shown]
        layout = widths, self.sort, folders
        if layout != self._layout:
            chosen = self._cursor
            table.fill(widths, rows, self.sort)
            self.listed, self._layout = folders, layout
            if chosen is not None and chosen in folders:
                table.move_cursor(row=folders.index(chosen), animate=False)
        else:
            table.write_changes(self._rows, rows)
        self._rows = rows
        self._show_title(len(shown))
        self._show_empty()
        self._show_preview()

    def _show_empty(self) -> None:
        empty = self._has_read and not self.runs
        around = self.query_one("#list")
        comes_back = not around.display and not empty
        around.display = not empty  # its room is the message's
        if comes_back and self.focused is None:
            self.query_one("#runs").focus()  # it lost the keys when it was hidden
        message = self.query_one("#empty", Static)
        message.display = empty
        if empty:
            message.update(Text(EMPTY.format(root=one_line(self.root, 60))))

    def _show_preview(self) -> None:
        if not self._has_figures:
            return  # the list is there first
        preview = self.query_one(PreviewPane)
        draw_guarded(preview, lambda: preview.show(self.chosen))

    def _show_title(self, shown: int) -> None:
        live = sum(one.snapshot.live for one in self.runs)
        noun = "run" if len(self.runs) == 1 else "runs"
        count = f"{len(self.runs)} {noun}" if shown == len(self.runs) else f"{shown} of {len(self.runs)} {noun}"
        marked = f" · {len(self._marked)} marked" if self._marked else ""
        only = f" · only {STATES[self._state][1]}" if self._state in STATES else ""
        only += "" if self._may_write else " · read-only"
        hidden = only + (" · failed hidden" if self._hides_failed else "")
        about = (
            f"{count} · {live} live · {sort_words(self.sort)}{marked}{hidden}" if self._reader.updates else "reading …"
        )
        title = Text().append("lsap", style="bold").append(f"  {about}", style="dim")
        self.query_one("#title", LiveText).put(title.append("  ").append_text(name_text(self.root, 40)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing here are not shown."""
        if action in WRITES and not self._may_write:
            return False
        if not self.is_mounted:
            return True
        chosen = self.chosen
        if action in OF_A_RUN:
            return chosen is not None
        if action in ("stop", "resume"):
            run = chosen.snapshot if chosen is not None else None
            return run is not None and (run.live if action == "stop" else run.state in RESUMABLE)
        return bool(self.runs) or action not in OF_A_LIST

    @on(DataTable.RowSelected)
    def open_row(self) -> None:
        self.action_open()

    @on(RunTable.MarkClicked)
    def mark_row(self) -> None:
        self.action_mark(moves=False)

    @on(DataTable.HeaderSelected, "#runs")
    def sort_by_header(self, event: DataTable.HeaderSelected) -> None:
        self.action_sort_by(str(event.column_key.value))

    @on(DrawingFailed)
    def show_failure(self, event: DrawingFailed) -> None:
        self.notify(f"a part cannot be drawn: {event.reason}", severity="warning", markup=False)

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
        ask(self, OpenStart(self.chosen.snapshot if self.chosen else None))

    def action_mark(self, moves: bool = True) -> None:
        if self.chosen is None:
            return
        folder = self.chosen.snapshot.folder
        self._marked = (
            [one for one in self._marked if one != folder] if folder in self._marked else [*self._marked, folder]
        )
        table = self.query_one("#runs", DataTable)
        self._show()
        if moves:
            table.move_cursor(row=min(table.cursor_row + 1, len(self.listed) - 1), animate=False)

    def action_mark_all(self) -> None:
        """All that are shown, or none where all are marked."""
        self._marked = [] if set(self.listed) <= set(self._marked) else list(self.listed)
        self._show()

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
        self._marked, self._state, self._hides_failed = [], "", False
        self.query_one("#runs").focus()
        self._show()

    def action_sort(self) -> None:
        """By the next column."""
        names = [name for name in self._columns if name in SORTS]
        now = self.sort.removeprefix("-")
        place = names.index(now) if now in names else -1
        self._sort(names[(place + 1) % len(names)])

    def action_reverse(self) -> None:
        self._sort(self.sort.removeprefix("-") if self.sort.startswith("-") else f"-{self.sort}")

    def action_sort_column(self, number: int) -> None:
        names = [name for name in self._columns if name in SORTS]
        if number <= len(names):
            self.action_sort_by(names[number - 1])

    def action_sort_by(self, name: str) -> None:
        """By a column; the same one again: turned around."""
        if name in SORTS:
            self._sort(f"-{name}" if self.sort == name else name)

    def _sort(self, sort: str) -> None:
        self.sort = sort
        self._memory.keep(sort=sort)
        self._show()

    @property
    def _columns(self) -> list[str]:
        return [str(key.value) for key in self.query_one(RunTable).columns]

    def action_state(self) -> None:
        """Runs of one state alone: each state that there is, then all again."""
        states = ["", *dict.fromkeys(one.snapshot.state for one in self.runs)]
        self._state = states[(states.index(self._state) + 1) % len(states)] if self._state in states else ""
        self._show()

    def action_hide_failed(self) -> None:
        self._hides_failed = not self._hides_failed
        self._show()

    def action_delete(self) -> None:
        chosen = [one.snapshot for one in self.runs if one.snapshot.folder in self._marked]
        if not chosen and self.chosen is not None:
            chosen = [self.chosen.snapshot]
        if chosen:
            ask(self, DeleteRuns(chosen))

    def action_again(self) -> None:
        if self.chosen is not None:
            ask(self, StartAgain(self.chosen.snapshot))

    def action_report(self) -> None:
        if self.chosen is not None:
            self.post_message(OpenReport(self.chosen.snapshot.folder))

    def action_export(self) -> None:
        if self.chosen is not None:
            self.post_message(ExportRun(self.chosen.snapshot.folder))

    def action_copy(self) -> None:
        from lsap_cli.dashboard.taking import run_items, table_grid, table_items

        items = run_items(self.chosen.snapshot) if self.chosen is not None else []
        ask(self, CopyFrom([*items, *table_items(table_grid("Runs", self.query_one("#runs", DataTable)))]))

    def action_undo(self) -> None:
        self.post_message(UndoDelete())

    def action_trash(self) -> None:
        ask(self, OpenTrash())

    def action_label(self) -> None:
        if self.chosen is not None:
            ask(self, LabelRun(self.chosen.snapshot.folder))

    def action_stop(self) -> None:
        if self.chosen is not None:
            self.post_message(StopRun(self.chosen.snapshot))

    def action_resume(self) -> None:
        if self.chosen is not None:
            self.post_message(ResumeRun(self.chosen.snapshot))


def preview_width(room: int) -> int:
    """Columns of the pane beside the list."""
    return min(int(room * PREVIEW_SHARE), room - LEAST_LIST)
