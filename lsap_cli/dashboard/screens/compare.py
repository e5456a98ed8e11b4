"""Runs side by side: the settings that differ, curves over each other, figures with paired tests."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, Static

from lsap_cli.dashboard.comparing import ComparedCell, RecordsByCell, compare_cells, read_records
from lsap_cli.dashboard.curves import CURVES
from lsap_cli.dashboard.formatting import (
    DASH,
    attack_name,
    name_text,
    one_line,
    short_spec,
    state_text,
)
from lsap_cli.dashboard.guard import DrawingFailed, draw_guarded
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.run_reader import RunReader, read_once
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.results.base import or_none
from lsap_cli.results.files import RUN_FILE
from lsap_cli.results.rates import holm
from lsap_cli.results.records import NO_ATTACK, NOISE, PERTURBED, Cell, Record, defense_name
from lsap_cli.results.rows import Rows
from lsap_cli.results.text import printable

COMPARED_CURVES = (CURVES[1], CURVES[0])  # fooling rate and loss
SIGNIFICANT = 0.05
ORDER = (PERTURBED, NOISE, NO_ATTACK)  # what matters most first
NAME = 24  # characters


class CompareScreen(Page):
    """Two or more run folders; the tests compare each with the first."""

    HELP = """\
**Settings that differ**: only those; everything else is the same.

**Figures**: cells that the runs have in common: attack, defense, sampler. *p* is McNemar's exact test over the videos
that both runs judged: how likely so lopsided a difference is, were the two equally good. It is corrected for the number
of rows (Holm). Without outcomes of each video there is no test; then look whether the intervals overlap.

**Curves**: of runs that learned, over each other.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "app.pop_screen", "Back"),
    ]

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self.folders = list(folders)

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        with VerticalScroll(id="compare"):
            yield Static("reading …", id="compare-note", markup=False)
            yield Static("Settings that differ", classes="heading")
            settings: DataTable[Text] = DataTable(cursor_type="none", id="settings")
            yield settings
            yield Static("Figures", id="of", classes="heading")
            figures: DataTable[Text] = DataTable(cursor_type="none", id="figures")
            yield figures
            for kind in COMPARED_CURVES:
                yield CurveView(kind)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        names = Text(" and ", style="dim").join(name_text(name, NAME, "bold") for name in self.names)
        self.query_one("#title", Static).update(Text("compare ").append_text(names))
        for view in self.query(CurveView):
            view.display = False
        self._read()

    @property
    def names(self) -> list[str]:
        """Of the runs: the folder's name, with the one above where two are alike."""
        short = [folder.name for folder in self.folders]
        alike = len(set(short)) < len(short)
        return [one_line(f"{one.parent.name}/{one.name}" if alike else one.name, NAME) for one in self.folders]

    @work(thread=True)
    def _read(self) -> None:
        runs = [read_once(folder) for folder in self.folders]
        learned = [read_once(part_of(folder, "generate")) for folder in self.folders]
        records = [read_records(part_of(folder, "defend")) for folder in self.folders]
        self.app.call_from_thread(draw_guarded, self, lambda: self._show(runs, learned, records))

    @on(DrawingFailed)
    def show_failure(self, event: DrawingFailed) -> None:
        note = self.query_one("#compare-note", Static)
        note.display = True
        note.update(Text(f"this part cannot be drawn: {event.reason}"))

    def _show(self, runs: list[RunReader], learning: list[RunReader], records: list[dict[Cell, list[Record]]]) -> None:
        damaged = [f"{name}: {one}" for name, run in zip(self.names, runs, strict=True) for one in run.problems]
        note = self.query_one("#compare-note", Static)
        note.update(Text(printable("damaged: " + "; ".join(damaged))))
        note.display = bool(damaged)
        self._show_settings(runs)
        self._show_figures(runs, records)
        learned = [(run, name) for run, name in zip(learning, self.names, strict=True) if run.history.steps.items]
        histories, names = [run.history for run, _ in learned], [name for _, name in learned]
        for view in self.query(CurveView):
            view.display = bool(learned)
            self.call_after_refresh(draw_guarded, view, partial(view.show, histories, names))

    def _show_settings(self, runs: Sequence[RunReader]) -> None:
        table: DataTable[Text] = self.query_one("#settings", DataTable)
        table.add_columns("", *map(Text, self.names))
        table.add_row(Text("command"), *[Text(printable(run.snapshot.command) or DASH) for run in runs])
        table.add_row(Text("state"), *[state_text(run.snapshot.state) for run in runs])
        for name, values in different(runs):
            table.add_row(name_text(name, 40), *[name_text(value, 40) for value in values])

    def _show_figures(self, runs: Sequence[RunReader], records: Sequence[RecordsByCell]) -> None:
        table: DataTable[Text] = self.query_one("#figures", DataTable)
        table.add_columns("attack · defense · sampler", Text(self.names[0]))
        for name in self.names[1:]:
            table.add_columns(Text(name), "p (pairs)")
        lines = compared([run.rows for run in runs], records)
        metrics = {cells[-1].plain for _, cells in lines}
        if len(metrics) == 1:  # named once, above
            self.query_one("#of", Static).update(f"Figures: {metrics.pop()}")
            lines = [(label, cells[:-1]) for label, cells in lines]
        else:
            table.add_columns("of")
        for label, cells in lines:
            table.add_row(Text(label), *cells)
        if not lines:
            nothing = Text("the runs have no cell (attack, defense, sampler) in common")
            table.add_row(nothing, *[Text()] * (len(table.columns) - 1))


