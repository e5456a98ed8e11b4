"""One run: results, live, look, log, facts. Of a demo, its parts in turn."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, TabbedContent, TabPane

from lsap_cli.dashboard.formatting import ORANGE, duration, joined, name_text, state_text
from lsap_cli.dashboard.guard import LONGEST_REASON, DrawingFailed, draw_guarded
from lsap_cli.dashboard.keys import HELP_KEY, RESUMABLE
from lsap_cli.dashboard.navigation import (
    ChooseComparison,
    CopyFrom,
    DeleteRuns,
    ExportRun,
    LabelRun,
    OpenCurves,
    OpenReport,
    OpenStart,
    ResumeRun,
    RunsChanged,
    RunsSeen,
    StartAgain,
    StopRun,
    TabShown,
    ask,
)
from lsap_cli.dashboard.panes.facts import FactsPane
from lsap_cli.dashboard.panes.live import LivePane
from lsap_cli.dashboard.panes.log import LogPane
from lsap_cli.dashboard.panes.pictures import PicturesPane
from lsap_cli.dashboard.panes.results import ResultsPane
from lsap_cli.dashboard.polling import PollingThread
from lsap_cli.dashboard.run_reader import YIELDING_SECONDS, RunReader
from lsap_cli.dashboard.screens.dialogs import AskWords
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.summaries import run_seconds
from lsap_cli.dashboard.taking import CopyItem, every_rate, matrix_grid, run_items, table_items
from lsap_cli.dashboard.widgets.defense_table import DefenseTable
from lsap_cli.dashboard.widgets.heat import HeatTable
from lsap_cli.dashboard.widgets.live_text import LiveText
from lsap_cli.dashboard.widgets.short_footer import ShortFooter
from lsap_cli.results.defense_matrix import DefenseMatrix
from lsap_cli.results.files import RUN_FILE
from lsap_cli.results.measures import metrics_of
from lsap_cli.results.records import Cell, defense_name
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import CONSOLE_FILE, read_snapshot

PARTS = ("generate", "apply", "defend")
TICK_SECONDS = 1.0
Pane = LivePane | ResultsPane | PicturesPane | LogPane | FactsPane
TABS: dict[str, tuple[str, Callable[[], Pane]]] = {
    "results": ("Results", ResultsPane),
    "live": ("Live", LivePane),
    "pictures": ("Look", PicturesPane),
    "log": ("Log", LogPane),
    "facts": ("Facts", FactsPane),
}
FOCUSED = {  # what the keyboard moves on a tab
    "results": "#matrix", "live": "#live-pane", "pictures": "#pictures-pane", "log": "#log-pane",
    "facts": "#facts-pane",
}  # fmt: skip


class RunScreen(Page):
    """One run folder.

    Args:
        folder: of the run; it need not hold anything yet.
        tab: that is shown first; empty: the usual one.
    """

    HELP = f"""\
**Results**: the verdict, then four figures without a defense: clean, noise, perturbed, and the worst attacker that
learned for this network. The matrix has the same for each defense; its last column is the worst attacker that knows the
defense, with its rung. Each cell shows the sampler that is worst for the model (`s`: one sampler alone). Look at *no
defense, no attack* first: a model that is often wrong there means little elsewhere. Two rates whose intervals overlap
may be the same; a star stands only where a paired test shows that a defense helps. Enter shows each video of a cell,
Enter on a video its frames; PgDn goes on to checks, ladder, samplers and detectors.
Accuracy: right answers. Fooling rate: predictions that differ from the clean, undefended one.

**Live**: generate: the loss of the batches; how many of their clips are fooled, with the 95 % band, and ● on unseen
videos; the coherence of the pattern over time; the step size; the pace. apply: the files, and what a reader finds
changed in them. defend: the matrix while it fills up.

`z`: one curve as large as the screen, with reading, zoom, log scale and other runs over it; also memory, GPU and disk.

**Look**: the pattern, slot by slot (which frame gets which slot is its *binding*), and videos before, after, and their
difference, amplified.

*Drawn every {YIELDING_SECONDS:.0f} s*: the run needs all cores of this machine, and drawing would slow it down; curves
follow later. Keys work at once.

**Log**: every event in words, then what the process printed; `/` searches, `v` changes the level, `f` follows the end.

**Facts**: settings, versions, files, and what is damaged.

