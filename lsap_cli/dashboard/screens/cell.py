"""One cell of the matrix: its counts, the ladder against its defense, and each video."""

from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from lsap_cli.dashboard.findings import WORST, read_ladder
from lsap_cli.dashboard.outcomes import Outcome, read_outcomes
from lsap_cli.dashboard.watching import RunWatch
from lsap_cli.dashboard.widgets.heat import ATTACK_WORDS
from lsap_cli.dashboard.words import DASH, one_line
from lsap_cli.reports.rows import NO_DEFENSE, Row, Rows

MOST_VIDEOS = 2000


class CellScreen(ModalScreen[None]):
    """Details of one attack, defense and sampler."""

    HELP = "The rates of one cell with their counts, and what the model saw in each video. Videos that went wrong come first."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter", "dismiss", "Back")]

    def __init__(self, watch: RunWatch, rows: Rows, attack: str, defense: str, sampler: str) -> None:
        super().__init__()
        self._watch, self._rows = watch, rows
        self._key = (attack, defense, sampler)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall wide"):
            with VerticalScroll(id="cell-facts"):
                yield Static(self._facts(), markup=False)
            table: DataTable[str] = DataTable(cursor_type="row", id="videos")
            yield table
            yield Static("reading each video …", id="cell-note")

    def on_mount(self) -> None:
        self.query_one("#videos").focus()
        self._read(self._watch.folder)

    @work(thread=True)
    def _read(self, folder: Path) -> None:
        found = read_outcomes(folder).get(self._key, [])
        self.app.call_from_thread(self._fill, found)

    def _fill(self, outcomes: list[Outcome]) -> None:
        table = self.query_one("#videos", DataTable)
        ordered = sorted(outcomes, key=lambda one: (one.correct is not False, not one.changed, one.video))
        rows = [
            (
                one_line(one.video, 32), one_line(one.label or DASH, 18), one_line(one.clean_prediction, 18),
                one_line(one.prediction, 18), outcome_words(one),
            )
            for one in ordered[:MOST_VIDEOS]
        ]  # fmt: skip
        for name, *cells in zip(("video", "label", "clean", "now", "outcome"), *rows, strict=True):
            # A table that sizes its columns itself does so after it was drawn once.
            table.add_column(name, width=max(map(cell_len, [name, *cells])))
        table.add_rows(rows)
        note = f"{len(outcomes)} videos" if outcomes else "this run keeps no outcome of each video (records.jsonl)"
        self.query_one("#cell-note", Static).update(f"{note}   [dim]Esc: back[/dim]")

    def _facts(self) -> str:
        attack, defense, sampler = self._key
        where = "no defense" if defense == NO_DEFENSE else defense
        lines = [f"{ATTACK_WORDS.get(attack, attack)} · {where} · sampler {sampler}"]
        row = self._rows.find(attack, defense, sampler)
        if row is not None:
            lines += row_lines(row)
        rungs = [one for one in read_ladder(self._watch.results or {}) if one.defense in (defense, "")]
        lines.append(
            f"adaptive ladder ({WORST} counts):" if rungs else "adaptive ladder: none was measured for this defense"
        )
        lines += [f"  {one.line(sampler)}" for one in rungs]
        return "\n".join(lines)


def row_lines(row: Row) -> list[str]:
    """All that was measured for a cell."""
    rates = (
        ("clean accuracy, same defense", row.clean_accuracy),
        ("accuracy here", row.accuracy),
        ("fooling rate", row.fooling_rate),
        ("success rate", row.success_rate),
    )
    lines = [f"  {name:<30}{rate}" for name, rate in rates if rate is not None]
    if row.mcnemar_p is not None:
        lines.append(f"  {'p, attacked against clean':<30}{row.mcnemar_p:.3g}  (McNemar, exact; not corrected)")
    if row.dominant_label and row.dominant_share:
        lines.append(f"  {'fooled videos mostly become':<30}{row.dominant_label}  {row.dominant_share}")
    if row.milliseconds_per_video is not None:
        lines.append(f"  {'the defense takes':<30}{row.milliseconds_per_video:.1f} ms a video")
    return lines


def outcome_words(one: Outcome) -> str:
    fooled = "changed" if one.changed else "same"
    return fooled if one.correct is None else f"{'right' if one.correct else 'WRONG'}, {fooled}"
