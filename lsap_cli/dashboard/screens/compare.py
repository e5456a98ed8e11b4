"""Runs side by side: the settings that differ, curves over each other, figures with paired tests."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, Static

from lsap_cli.dashboard.curves import KINDS
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.outcomes import PERTURBED, Key, Outcome, pairs, read_outcomes
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.summaries import read_rows
from lsap_cli.dashboard.watching import RunWatch
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.dashboard.widgets.heat import ATTACK_WORDS, short_spec
from lsap_cli.dashboard.words import DASH, escaped, one_line, state_text
from lsap_cli.reports.rows import NO_ATTACK, NO_DEFENSE, NOISE, Rows, printable
from lsap_cli.runs.reading import RUN_FILE

COMPARED = (KINDS[1], KINDS[0])  # fooling rate and loss
SURE = 0.05
ORDER = (PERTURBED, NOISE, NO_ATTACK)  # what matters most first


class CompareScreen(Page):
    """Two or more run folders; the tests compare each with the first."""

    HELP = """\
[b]Settings that differ[/b]  only those; everything else is the same.
[b]Figures[/b]  cells that the runs have in common: attack, defense, sampler. *p* is McNemar's exact test over the videos that
both runs judged: how likely so lopsided a difference is, were the two equally good. It is not corrected for the number of
rows. Without outcomes of each video there is no test; then look whether the intervals overlap.
[b]Curves[/b]  of runs that learned, over each other.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "app.pop_screen", "Back"),
    ]

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self.folders = list(folders)

    def compose(self) -> ComposeResult:
        yield Static(id="title")
        with VerticalScroll(id="compare"):
            yield Static("reading …", id="compare-note", markup=False)
            yield Static("Settings that differ", classes="heading")
            settings: DataTable[Text] = DataTable(cursor_type="none", id="settings")
            yield settings
            yield Static("Figures", id="of", classes="heading")
            figures: DataTable[Text] = DataTable(cursor_type="none", id="figures")
            yield figures
            for kind in COMPARED:
                yield CurveView(kind)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        names = " [dim]and[/dim] ".join(f"[b]{escaped(name, 24)}[/b]" for name in self.names)
        self.query_one("#title", Static).update(f"compare {names}")
        for view in self.query(CurveView):
            view.display = False
        self._read()

    @property
    def names(self) -> list[str]:
        """Of the runs: the folder's name, with the one above where two are alike."""
        short = [folder.name for folder in self.folders]
        alike = len(set(short)) < len(short)
        return [one_line(f"{one.parent.name}/{one.name}" if alike else one.name, 24) for one in self.folders]

    @work(thread=True)
    def _read(self) -> None:
        watches = [looked_at(folder) for folder in self.folders]
        learned = [looked_at(part_of(folder, "generate")) for folder in self.folders]
        outcomes = [read_outcomes(part_of(folder, "defend")) for folder in self.folders]
        self.app.call_from_thread(self._show, watches, learned, outcomes)

    def _show(
        self, watches: list[RunWatch], learning: list[RunWatch], outcomes: list[dict[Key, list[Outcome]]]
    ) -> None:
        damaged = [f"{name}: {one}" for name, watch in zip(self.names, watches, strict=True) for one in watch.problems]
        note = self.query_one("#compare-note", Static)
        note.update("damaged: " + "; ".join(damaged))
        note.display = bool(damaged)
        self._show_settings(watches)
        self._show_figures(watches, outcomes)
        learned = [(watch, name) for watch, name in zip(learning, self.names, strict=True) if watch.history.steps.items]
        for view in self.query(CurveView):
            view.display = bool(learned)
            self.call_after_refresh(view.show, [watch.history for watch, _ in learned], [name for _, name in learned])

    def _show_settings(self, watches: Sequence[RunWatch]) -> None:
        table = self.query_one("#settings", DataTable)
        table.add_columns("", *self.names)
        table.add_row(Text("command"), *[Text(watch.facts.command or DASH) for watch in watches])
        table.add_row(Text("state"), *[state_text(watch.facts.state) for watch in watches])
        for name, values in different(watches):
            table.add_row(Text(name), *[Text(one_line(value, 40)) for value in values])

    def _show_figures(self, watches: Sequence[RunWatch], outcomes: Sequence[dict[Key, list[Outcome]]]) -> None:
        table = self.query_one("#figures", DataTable)
        table.add_columns("attack · defense · sampler", self.names[0])
        for name in self.names[1:]:
            table.add_columns(name, "p (pairs)")
        rows = [read_rows(watch.results)[0] for watch in watches]
        lines = compared(rows, outcomes)
        metrics = {cells[-1].plain for _, cells in lines}
        if len(metrics) == 1:  # said once, above
            self.query_one("#of", Static).update(f"Figures: {metrics.pop()}")
            lines = [(label, cells[:-1]) for label, cells in lines]
        else:
            table.add_columns("of")
        for label, cells in lines:
            table.add_row(Text(label), *cells)
        if not lines:
            table.add_row(
                Text("the runs have no cell (attack, defense, sampler) in common"), *[Text()] * (len(table.columns) - 1)
            )