A demo has three parts; it shows the one that works, until you choose another with `[` and `]`.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "dismiss", "Back"),
        *[
            Binding(str(number), f"tab('{tab}')", title, show=False)
            for number, (tab, (title, _)) in enumerate(TABS.items(), 1)
        ],
        Binding("v", "curve", "Curve", tooltip="the next one"),
        Binding("v", "side", "Side", tooltip="before, after, difference"),
        Binding("v", "level", "Level", tooltip="fewer kinds of lines, or all"),
        Binding("z", "zoom", "Large", tooltip="one curve as large as the screen"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("f", "follow", "Follow"),
        Binding("s", "sampler", "Sampler"),
        Binding("m", "metric", "Metric"),
        Binding("pagedown", "page(1)", "More", key_display="PgDn", show=False, priority=True),
        Binding("pageup", "page(-1)", "Back up", show=False, priority=True),
        Binding("home", "edge(-1)", "Top", show=False, priority=True),
        Binding("end", "edge(1)", "Bottom", show=False, priority=True),
        Binding("space", "play", "Play", priority=True),
        Binding("left", "step(-1)", "Last frame", show=False, priority=True),
        Binding("right", "step(1)", "Next frame", show=False, priority=True),
        Binding("up", "film(-1)", "Last picture", show=False, priority=True),
        Binding("down", "film(1)", "Next picture", show=False, priority=True),
        Binding("left_square_bracket", "part(-1)", "Part", key_display="["),
        Binding("right_square_bracket", "part(1)", "Part", key_display="]"),
        Binding("x", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
        Binding("o", "report", "Report"),
        Binding("c", "compare", "Compare"),
        Binding("y", "copy", "Copy"),
        Binding("a", "again", "Again", tooltip="its form, as it was filled in"),
        Binding("e", "export", "Export", tooltip="tables and pictures, as files"),
        Binding("d,delete", "delete", "Delete", key_display="d"),
        Binding("l", "label", "Label", tooltip="name, tags, note"),
        Binding("n", "next", "New run"),
    ]

    @dataclass
    class Changed(Message):
        """The run folder has something new."""

        reader: RunReader

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunScreen.Changed) and message.reader is self.reader

    def __init__(self, folder: Path, tab: str = "") -> None:
        super().__init__()
        self.folder = folder
        self._first_tab = tab if tab in TABS else ""
        self.current = RunReader(folder)  # what is shown: the run, or a part of a demo
        self.polling: PollingThread | None = None
        self._shown = 0.0
        self._part: str | None = None  # chosen by a person; None: the one that works
        self._was_live = self.current.snapshot.live
        self._is_demo = self.current.snapshot.command == "demo"
        self._offered: dict[str, bool] = {}
        self._focus_waits = False

    def compose(self) -> ComposeResult:
        yield LiveText(id="title")
        yield LiveText(id="parts")
        yield LiveText(id="problems")
        yield LiveText(id="undrawn")
        # a run that goes on or is yet to begin is watched, one that has ended is asked for its results
        begun = any((self.folder / name).exists() for name in (RUN_FILE, CONSOLE_FILE))
        first = self._first_tab or ("live" if self.current.snapshot.live or not begun else "results")
        with TabbedContent(initial=first):
            for number, (tab, (title, make_pane)) in enumerate(TABS.items(), 1):
                with TabPane(f"{number} {title}", id=tab):
                    yield make_pane()
        yield ShortFooter()

    def on_mount(self) -> None:
        self.query_one("#problems").display = False
        self.query_one("#undrawn").display = False
        self._follow(self.folder)
        self.set_interval(TICK_SECONDS, self._tick)

    def on_unmount(self) -> None:
        self._stop_polling()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def on_screen_resume(self) -> None:
        self._show()

    def _follow(self, folder: Path) -> None:
        self._stop_polling()
        # a demo is there to be looked at; any other run comes first
        self.current = reader = RunReader(folder, samples_first=True, yields=not self._is_demo)
        self.polling = PollingThread(
            reader.update,
            lambda: self.post_message(self.Changed(reader)),
            reader.pause,
            reader.close,
            lambda reason: self.post_message(DrawingFailed(printable(reason)[:LONGEST_REASON])),
        )
        self.polling.start()

    def _stop_polling(self) -> None:
        if self.polling is not None:
            self.polling.stop()

    @on(Changed)
    def show_change(self, event: Changed) -> None:
        if event.reader is self.current:
            if self.current.folder == self.folder:
                self.post_message(RunsSeen([self.current.snapshot]))
            self._show_results_of_a_run_that_ended()
            self._show()

    def _show_results_of_a_run_that_ended(self) -> None:
        """Who watched a run until its end wants to know what came of it."""
        ended = self._was_live and self.current.snapshot.state == "done" and self.current.results is not None
        if ended and self._tab == "live":
            self.query_one(TabbedContent).active = "results"
        self._was_live = self.current.snapshot.live or (self._was_live and not ended)

    @on(TabbedContent.TabActivated)
    def show_tab(self) -> None:
        self.post_message(TabShown(self._tab))
        self._show()
        self._focus_pane()

    def _focus_pane(self) -> None:
        """The keyboard moves what is shown, however the tab was opened."""
        wanted = self.query(FOCUSED.get(self._tab, ""))
        self._focus_waits = bool(wanted) and not wanted.first().display  # until it has been read what it shows
        if wanted and wanted.first().display and not isinstance(self.focused, Input):
            wanted.first().focus(scroll_visible=False)

    def _tick(self) -> None:
        if not self.is_current:
            return
        if not self._is_demo and self.folder == self.current.folder and self.current.snapshot.command == "demo":
            self._is_demo = True
        if self._is_demo:
            self._choose_part()
        yielding = self.current.is_yielding
        pause = YIELDING_SECONDS if yielding else TICK_SECONDS
        if self.current.snapshot.live and time.monotonic() - self._shown >= pause:
            self._show()  # curves that waited for their turn
        elif not yielding:
            self._show_title()

    def _existing_parts(self) -> list[str]:
        return [name for name in PARTS if (self.folder / name / RUN_FILE).exists()]

    def _choose_part(self) -> None:
        """Of a demo: the part that was chosen, else the newest there is."""
        existing = self._existing_parts()
        part = self._part or (existing[-1] if existing else None)
        folder = self.folder / part if part else self.folder
        if folder != self.current.folder:
            self._follow(folder)
        states = {name: state_text(read_snapshot(self.folder / name).state).plain for name in existing}
        parts = []
        for name in PARTS:
            shown = self.current.folder.name == name
            text = f"{'▸' if shown else ' '}{name} {states.get(name, 'not yet')}"
            parts.append(Text().append(text, style="bold" if shown else "dim"))
        self.query_one("#parts", LiveText).put(joined(parts, "   ").append("   [ ] chooses", style="dim"))

    @property
    def _tab(self) -> str:
        return self.query_one(TabbedContent).active

    def _show(self) -> None:
        if not self.is_current or not self.is_mounted:
            return
        reader = self.current
        pane = self.query_one(f"#{self._tab}-pane")
        assert isinstance(pane, Pane)
        self._shown = time.monotonic()
        self._draw(pane, lambda: pane.show(reader))
        if self._focus_waits:
            self._focus_pane()
        problems = self.query_one("#problems", LiveText)
        problems.display = bool(reader.problems)
        problems.put(printable("damaged: " + "; ".join(reader.problems)))
        self._show_title()

    def _draw(self, pane: Pane, draw: Callable[[], None]) -> None:
        """Draws a pane; the line of an earlier failure goes."""
        self.query_one("#undrawn").display = False
        with self.current.lock:
            draw_guarded(pane, draw)
        self._refresh_keys()

    @on(DrawingFailed)
    def show_failure(self, event: DrawingFailed) -> None:
        line = self.query_one("#undrawn", LiveText)
        line.display = True
        line.put(f"this part cannot be drawn: {event.reason}")

    def _show_title(self) -> None:
        snapshot = self.current.snapshot
        self.query_one("#parts").display = self._is_demo
        title = joined(
            [
                name_text(self.folder.name, 30, "bold"),
                name_text(snapshot.command, 14),
                state_text(snapshot.state),
                duration(run_seconds(snapshot)),
                name_text(snapshot.classifier, 24),
                f"drawn every {YIELDING_SECONDS:.0f} s" if self.current.is_yielding else "",
            ]
        )
        if snapshot.error:
            title.append("  ").append_text(name_text(snapshot.error, 60, f"bold {ORANGE}"))
        self.query_one("#title", LiveText).put(title)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing here are not shown."""
        return self._meaningful().get(action, True) if self.is_mounted else True

    def _refresh_keys(self) -> None:
        """Makes the last line anew where other keys mean something now: that costs more than most of the screen."""
        meaningful = self._meaningful()
        if meaningful != self._offered:
            self._offered = meaningful
            self.refresh_bindings()

    def _meaningful(self) -> dict[str, bool]:
        """Actions that do not always mean something, and whether they do now."""
        tab, state = self._tab, self.current.snapshot.state
        pictures, results = self.query_one(PicturesPane), self.query_one(ResultsPane)
        return {
            "step": tab == "pictures",
            "film": tab == "pictures",
            "play": tab == "pictures" and bool(pictures.films),
            "curve": tab == "live" and self.query_one(LivePane).hides_curves,
            "side": tab == "pictures" and pictures.view.hides_sides,
            "level": tab == "log",
            "zoom": tab == "live",
            "search": tab == "log",
            "follow": tab == "log",
            "sampler": tab == "results" and len(results.rows.samplers) > 1,
            "metric": tab == "results" and len(metrics_of(results.rows)) > 1,
            "page": tab in ("results", "log", "facts"),
            "edge": tab in ("results", "log", "facts") and not isinstance(self.focused, Input),
            "part": self._is_demo,
            "stop": self.current.snapshot.live,
            "resume": state in RESUMABLE,
        }

    def action_tab(self, tab: str) -> None:
        self.query_one(TabbedContent).active = tab
        self._focus_pane()

    def action_curve(self) -> None:
        self.query_one(LivePane).next_curve()
        self.call_after_refresh(self._show)

    def action_side(self) -> None:
        pictures = self.query_one(PicturesPane)
        self._draw(pictures, pictures.next_side)

    def action_level(self) -> None:
        self.query_one(LogPane).next_level()

    def action_zoom(self) -> None:
        ask(self, OpenCurves(self.current.folder))

    def action_search(self) -> None:
        pane = self.query_one(LogPane)

        def found(words: str | None) -> None:
            if words is not None:
                pane.find(words)

        self.app.push_screen(AskWords("Show lines of the log with these words (none: all)", pane.search), found)

    def action_follow(self) -> None:
        self.query_one(LogPane).toggle_follow()

    def action_sampler(self) -> None:
        pane = self.query_one(ResultsPane)
        self._draw(pane, lambda: pane.next_sampler(self.current))

    def action_metric(self) -> None:
        pane = self.query_one(ResultsPane)
        self._draw(pane, lambda: pane.next_metric(self.current))

    def action_page(self, by: int) -> None:
        """Scrolls the tab, whatever holds the focus."""
        pane = self.query_one(f"#{self._tab}-pane")
        if by > 0:
            pane.scroll_page_down()
        else:
            pane.scroll_page_up()

    def action_edge(self, towards: int) -> None:
        """To the beginning or the end of the tab."""
        pane = self.query_one(f"#{self._tab}-pane")
        if towards > 0:
            pane.scroll_end(animate=False)
        else:
            pane.scroll_home(animate=False)

    def action_play(self) -> None:
        self.query_one(PicturesPane).toggle()

    def action_step(self, by: int) -> None:
        pictures = self.query_one(PicturesPane)
        self._draw(pictures, lambda: pictures.step(by))

    def action_film(self, by: int) -> None:
        pictures = self.query_one(PicturesPane)
        self._draw(pictures, lambda: pictures.next_film(by))

    def action_part(self, by: int) -> None:
        existing = self._existing_parts()
        if existing:
            now = self.current.folder.name
            place = existing.index(now) if now in existing else 0
            self._part = existing[(place + by) % len(existing)]
            self._choose_part()

    def action_compare(self) -> None:
        self.post_message(ChooseComparison(self.current.folder))

    def action_again(self) -> None:
        ask(self, StartAgain(self.current.snapshot))

    def action_report(self) -> None:
        self.post_message(OpenReport(self.current.folder))

    def action_export(self) -> None:
        self.post_message(ExportRun(self.current.folder))

    def action_copy(self) -> None:
        matrix = self.query_one(ResultsPane).matrix
        grid = matrix_grid(matrix) if matrix is not None and matrix.conditions else None
        every = every_rate(self.current.results)
        cell = self._cell_items(matrix) if self._tab == "results" else []
        ask(self, CopyFrom([*run_items(self.current.snapshot), *cell, *table_items(grid, every)]))

    def _cell_items(self, matrix: DefenseMatrix | None) -> list[CopyItem]:
        """The cell under the cursor of the matrix."""
        chosen = self.query_one(DefenseTable).chosen
        shown = matrix.shown(*chosen) if matrix is not None and chosen is not None else None
        if chosen is None or shown is None:
            return []
        text = f"{defense_name(chosen[0])}, {chosen[1]}, {shown.sampler}: {shown.rate}"
        return [CopyItem("c", f"the cell: {text}", lambda: text)]

    def action_next(self) -> None:
        ask(self, OpenStart(self.current.snapshot))

    def action_delete(self) -> None:
        ask(self, DeleteRuns([read_snapshot(self.folder)]))

    def action_label(self) -> None:
        ask(self, LabelRun(self.folder))

    @on(RunsChanged)
    def close_if_deleted(self) -> None:
        if not self.folder.exists():
            self.dismiss()

    def action_stop(self) -> None:
        self.post_message(StopRun(self.current.snapshot))

    def action_resume(self) -> None:
        self.post_message(ResumeRun(self.current.snapshot))

    @on(DefenseTable.Opened)
    def open_cell(self, event: DefenseTable.Opened) -> None:
        cell = self.query_one(ResultsPane).cell_of(event.cell)
        if cell is not None:
            self._open(cell)

    @on(HeatTable.Opened)
    def open_attack(self, event: HeatTable.Opened) -> None:
        pane = self.query_one(ResultsPane)
        sampler = pane.sampler or next(iter(pane.rows.samplers), "")
        self._open((event.attack, event.defense, sampler))

    def _open(self, cell: Cell) -> None:
        from lsap_cli.dashboard.screens.cell import CellScreen

        self.app.push_screen(CellScreen(self.current, self.query_one(ResultsPane).rows, cell))
