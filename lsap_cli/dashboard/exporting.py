"""A run's tables and pictures as files: `python -m lsap_cli.dashboard.exporting RUN` prints where they are.

A process of its own: matplotlib takes a second to load and much memory, which the dashboard does without.
"""

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsap_cli.dashboard.curves import CURVES, CurveKind, newest_verifications
from lsap_cli.dashboard.run_reader import RunReader, read_once
from lsap_cli.dashboard.taking import every_rate, matrix_grid
from lsap_cli.errors import LsapError, file_error
from lsap_cli.reports.grid import Grid, write_grids
from lsap_cli.reports.grids import grids
from lsap_cli.results.defense_matrix import DefenseMatrix, matrix_of_results
from lsap_cli.results.documents import DefendResults, GenerateResults
from lsap_cli.results.files import write_errors_named
from lsap_cli.results.records import defense_name
from lsap_cli.results.text import printable

PICTURES = "figures"
DOTS_PER_INCH = 200
COLORS = ("#0072b2", "#6b7280", "#d55e00", "#a6437f")  # Okabe and Ito: told apart with any color vision
MARKERS = "osD^"


def main(words: list[str]) -> None:
    """Writes what the run has something for, and prints each folder with the number of its files.

    A file that cannot be written ends it with a sentence and exit code 1.
    """
    try:
        _export(Path(words[0]))
    except (LsapError, OSError) as error:
        sys.exit(str(file_error(error) or error.strerror if isinstance(error, OSError) else error))


def _export(folder: Path) -> None:
    reader = read_once(folder)
    tables = run_tables(reader)
    if tables:
        write_grids(folder, tables)
        print(f"{3 * len(tables)} tables in {folder / 'tables'}")
    count = sum(1 for _ in write_pictures(reader, folder / PICTURES))
    if count:
        print(f"{count} pictures in {folder / PICTURES}")
    if not tables and not count:
        print("this run has no table and no curve yet")


def run_tables(reader: RunReader) -> list[Grid]:
    """All tables of the run's results."""
    results = reader.results
    if not isinstance(results, DefendResults | GenerateResults) or not results.rows:
        return []
    first = matrix_grid(matrix_of_results(results))
    if isinstance(results, DefendResults):
        return [first, *grids(results)]
    every = every_rate(results)
    return [first, *([every] if every else [])]


def write_pictures(reader: RunReader, folder: Path) -> Iterator[Path]:
    """The matrix and each curve that the run recorded, as SVG and PNG; the same run gives the same SVG.

    Raises:
        OSError: if a file cannot be written, or the folder is a link, through which files elsewhere would be replaced.
    """
    if folder.is_symlink():
        raise OSError(0, f"{folder} is a link: nothing is written through it; remove it")
    results = reader.results
    if isinstance(results, DefendResults | GenerateResults) and results.rows:
        matrix = matrix_of_results(results)
        height = 1.2 + 0.45 * len(matrix.defenses)
        yield from _write(folder / "matrix", height, lambda axes: _draw_matrix(axes, matrix))
    steps = reader.history.steps.items
    for kind in CURVES:
        parts = kind.line(steps).parts() if reader.snapshot.command in kind.commands else []
        if any(len(part) > 1 for part in parts):
            name = re.sub(r"\W+", "-", kind.name)
            yield from _write(folder / name, 3.0, lambda axes, kind=kind: _draw_line(axes, kind, reader))  # type: ignore[misc]  # the kind of now


def _write(stem: Path, height: float, draw: Callable[[Axes], None]) -> Iterator[Path]:
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": stem.name, "font.size": 10}):
        figure = Figure(figsize=(6.4, height), layout="constrained")
        draw(figure.add_subplot())
        stem.parent.mkdir(exist_ok=True)
        for suffix in (".svg", ".png"):
            path = stem.with_suffix(suffix)
            metadata = {"Date": None} if suffix == ".svg" else None
            with write_errors_named(path):
                figure.savefig(path, metadata=metadata, dpi=DOTS_PER_INCH)
            yield path


def _draw_matrix(axes: Axes, matrix: DefenseMatrix) -> None:
    """A row for each defense, a marker with its interval for each condition."""
    spread = 0.6 / max(1, len(matrix.conditions))
    for number, (condition, color, marker) in enumerate(zip(matrix.conditions, COLORS, MARKERS, strict=False)):
        points = [(row, one.rate) for row, name in enumerate(matrix.defenses) if (one := matrix.shown(name, condition))]
        axes.errorbar(
            [rate.value for _, rate in points],
            [row + (number - (len(matrix.conditions) - 1) / 2) * spread for row, _ in points],
            xerr=[[rate.value - rate.low for _, rate in points], [rate.high - rate.value for _, rate in points]],
            fmt=marker, color=color, capsize=2, label=condition,
        )  # fmt: skip
    axes.set_yticks(range(len(matrix.defenses)), [_safe(defense_name(one)) for one in matrix.defenses])
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(f"{matrix.metric}, 95 % interval")
    axes.legend(fontsize=8, frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _draw_line(axes: Axes, kind: CurveKind, reader: RunReader) -> None:
    line = kind.line(reader.history.steps.items)
    for part, low, high in itertools.zip_longest(line.parts(), line.parts(line.low), line.parts(line.high)):
        axes.plot([x for x, _ in part], [y for _, y in part], color=COLORS[0])
        if low and high:
            edges = [y for _, y in low], [y for _, y in high]
            axes.fill_between([x for x, _ in low], *edges, alpha=0.2, color=COLORS[0])
    checks = newest_verifications(reader.history) if kind.bounds else []
    axes.plot([one.step for one in checks], [one.rate.value for one in checks], "o", color=COLORS[2])
    if kind.bounds:
        axes.set_ylim(*kind.bounds)
    axes.set_xlabel("step")
    axes.set_ylabel(kind.name)
    axes.set_title(kind.about, fontsize=9)


def _safe(name: str) -> str:
    """A name without what matplotlib would take for mathematics."""
    return printable(name).replace("$", r"\$")


if __name__ == "__main__":
    main(sys.argv[1:])
