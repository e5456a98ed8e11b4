"""All runs below a folder, newest first. New ones appear, and live ones move on, by themselves."""

import time
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

from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.navigation import OpenComparison, OpenRun, OpenStart, ResumeRun, StopRun
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.summaries import Summary
from lsap_cli.dashboard.watching import ListWatch, Watcher
from lsap_cli.dashboard.widgets.words import Words
from lsap_cli.dashboard.words import BLUE, DASH, duration, escaped, moment, one_line, spark, state_text

SORTS = ("newest", "name", "state", "longest")
# name and width at 80 columns; 0: on wider screens only
COLUMNS = (
    ("state", 9),
    ("run", 15),
    ("command", 8),
    ("model", 0),
    ("key figure", 24),
    ("curve", 6),
    ("start", 0),
    ("took", 5),
)
WIDER = (
    ("took", 2),
    ("command", 1),
    ("model", 14),
    ("start", 10),
    ("run", 14),
    ("key figure", 14),
    ("curve", 18),
    ("run", 10),
)
EMPTY = """\
[b]There is no run in {root} yet.[/b]

A run is what one lsap command leaves behind: its settings, what happened, its results.

  [b]n[/b]   fill in a form and start one; choose [b]demo[/b] to see the whole way in three minutes,
      on videos and a model that come with lsap

or in another terminal, and it appears here by itself:

  lsap demo --run {root}/first

Runs that lie elsewhere:  lsap dashboard THEIR_FOLDER
"""


