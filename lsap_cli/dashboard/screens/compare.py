"""Runs side by side: the settings that differ, figures with their differences, curves over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static

from lsap_cli.dashboard.curves import CURVES
from lsap_cli.dashboard.formatting import DASH, STATES, name_text, one_line, state_text
from lsap_cli.dashboard.guard import DrawingFailed, draw_guarded
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.panes.facts import value_words
from lsap_cli.dashboard.run_reader import RunReader, read_once
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.widgets.compared_table import ComparedTable
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.dashboard.widgets.short_footer import ShortFooter
from lsap_cli.results.base import or_none
from lsap_cli.results.files import RUN_FILE
from lsap_cli.results.text import printable
from lsap_cli.runs.comparing import ComparedRun, compared_run, read_records

COMPARED_CURVES = (CURVES[1], CURVES[0])  # fooling rate and loss
NAME = 24  # characters
LONGEST_NAME = 40  # of a setting, and of its value
STATE = "state"


@dataclass(frozen=True)
class ReadRun:
    """What was read of one of the folders.

    Attributes:
        run: the folder; of a demo, the whole.
        learning: of a demo, the part that learned.
        compared: its figures.
    """

    run: RunReader
    learning: RunReader
    compared: ComparedRun


class CompareScreen(Page):
    """Two or more run folders; the first is the base that each other one is compared with."""

    HELP = """\
**Figures**: cells that the runs have in common: attack, defense, sampler. The base run stands first; `b` makes the next
run the base. Each other run has its rate, the difference over the videos that both judged with its 95 % interval
(Newcombe), and *p* of McNemar's exact test: how likely so lopsided a difference is, were the two equally good. It is
corrected for the number of rows (Holm). ▲ better and ▼ worse stand only where p is at most 0.05. Rows in which no
outcome differs are folded; `a` shows them. Enter on a row: the videos that changed.

**Settings that differ**: only those; how many are alike is said.

