"""A table as plain text cells, and its files: CSV, Markdown and LaTeX."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.results.files import write_atomically
from lsap_cli.results.paired_difference import PairedDifference
from lsap_cli.results.rates import Estimate, Rate
from lsap_cli.results.rows import NetFoolingRate

FOLDER = "tables"
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "→": r"$\rightarrow$", "±": r"$\pm$",
}  # fmt: skip


ENDS = ("count", "of", "low", "high", "deviation")  # what a figure has besides its value
NONE = "–"
TEXT_WIDTH = 75  # characters that fit side by side in a page's column of LaTeX


class FigureCell(str):
    """The text of a figure, with its numbers behind it: those that CSV has in columns of their own.

    Attributes:
        numbers: `value`, and whichever of `count`, `of`, `low`, `high` it has.
        best: whether a paired test shows it to be the best of its kind.
    """

    __slots__ = ("best", "numbers")
    numbers: dict[str, float]
    best: bool


def figure_cell(figure: Rate | Estimate | NetFoolingRate | None, best: bool = False) -> str:
    """The cell of a figure; a dash where there is none.

    Args:
        figure: a rate or an estimate.
        best: whether a paired test shows it to be the best of its kind.
    """
    if figure is None:
        return NONE
    cell = FigureCell(figure if isinstance(figure, Rate) else f"{figure.value:.2f} ({figure.interval})")
    ends = {end: getattr(figure, end) for end in ENDS if hasattr(figure, end)}
    cell.numbers, cell.best = {"value": figure.value} | ends, best
    return cell


def difference_cell(difference: PairedDifference | None) -> str:
    """The cell of a difference, with the videos that it is of; a dash where there is none."""
    if difference is None:
        return NONE
    numbers = {"value": difference.value, "of": difference.of, "low": difference.low, "high": difference.high}
    return numbers_cell(str(difference), numbers)


def numbers_cell(text: str, numbers: dict[str, float]) -> str:
    """A cell of any figure.

    Args:
        text: as pages show it.
        numbers: `value`, and whichever of `ENDS` it has.
    """
    cell = FigureCell(text)
    cell.numbers, cell.best = numbers, False
    return cell


@dataclass(frozen=True)
class Grid:
    """One table.

    Attributes:
        name: of its files.
        title: above it.
        note: what its cells are, in one or two sentences.
        header: of the columns.
        lines: the cells, as text.
        most_on_page: lines that a page shows; None: all. The files always have all.
        folds: what a line of a page begins with that is folded away, such as PASS; None: no line is.
    """

    name: str
    title: str
    note: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    most_on_page: int | None = None
    folds: str | None = None

    @property
    def page_columns(self) -> tuple[int, ...]:
        """Places of the columns that a page shows: those that hold more than dashes, as in the files all do."""
        places = range(len(self.header))
        told = tuple(place for place in places if any(line[place] not in (NONE, "") for line in self.lines))
        return told or tuple(places)

    @property
    def empty_columns(self) -> str:
        """Headings of the columns that a page does not show; empty where it shows all."""
        shown = {*self.page_columns}
        return ", ".join(heading for place, heading in enumerate(self.header) if place not in shown)

    @property
    def page_lines(self) -> tuple[tuple[str, ...], ...]:
        """The lines that a page shows."""
        return tuple(line for line in self.lines if line[:1] != (self.folds,))[: self.most_on_page]

    @property
    def folded(self) -> tuple[tuple[str, ...], ...]:
        """The lines that a page shows when they are asked for."""
        return tuple(line for line in self.lines if line[:1] == (self.folds,))

    @property
    def folded_title(self) -> str:
        """How many lines are folded."""
        return f"{len(self.folded)} of {len(self.lines)}: {self.folds}"

    @property
    def left_out(self) -> str:
        """Which lines a page does not show, in a sentence; empty where it shows all."""
        left = len(self.lines) - len(self.page_lines) - len(self.folded)
        if not left:
            return ""
        return f"{left} further lines of {len(self.lines)} are not shown here: {FOLDER}/{self.name}.csv has all."


def write_grids(folder: Path, tables: Sequence[Grid]) -> None:
    """Writes every grid as CSV, Markdown and LaTeX into `tables/` of a run folder.

    Raises:
        LsapError: if that is a link, through which files elsewhere would be replaced.
    """
    where = folder / FOLDER
    refuse_link(where)
    where.mkdir(exist_ok=True)
    writers: dict[str, Callable[[Grid], str]] = {"csv": as_csv, "md": as_markdown, "tex": as_latex}
    for grid in tables:
        for suffix, write in writers.items():
            write_atomically(where / f"{grid.name}.{suffix}", write(grid))


def refuse_link(folder: Path) -> None:
    """Refuses a folder that is a link.

    Raises:
        LsapError: naming it.
    """
    if folder.is_symlink():
        raise LsapError(f"{folder} is a link: nothing is written through it; remove it and make the report again", 1)


def as_csv(grid: Grid) -> str:
    """RFC 4180: text as it is, a figure's numbers in columns of their own (`accuracy`, `accuracy count`, ...).

    A text that a spreadsheet would read as a formula begins with an apostrophe. Where a column of numbers has none, it
    is empty.
    """
    columns = [[line[place] for line in grid.lines] for place in range(len(grid.header))]
    ends = [_ends(column) for column in columns]
    numeric = [_is_numeric(column) for column in columns]
    text = io.StringIO()
    writer = csv.writer(text)
    names = zip(grid.header, ends, strict=True)
    writer.writerow([_harmless(one) for name, own in names for one in (name, *(f"{name} {end}" for end in own))])
    for line in grid.lines:
        cells = zip(line, ends, numeric, strict=True)
        writer.writerow([one for cell, own, number in cells for one in _csv_cells(cell, own, number)])
    return text.getvalue()


def _ends(cells: Sequence[str]) -> list[str]:
    """What the figures of a column have besides their values."""
    return [end for end in ENDS if any(isinstance(cell, FigureCell) and end in cell.numbers for cell in cells)]


def _csv_cells(cell: str, ends: Sequence[str], numeric: bool) -> Iterator[str]:
    if isinstance(cell, FigureCell):
        yield from (f"{cell.numbers[name]:.10g}" if name in cell.numbers else "" for name in ("value", *ends))
        return
    if cell == NONE and (numeric or ends):
        yield ""
    else:
        yield cell if numeric else _harmless(cell)
    yield from ("" for _ in ends)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell


def as_markdown(grid: Grid) -> str:
    """A table of GitHub's Markdown under its title."""
    lines = [_bars(grid.header), _bars(["---"] * len(grid.header)), *map(_bars, grid.lines)]
    return "\n".join([f"## {grid.title}", "", grid.note, "", *lines, ""])


