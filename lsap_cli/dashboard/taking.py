"""What can be taken away of a run: its path, its command line, its tables as CSV, Markdown and LaTeX."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text
from textual.widgets import DataTable

from lsap_cli.dashboard.formatting import DASH
from lsap_cli.dashboard.launching import command_text
from lsap_cli.reports.grid import Grid, as_csv, as_latex, as_markdown
from lsap_cli.reports.grids import rates_grid
from lsap_cli.results.defense_matrix import DefenseMatrix
from lsap_cli.results.documents import DefendResults, GenerateResults, RunResults
from lsap_cli.results.records import defense_name
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import RunSnapshot

MATRIX_NAME = "matrix"


@dataclass(frozen=True)
class CopyItem:
    """One thing that can be copied.

    Attributes:
        key: that chooses it.
        title: what it is.
        text: makes it.
    """

    key: str
    title: str
    text: Callable[[], str]


def run_items(run: RunSnapshot) -> list[CopyItem]:
    """A run's path and its command line."""
    return [
        CopyItem("p", "path of the run folder", lambda: str(run.folder.resolve())),
        CopyItem("l", "command line that made it", lambda: command_text(run)),
    ]


def table_items(grid: Grid | None, every: Grid | None = None) -> list[CopyItem]:
    """A table in three formats; and every rate, where the table is a choice of them."""
    items = []
    if grid is not None:
        items += [
            CopyItem("v", f"{grid.title}, as CSV", lambda: as_csv(grid)),
            CopyItem("m", f"{grid.title}, as Markdown", lambda: as_markdown(grid)),
            CopyItem("x", f"{grid.title}, as LaTeX", lambda: as_latex(grid)),
        ]
    if every is not None:
        items += [
            CopyItem("V", f"{every.title}, as CSV", lambda: as_csv(every)),
            CopyItem("M", f"{every.title}, as Markdown", lambda: as_markdown(every)),
            CopyItem("X", f"{every.title}, as LaTeX", lambda: as_latex(every)),
        ]
    return items


def matrix_grid(matrix: DefenseMatrix) -> Grid:
    """Defenses by conditions, as the Results tab shows them."""
    lines = tuple(
        (
            defense_name(defense),
            *(str(shown.rate) if (shown := matrix.shown(defense, one)) else DASH for one in matrix.conditions),
        )
        for defense in matrix.defenses
    )
    note = f"{matrix.metric} (count, 95 % interval), of the sampler that is worst for the model: " + ", ".join(
        matrix.samplers
    )
    return Grid(MATRIX_NAME, "Defenses by conditions", note, ("defense", *matrix.conditions), lines)


def every_rate(results: RunResults | None) -> Grid | None:
    """Every row of a run's results; None where it has none."""
    return rates_grid(results) if isinstance(results, DefendResults | GenerateResults) and results.rows else None


def table_grid(title: str, table: DataTable[Text]) -> Grid | None:
    """A table as it is shown; None where it has no lines."""
    if not table.row_count:
        return None
    header = tuple(printable(column.label.plain) for column in table.ordered_columns)
    lines = tuple(
        tuple(cell.plain.strip() if isinstance(cell, Text) else str(cell) for cell in table.get_row_at(row))
        for row in range(table.row_count)
    )
    return Grid("table", title, "As the dashboard shows it.", header, lines)


def keep_copied(text: str, folder: Path) -> Path | None:
    """Writes what was copied into a file, as a terminal may not pass it on; None where that is not possible."""
    path = folder / "copied.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return None
    return path


def chosen_by(key: str, items: Sequence[CopyItem]) -> CopyItem | None:
    """The item of a key."""
    return next((one for one in items if one.key == key), None)