**Curves**: of runs that learned, over each other.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "app.pop_screen", "Back"),
        Binding("b", "base", "Next base"),
        Binding("a", "alike", "All rows"),
    ]
    AUTO_FOCUS = "#figures"

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self.folders = list(folders)
        self._read_runs: list[ReadRun] = []

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        with VerticalScroll(id="compare", can_focus=False):
            yield Static("reading …", id="compare-note", markup=False)
            yield Static("Figures", id="of", classes="heading", markup=False)
            yield ComparedTable()
            yield Static("Settings that differ", id="settings-title", classes="heading", markup=False)
            settings: DataTable[Text] = DataTable(cursor_type="none", id="settings")
            yield settings
            for kind in COMPARED_CURVES:
                yield CurveView(kind)
        yield ShortFooter()

    def on_mount(self) -> None:
        self._show_title()
        for view in self.query(CurveView):
            view.display = False
        self._read()

    def on_resize(self) -> None:
        if self._read_runs:
            draw_guarded(self, self._show_figures)

    @property
    def names(self) -> list[str]:
        """Of the runs, cut to what a curve's legend has room for."""
        return [one_line(name, NAME) for name in self.whole_names]

    @property
    def whole_names(self) -> list[str]:
        """Of the runs: the folder's name, with the one above where two are alike."""
        short = [folder.name for folder in self.folders]
        alike = len(set(short)) < len(short)
        return [f"{one.parent.name}/{one.name}" if alike else one.name for one in self.folders]

    @work(thread=True, exit_on_error=False)
    def _read(self) -> None:
        read = [_read_run(folder, name) for folder, name in zip(self.folders, self.whole_names, strict=True)]
        self.app.call_from_thread(draw_guarded, self, lambda: self._take(read))

    def _take(self, read: list[ReadRun]) -> None:
        self._read_runs = read
        self._show()

    @on(DrawingFailed)
    def show_failure(self, event: DrawingFailed) -> None:
        note = self.query_one("#compare-note", Static)
        note.display = True
        note.update(Text(f"this part cannot be drawn: {event.reason}"))

    @on(ComparedTable.Opened)
    def open_videos(self, event: ComparedTable.Opened) -> None:
        from lsap_cli.dashboard.screens.changed import ChangedScreen

        self.app.push_screen(ChangedScreen(event.cells, self.names))

    def action_base(self) -> None:
        """The next run becomes the base; the others keep their order."""
        if self._read_runs:
            self.folders = [*self.folders[1:], self.folders[0]]
            self._read_runs = [*self._read_runs[1:], self._read_runs[0]]
            self._show_title()
            draw_guarded(self, self._show)

    def action_alike(self) -> None:
        table = self.query_one(ComparedTable)
        table.folds = not table.folds
        draw_guarded(self, self._show_figures)

    def _show_title(self) -> None:
        base, *others = (name_text(name, NAME, "bold") for name in self.names)
        title = Text("base ").append_text(base).append("  against ", style="dim")
        self.query_one("#title", Static).update(title.append_text(Text(", ", style="dim").join(others)))

    def _show(self) -> None:
        runs = [one.run for one in self._read_runs]
        damaged = [f"{name}: {one}" for name, run in zip(self.names, runs, strict=True) for one in run.problems]
        note = self.query_one("#compare-note", Static)
        note.update(Text(printable(f"damaged: {'; '.join(damaged)}" if damaged else "")))
        note.display = bool(damaged)
        self._show_figures()
        self._show_settings(runs)
        learned = [
            (one.learning, name)
            for one, name in zip(self._read_runs, self.names, strict=True)
            if one.learning.history.steps.items
        ]
        histories, names = [run.history for run, _ in learned], [name for _, name in learned]
        for view in self.query(CurveView):
            view.display = bool(learned)
            self.call_after_refresh(draw_guarded, view, partial(view.show, histories, names))

    def _show_figures(self) -> None:
        about = self.query_one(ComparedTable).show([one.compared for one in self._read_runs], self.size.width - 4)
        self.query_one("#of", Static).update(Text("Figures").append(f"  {about}", style="dim"))

    def _show_settings(self, runs: Sequence[RunReader]) -> None:
        table: DataTable[Text] = self.query_one("#settings", DataTable)
        table.clear(columns=True)
        table.add_columns("", *map(Text, self.names))
        differ = different(runs)
        for name, values in differ:
            table.add_row(name_text(name.replace("_", " "), LONGEST_NAME), *[_shown(name, one) for one in values])
        alike = len({name for run in runs for name in _facts(run)}) - len(differ)
        about = f"  {alike} are alike" if differ else f"  none: all {alike} are alike"
        table.display = bool(differ)
        self.query_one("#settings-title", Static).update(Text("Settings that differ").append(about, style="dim"))


def _read_run(folder: Path, name: str) -> ReadRun:
    run, judged = read_once(folder), part_of(folder, "defend")
    figures = run if judged == folder else read_once(judged)
    compared = compared_run(name, figures.rows, figures.results, read_records(judged))
    return ReadRun(run, read_once(part_of(folder, "generate")), compared)


def part_of(folder: Path, name: str) -> Path:
    """Of a demo the part with this name; any other run is whole."""
    return folder / name if (folder / name / RUN_FILE).exists() else folder


def different(runs: Sequence[RunReader]) -> list[tuple[str, list[str]]]:
    """Command, state, settings, device and versions that are not the same in all runs, in a person's words."""
    known = [_facts(run) for run in runs]
    names = dict.fromkeys(name for one in known for name in one)
    values = [(name, [value_words(name, one.get(name)) or DASH for one in known]) for name in names]
    return [(name, texts) for name, texts in values if len(set(texts)) > 1]


def _facts(run: RunReader) -> dict[str, object]:
    facts = run.snapshot.facts
    of_run: dict[str, object] = {"command": run.snapshot.command, STATE: run.snapshot.state}
    if facts is None:
        return of_run
    versions = {f"version of {name}": value for name, value in facts.versions.items()}
    return {**of_run, **facts.settings, "device used": or_none(facts.device), **versions}


def _shown(name: str, value: str) -> Text:
    state = next((one for one in STATES if one == value), None)
    return state_text(state) if name == STATE and state else name_text(value, LONGEST_NAME)
