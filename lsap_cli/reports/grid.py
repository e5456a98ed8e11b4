"""A table as plain text cells, and its files: CSV, Markdown and LaTeX."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.results.files import write_atomically

FOLDER = "tables"
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "→": r"$\rightarrow$",
}  # fmt: skip


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
    """

    name: str
    title: str
    note: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    most_on_page: int | None = None

    @property
    def page_lines(self) -> tuple[tuple[str, ...], ...]:
        """The lines that a page shows."""
        return self.lines[: self.most_on_page]

    @property
    def left_out(self) -> str:
        """Which lines a page does not show, in a sentence; empty where it shows all."""
        left = len(self.lines) - len(self.page_lines)
        if not left:
            return ""
        return f"{left} further lines of {len(self.lines)} are not shown here: {FOLDER}/{self.name}.csv has all."


def write_grids(folder: Path, tables: Sequence[Grid]) -> None:
    """Writes every grid as CSV, Markdown and LaTeX into `tables/` of a run folder.

    Raises:
        LsapError: if that is a link, through which files elsewhere would be replaced.
    """
    where = folder / FOLDER
    if where.is_symlink():
        raise LsapError(f"{where} is a link: nothing is written through it; remove it and make the report again", 1)
    where.mkdir(exist_ok=True)
    writers: dict[str, Callable[[Grid], str]] = {"csv": as_csv, "md": as_markdown, "tex": as_latex}
    for grid in tables:
        for suffix, write in writers.items():
            write_atomically(where / f"{grid.name}.{suffix}", write(grid))


def as_csv(grid: Grid) -> str:
    """RFC 4180. A cell that a spreadsheet would read as a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    for line in (grid.header, *grid.lines):
        writer.writerow([f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell for cell in line])
    return text.getvalue()


def as_markdown(grid: Grid) -> str:
    """A table of GitHub's Markdown under its title."""
    lines = [_bars(grid.header), _bars(["---"] * len(grid.header)), *map(_bars, grid.lines)]
    return "\n".join([f"## {grid.title}", "", grid.note, "", *lines, ""])


def _bars(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def as_latex(grid: Grid) -> str:
    """A tabular of the booktabs package."""
    body = [" & ".join(map(_tex, line)) + r" \\" for line in grid.lines]
    head = " & ".join(map(_tex, grid.header)) + r" \\"
    columns = "l" * len(grid.header)
    return "\n".join(
        [f"% {grid.title}. {grid.note}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body,
         r"\bottomrule", r"\end{tabular}", ""]
    )  # fmt: skip


def _tex(cell: str) -> str:
    return "".join(LATEX.get(character, character) for character in cell)
