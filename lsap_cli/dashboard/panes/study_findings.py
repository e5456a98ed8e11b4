"""A study's tables as text: in columns where they fit, else each line as a block; and why cells failed."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from lsap_cli.dashboard.formatting import ORANGE
from lsap_cli.reports.grid import Grid
from lsap_cli.reports.study_grids import failures_of, study_list_grid
from lsap_cli.results.study import StudyResults
from lsap_cli.results.text import printable

MOST_LINES = 60  # of a table that are shown; the files in tables/ have all
INDENT, GAP = "  ", 2


def study_text(results: StudyResults, room: int) -> Text:
    """Every table of a study, and the reasons for which cells failed.

    Args:
        results: of the study.
        room: columns of the terminal.
    """
    tables = [
        grid_text(study_list_grid(table, results.names), len(table.rows) + len(table.columns), room)
        for table in results.tables
        if table.entries
    ]
    failures = Text("\n").join(
        Text(printable(f"failed: {count} such as {place}: {reason}"), style=ORANGE)
        for place, reason, count in failures_of(results)
    )
    return Text("\n\n").join([part for part in (*tables, failures) if part])


def grid_text(grid: Grid, names: int, room: int) -> Text:
    """One table: what all its lines have in common stands in its heading.

    Args:
        grid: of cells.
        names: how many of its first columns say what a line is of.
        room: columns of the terminal.
    """
    lines = [tuple(printable(cell) for cell in line) for line in grid.lines]
    common = [place for place in range(names) if len(lines) > 1 and len({line[place] for line in lines}) == 1]
    about = ", ".join(f"{grid.header[place]} {lines[0][place]}" for place in common)
    kept = [place for place in range(len(grid.header)) if place not in common]
    header = [printable(grid.header[place]) for place in kept]
    cells = [[line[place] for place in kept] for line in lines[:MOST_LINES]]
    text = Text().append(printable(grid.title), style="bold").append(f"  {printable(about)}" if about else "", "dim")
    shown = _columns(header, cells, room) or _blocks(header, cells, names - len(common), room)
    text.append("".join(f"\n{line}" for line in shown))
    left = len(lines) - len(cells)
    text.append(f"\nand {left} lines more: tables/{printable(grid.name)}.md" if left else "", "dim")
    return text.append(f"\n{printable(grid.note)}" if grid.note else "", "dim")


def _columns(header: Sequence[str], lines: Sequence[Sequence[str]], room: int) -> list[str]:
    """The lines with columns that line up; none where they do not fit."""
    widths = [max(map(len, column)) + GAP for column in zip(header, *lines, strict=True)]
    if sum(widths) - GAP > room:
        return []
    return [
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (header, *lines)
    ]


def _blocks(header: Sequence[str], lines: Sequence[Sequence[str]], names: int, room: int) -> Iterator[str]:
    """Each line as what it is of, and below it its measures, as many beside each other as fit."""
    for line in lines:
        yield " · ".join(line[:names])
        measures = [f"{name} {cell}" for name, cell in zip(header[names:], line[names:], strict=True)]
        packed = ""
        for measure in measures:
            if packed and len(f"{INDENT}{packed} · {measure}") > room:
                yield f"{INDENT}{packed}"
                packed = ""
            packed = f"{packed} · {measure}" if packed else measure
        yield f"{INDENT}{packed}"