def _bars(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def as_latex(grid: Grid) -> str:
    """A table of the booktabs package with caption and label: numbers stand to the right, the best one is bold.

    Columns of dashes are left out, as on a page. What is wider than a page's column is made to fit by graphicx.
    """
    columns = [[line[place] for line in grid.lines] for place in grid.page_columns]
    head = [grid.header[place] for place in grid.page_columns]
    width = sum(max(map(len, (name, *column))) + 2 for name, column in zip(head, columns, strict=True))
    wide = width > TEXT_WIDTH
    kinds = "".join("r" if _is_numeric(column) else "l" for column in columns)
    body = [" & ".join(map(_tex_cell, line)) + r" \\" for line in zip(*columns, strict=True)]
    return "\n".join(
        [f"% needs the packages booktabs{' and graphicx' if wide else ''}", r"\begin{table}[t]", r"\centering",
         rf"\caption{{{_tex(f'{grid.title}. {grid.note}')}}}", rf"\label{{tab:{grid.name}}}",
         *([r"\resizebox{\linewidth}{!}{%"] if wide else []),
         rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", " & ".join(map(_tex, head)) + r" \\", r"\midrule", *body,
         r"\bottomrule", r"\end{tabular}" + ("}" if wide else ""), r"\end{table}", ""]
    )  # fmt: skip


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers, and dashes where there are none."""
    told = [cell for cell in cells if cell not in (NONE, "")]
    return bool(told) and all(isinstance(cell, FigureCell) or _is_number(cell) for cell in told)


def _is_number(text: str) -> bool:
    try:
        float(text.removesuffix(" %"))
    except ValueError:
        return False
    return True


def _tex_cell(cell: str) -> str:
    return rf"\textbf{{{_tex(cell)}}}" if isinstance(cell, FigureCell) and cell.best else _tex(cell)


def _tex(cell: str) -> str:
    return "".join(LATEX.get(character, character) for character in cell)
