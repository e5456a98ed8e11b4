"""The tables of a study as plain text cells, from its results alone."""

from collections.abc import Mapping, Sequence

from lsap_cli.reports.grid import Grid, numbers_cell
from lsap_cli.results.base import or_none
from lsap_cli.results.study import StudyEntry, StudyResults, StudyTable

MOST_COLUMNS = 9  # that fit on paper side by side; wider tables stand on the page as lists
MOST_CELLS = 60  # that the page lists; the file has all
SHOWN_AXES = ("model", "attack", "budget", "goal")


def study_grids(results: StudyResults) -> list[Grid]:
    """The tables that the study file asks for, then all cells, as files have them.

    Args:
        results: of a study.
    """
    tables = [study_table_grid(table, results.names) for table in results.tables]
    return [one for one in (*tables, cells_grid(results)) if one.lines]


def study_page_grids(results: StudyResults) -> list[Grid]:
    """The same as a page shows them: a table that is too wide for paper has a line for each of its columns.

    Args:
        results: of a study.
    """
    lists = {table.name: study_list_grid(table, results.names) for table in results.tables if table.columns}
    return [lists.get(one.name, one) if len(one.header) > MOST_COLUMNS else one for one in study_grids(results)]


def study_table_grid(table: StudyTable, names: Mapping[str, str]) -> Grid:
    """One table: row axes, then a column for each value of the column axes and each measure.

    Args:
        table: of a study.
        names: what is shown for a value, where it is not the value itself.
    """
    columns = list(dict.fromkeys(one.column for one in table.entries))
    header = [*table.rows]
    for column in columns:
        shown = ", ".join(_shown(value, names) for value in column)
        header += [f"{shown}: {measure}" if shown else measure for measure in table.measures]
    lines, rows = _Lines(table, names), list(dict.fromkeys(one.row for one in table.entries))
    made = [(*lines.values(row), *(cell for column in columns for cell in lines.cells(row, column))) for row in rows]
    return Grid(table.name, table.title or table.name, lines.note, tuple(header), tuple(made))


def study_list_grid(table: StudyTable, names: Mapping[str, str]) -> Grid:
    """One table for narrow places: a line for each value of row and column axes, a column for each measure.

    Args:
        table: of a study.
        names: as in `study_table_grid`.
    """
    lines, places = _Lines(table, names), list(dict.fromkeys((one.row, one.column) for one in table.entries))
    made = [(*lines.values(row), *lines.values(column), *lines.cells(row, column)) for row, column in places]
    return Grid(
        table.name, table.title or table.name, lines.note, (*table.rows, *table.columns, *table.measures), tuple(made)
    )


class _Lines:
    """The cells of a table as text; reasons for holes are numbered in the order in which they are first met."""

    def __init__(self, table: StudyTable, names: Mapping[str, str]) -> None:
        self._table, self._names = table, names
        self._entries = {(one.row, one.column, one.measure): one for one in table.entries}
        self._reasons: dict[str, int] = {}

    def values(self, place: Sequence[str]) -> list[str]:
        """Values of axes, as they are shown."""
        return [_shown(value, self._names) for value in place]

    def cells(self, row: tuple[str, ...], column: tuple[str, ...]) -> list[str]:
        """All measures of one place."""
        return [_cell(self._entries[row, column, measure], self._reasons) for measure in self._table.measures]

    @property
    def note(self) -> str:
        """What the table's cells are; asked for when all of them are made."""
        table = self._table
        holes = [f"[{number}] {reason}." for reason, number in self._reasons.items()]
        return " ".join(part for part in (table.note, _explained(table), *holes) if part)


def cells_grid(results: StudyResults) -> Grid:
    """All cells, those that failed first."""
    varied = varied_axes(results)
    ordered = sorted(results.cells, key=lambda one: one.status == "done")
    lines = [
        (
            one.status, *(one.axes[axis] for axis in varied), str(one.fold + 1), str(one.videos), str(one.steps),
            f"{one.learn_seconds:.1f}", f"{one.judge_seconds:.1f}", one.reason, one.cell,
        )
        for one in ordered
    ]  # fmt: skip
    header = ("status", *varied, "fold", "videos", "steps", "learning, s", "judging, s", "why", "cell")
    note = "Each cell is one point of the grid and one fold, found again by the hash of everything that determines it."
    return Grid("cells", "Cells", note, header, tuple(lines), MOST_CELLS)


def varied_axes(results: StudyResults) -> list[str]:
    """The axes that tell the cells of a study apart, and those that are always shown."""
    axes = results.cells[0].axes if results.cells else ()
    return [axis for axis in axes if axis in SHOWN_AXES or len({one.axes[axis] for one in results.cells}) > 1]


def _shown(value: str, names: Mapping[str, str]) -> str:
    return names.get(value, value)


def _explained(table: StudyTable) -> str:
    """What every cell of the table is."""
    if any(one.rate for one in table.entries):
        repeated = (
            " ±: standard deviation over seeds. The count is over videos and seeds, the interval that of the videos."
        )
        several = any(one.rate and one.seeds > 1 for one in table.entries)
        return "Rates: count of judged videos over all folds, 95 % Wilson interval." + (repeated if several else "")
    return ""


def _cell(entry: StudyEntry, reasons: dict[str, int]) -> str:
    """A figure with its count and interval, or a dash with the number of the reason."""
    if entry.missing:
        return f"– [{reasons.setdefault(entry.missing, len(reasons) + 1)}]"
    deviation, rate = or_none(entry.seed_deviation), entry.rate
    spread = "" if deviation is None else f" ± {deviation:.{entry.decimals}f}"
    ends = {} if deviation is None else {"deviation": deviation}
    if rate:
        text = f"{rate.value:.2f}{spread} ({rate.count}/{rate.of}, {rate.interval})"
        ends |= {"count": rate.count, "of": rate.of, "low": rate.low, "high": rate.high}
        return numbers_cell(text, {"value": rate.value} | ends)
    assert entry.value is not None  # nothing is missing
    text = f"{entry.value:.{entry.decimals}f}{spread}"
    if entry.low is not None and entry.high is not None:
        text += f" ({entry.low:.2f}–{entry.high:.2f})"
        ends |= {"low": entry.low, "high": entry.high}
    return numbers_cell(text, {"value": entry.value} | ends)


def failures_of(results: StudyResults) -> Sequence[tuple[str, str, int]]:
    """Each reason for which cells failed: an example's place, the reason, and how many failed so."""
    found: dict[str, list[str]] = {}
    for one in results.cells:
        if one.status == "failed":
            place = ", ".join(one.axes[axis] for axis in SHOWN_AXES)
            found.setdefault(one.reason, []).append(f"{place}, fold {one.fold + 1}")
    return [(places[0], reason, len(places)) for reason, places in found.items()]