class RunsScreen(Page):
    """The list of runs.

    Args:
        root: the folder that is looked in.
    """

    HELP = """\
One line for each run below the folder, newest first; the parts of a demo stand below it.

[b]state[/b]  live, done, failed, stopped (by a person), killed (it says it runs, but nothing writes), damaged (a file
cannot be read; the rest is shown)
[b]key figure[/b]  what the model suffers without a defense: *fooled* is the share of videos whose prediction the pattern
changed, with its 95 % interval. While it learns: the newest check on unseen videos
[b]curve[/b]  generate: the loss. defend: accuracy on perturbed videos, first undefended, then behind each defense

Mark runs with Space, then compare them with c.
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
        Binding("escape", "clear", "Clear filter", show=False),
    ]

    @dataclass
    class Found(Message):
        """The folder was looked through, and something is new."""

        runs: list[Summary]

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunsScreen.Found)

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.runs: list[Summary] = []
        self._marked: list[Path] = []
        self._sort = SORTS[0]
        self._rows: list[Path] = []
        self._cursor: Path | None = None
        self._watch = ListWatch(root)
        self._watcher: Watcher | None = None

    def compose(self) -> ComposeResult:
        yield Words(id="title")
        yield Input(placeholder="words of the name, command, model, state or figure; Esc clears", id="filter")
        table: DataTable[Text] = DataTable(cursor_type="row", cell_padding=1, id="runs")
        yield table
        yield Static(id="empty")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.query_one("#empty").display = False
        self._watcher = Watcher(self._watch.look, self._tell, self._watch.pause)
        self._watcher.start()
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()

    def on_resize(self) -> None:
        self._rows = []  # columns have other widths
        self._show()

    def on_screen_suspend(self) -> None:
        self._watch.covered = True

    def on_screen_resume(self) -> None:
        self._watch.covered = False
        if self._watcher is not None:
            self._watcher.wake()
        self._show()

    @on(DataTable.RowHighlighted)
    def remember(self, event: DataTable.RowHighlighted) -> None:
        if 0 <= event.cursor_row < len(self._rows):
            self._cursor = self._rows[event.cursor_row]

    def _tell(self) -> None:
        self.post_message(self.Found(self._watch.summaries))

    @on(Found)
    def take(self, event: Found) -> None:
        self.runs = event.runs
        self._show()

    def _tick(self) -> None:
        """Durations of live runs go on between two looks."""
        if any(one.facts.live for one in self.runs):
            self._show()

    @property
    def chosen(self) -> Summary | None:
        """The run under the cursor."""
        row = self.query_one("#runs", DataTable).cursor_row
        folder = self._rows[row] if 0 <= row < len(self._rows) else None
        return next((one for one in self.runs if one.facts.folder == folder), None)

    def _shown(self) -> list[Summary]:
        wanted = self.query_one("#filter", Input).value.lower().split()
        shown = [one for one in self.runs if all(word in _searched(one) for word in wanted)]
        if self._sort == "name":
            return sorted(shown, key=lambda one: one.facts.folder.as_posix())
        if self._sort == "state":
            return sorted(shown, key=lambda one: (not one.facts.live, one.facts.state, -(one.facts.started or 0.0)))
        if self._sort == "longest":
            return sorted(shown, key=lambda one: -(one.seconds or 0.0))
        return shown

    def _show(self) -> None:
        """Writes what has changed; the cursor stays on its run."""
        if not self.is_current:
            return  # it is shown when it comes back
        table = self.query_one("#runs", DataTable)
        shown = self._shown()
        folders = [one.facts.folder for one in shown]
        widths = _widths(self.size.width)
        if folders != self._rows:
            chosen = self._cursor
            table.clear(columns=True)
            for name, width in widths.items():
                table.add_column(name, width=width)
            for one in shown:
                table.add_row(*self._cells(one, widths))
            self._rows = folders
            if chosen is not None and chosen in folders:
                table.move_cursor(row=folders.index(chosen), animate=False)
        else:
            for row, one in enumerate(shown):
                for column, cell in enumerate(self._cells(one, widths)):
                    place = Coordinate(row, column)
                    if table.get_cell_at(place) != cell:
                        table.update_cell_at(place, cell)
        self._show_title(len(shown))
        empty = self._watch.looks > 0 and not self.runs
        table.display = not empty
        message = self.query_one("#empty", Static)
        message.display = empty
        if empty:
            message.update(EMPTY.format(root=escaped(self.root, 60)))

    def _show_title(self, shown: int) -> None:
        live = sum(one.facts.live for one in self.runs)
        count = f"{len(self.runs)} runs" if shown == len(self.runs) else f"{shown} of {len(self.runs)} runs"
        marked = f" · {len(self._marked)} marked" if self._marked else ""
        looking = "looking …" if not self._watch.looks else f"{count} · {live} live · {self._sort} first{marked}"
        self.query_one("#title", Words).put(f"[b]lsap[/b]  {escaped(self.root, 40)}  [dim]{looking}[/dim]")

    def _cells(self, one: Summary, width: dict[str, int]) -> list[Text]:
        facts = one.facts
        seconds = one.seconds
        if facts.live and facts.started is not None:
            seconds = max(seconds or 0.0, time.time() - facts.started)
        mark = "● " if facts.folder in self._marked else ""
        name = f"└ {one.name}" if one.part and self._sort == "newest" else one.name
        cells = {
            "state": state_text(facts.state),
            "run": Text(one_line(mark + name, width["run"]), style="" if one.part else "bold"),
            "command": Text(one_line(facts.command.removeprefix("models ") or DASH, width["command"])),
            "model": Text(one_line(facts.classifier or DASH, width.get("model", 1))),
            "key figure": Text(one_line(one.figure or DASH, width["key figure"])),
            "curve": Text(spark(list(one.curve), width["curve"]), style=BLUE),
            "start": Text(moment(facts.started)),
            "took": Text(duration(seconds), justify="right"),
        }
        return [cells[name] for name in width]

    @on(DataTable.RowSelected)
    def open_row(self) -> None:
        self.action_open()

    @on(Input.Changed, "#filter")
    def filter_changed(self) -> None:
        self._show()

    @on(Input.Submitted, "#filter")
    def filter_done(self) -> None:
        self.query_one("#runs").focus()

    def action_open(self) -> None:
        if self.chosen is not None:
            self.post_message(OpenRun(self.chosen.facts.folder))

    def action_start(self) -> None:
        self.post_message(OpenStart())

    def action_mark(self) -> None:
        if self.chosen is None:
            return
        folder = self.chosen.facts.folder
        self._marked = (
            [one for one in self._marked if one != folder] if folder in self._marked else [*self._marked, folder]
        )
        table = self.query_one("#runs", DataTable)
        self._show()
        table.move_cursor(row=min(table.cursor_row + 1, len(self._rows) - 1), animate=False)

    def action_compare(self) -> None:
        folders = list(self._marked)
        if self.chosen is not None and self.chosen.facts.folder not in folders and len(folders) < 2:
            folders.append(self.chosen.facts.folder)
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
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._show()
        self.notify(f"sorted: {self._sort} first")

    def action_stop(self) -> None:
        if self.chosen is not None:
            self.post_message(StopRun(self.chosen.facts))

    def action_resume(self) -> None:
        if self.chosen is not None:
            self.post_message(ResumeRun(self.chosen.facts))


def _searched(one: Summary) -> str:
    facts = one.facts
    return f"{one.name} {facts.command} {facts.classifier} {facts.state} {one.figure}".lower()


def _widths(room: int) -> dict[str, int]:
    """Of the columns: what is beyond 80 goes to one after the other."""
    widths = dict(COLUMNS)
    left = room - 80
    for name, more in WIDER:
        gap = 0 if widths[name] else 2  # a column that appears brings its gap with it
        if widths[name] == 0 and left < more + gap:
            continue
        taken = min(more, max(0, left - gap))
        widths[name] += taken
        left -= taken + (gap if taken else 0)
    return {name: width for name, width in widths.items() if width}