def part_of(folder: Path, name: str) -> Path:
    """Of a demo the part with this name; any other run is whole."""
    return folder / name if (folder / name / RUN_FILE).exists() else folder


def different(runs: Sequence[RunReader]) -> list[tuple[str, list[str]]]:
    """Settings, device and versions that are not the same in all runs."""
    known = [_facts(run) for run in runs]
    names = dict.fromkeys(name for one in known for name in one)
    values = [(name, [_text(one.get(name)) for one in known]) for name in names]
    return [(name, texts) for name, texts in values if len(set(texts)) > 1]


def _facts(run: RunReader) -> dict[str, object]:
    facts = run.snapshot.facts
    if facts is None:
        return {}
    versions = {f"version of {name}": value for name, value in facts.versions.items()}
    return {**facts.settings, "device used": or_none(facts.device), **versions}


def compared(rows: Sequence[Rows], records: Sequence[RecordsByCell]) -> list[tuple[str, list[Text]]]:
    """A line for each cell that every run has: what it is of, each run's rate, and the paired test against the first.

    The p of each pair of runs are corrected together.
    """
    pairs = [compare_cells((rows[0], records[0]), (one, of)) for one, of in zip(rows[1:], records[1:], strict=True)]
    corrected = [holm({"\0".join(cell.key): cell.p for cell in cells}) for cells in pairs]
    lines: list[tuple[str, list[Text]]] = []
    for first in sorted(pairs[0] if pairs else [], key=lambda cell: ORDER.index(cell.attack)):
        texts = [Text(str(first.first))]
        for cells, p_values in zip(pairs, corrected, strict=True):
            cell = next((cell for cell in cells if cell.key == first.key), None)
            texts += [Text(DASH), Text(DASH)] if cell is None else _pair_texts(cell, p_values["\0".join(cell.key)])
        defense = short_spec(defense_name(first.defense), 18)
        label = f"{printable(attack_name(first.attack))} · {defense} · {one_line(first.sampler, 14)}"
        lines.append((label, [*texts, Text(first.metric)]))
    return lines


def _pair_texts(cell: ComparedCell, p: float | None) -> list[Text]:
    if not cell.paired:
        test = Text("no outcomes", style="dim")
    elif p is None:
        test = Text(f"all alike ({cell.paired})", style="dim")
    else:
        test = Text(f"{p:.3g} ({cell.paired})", style="bold" if p < SIGNIFICANT else "")
    return [Text(str(cell.second)), test]


def _text(value: object) -> str:
    return DASH if value is None else value if isinstance(value, str) else json.dumps(value)