def looked_at(folder: Path) -> RunWatch:
    """A run folder, read once."""
    watch = RunWatch(folder)
    watch.look()
    watch.close()
    return watch


def part_of(folder: Path, name: str) -> Path:
    """Of a demo the part with this name; any other run is whole."""
    return folder / name if (folder / name / RUN_FILE).exists() else folder


def different(watches: Sequence[RunWatch]) -> list[tuple[str, list[str]]]:
    """Settings, device and versions that are not the same in all runs."""
    facts = [
        {**watch.facts.settings, "device used": watch.facts.raw.get("device")}
        | {f"version of {name}": value for name, value in _versions(watch).items()}
        for watch in watches
    ]
    names = dict.fromkeys(name for one in facts for name in one)
    found = [(printable(name), [_text(one.get(name)) for one in facts]) for name in names]
    return [(name, values) for name, values in found if len(set(values)) > 1]


def compared(rows: Sequence[Rows], outcomes: Sequence[dict[Key, list[Outcome]]]) -> list[tuple[str, list[Text]]]:
    """A line for each cell that every run has: what it is of, each run's rate, and the paired test against the first."""
    against_first = [pairs((rows[0], outcomes[0]), (one, of)) for one, of in zip(rows[1:], outcomes[1:], strict=True)]
    found: list[tuple[str, list[Text]]] = []
    for first in sorted(against_first[0] if against_first else [], key=lambda pair: ORDER.index(pair.attack)):
        key = (first.attack, first.defense, first.sampler)
        others = [
            next((pair for pair in pairs_of if (pair.attack, pair.defense, pair.sampler) == key), None)
            for pairs_of in against_first
        ]
        where = "no defense" if first.defense == NO_DEFENSE else first.defense
        cells = [Text(str(first.first))]
        for pair in others:
            if pair is None:
                cells += [Text(DASH), Text(DASH)]
                continue
            cells += [Text(str(pair.second)), _p_text(pair.p, pair.paired)]
        label = (
            f"{ATTACK_WORDS.get(first.attack, first.attack)} · {short_spec(where, 18)} · {one_line(first.sampler, 14)}"
        )
        found.append((label, [*cells, Text(first.metric)]))
    return found


def _p_text(p: float | None, paired: int) -> Text:
    if not paired:
        return Text("no outcomes", style="dim")
    if p is None:
        return Text(f"all alike ({paired})", style="dim")
    return Text(f"{p:.3g} ({paired})", style="bold" if p < SURE else "")


def _versions(watch: RunWatch) -> dict[str, object]:
    versions = watch.facts.raw.get("versions")
    return dict(versions) if isinstance(versions, dict) else {}


def _text(value: object) -> str:
    return DASH if value is None else printable(value if isinstance(value, str) else json.dumps(value))
