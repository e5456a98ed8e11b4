"""A study's tables for the terminal."""

from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from lsap_cli.reports.grid import Grid
from lsap_cli.reports.study_grids import failures_of, study_list_grid, varied_axes
from lsap_cli.results.base import or_none
from lsap_cli.results.study import StudyResults
from lsap_cli.results.text import printable

MOST_LISTED = 40  # cells of a dry run


def study_tables(results: StudyResults) -> list[Table]:
    """Every table of a study.

    Args:
        results: of a study.
    """
    return [_table(study_list_grid(table, results.names)) for table in results.tables if table.entries]


def study_lines(results: StudyResults) -> Iterator[str]:
    """How many cells are done, and why others are not."""
    done, every = results.count("done"), len(results.cells)
    yield f"{done} of {every} cells are done, of {results.videos} videos in {results.folds} folds"
    for place, reason, count in failures_of(results):
        yield f"failed: {count} such as {place}: {reason}"
    for one in results.skipped:
        yield f"left out: {one.path}: {one.reason}"


def dry_run_lines(results: StudyResults) -> Iterator[str]:
    """What is left to do, and what that will take."""
    left = [one for one in results.cells if one.status != "done"]
    for one in left[:MOST_LISTED]:
        seconds = or_none(one.expected_seconds)
        takes = "" if seconds is None else f", about {seconds:.0f} s"
        why = f"  (failed before: {one.reason})" if one.reason else ""
        yield printable(
            f"{', '.join(one.axes[axis] for axis in varied_axes(results))}, fold {one.fold + 1}{takes}{why}"
        )
    if len(left) > MOST_LISTED:
        yield f"and {len(left) - MOST_LISTED} more; --json lists all"
    yield f"{len(left)} of {len(results.cells)} cells are left to do ({results.count('failed')} of them failed before)"
    if results.estimate_seconds is not None:
        minutes = results.estimate_seconds / 60
        yield f"they take about {minutes:.1f} minutes with one worker, by {results.estimate_from}"


def _table(grid: Grid) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=Text(printable(grid.title), style="bold"), title_justify="left")
    table.caption = Text(printable(grid.note))
    table.caption_justify = "left"
    for cell in grid.header:
        table.add_column(Text(printable(cell)), overflow="fold")
    for line in grid.lines:
        table.add_row(*(Text(printable(cell)) for cell in line))
    return table
