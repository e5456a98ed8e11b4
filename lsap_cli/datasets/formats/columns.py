"""Columns of a list with a header: other words for known ones, and what a header makes likely."""

import csv
import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from lsap_cli.datasets.entries import Listing
from lsap_cli.datasets.label_files import read_text
from lsap_cli.errors import LsapError

SYNONYMS = {
    "path": ("file", "filename", "file_name", "filepath", "video", "video_path", "name"),
    "label": ("class", "class_name", "category", "target", "action", "labels"),
    "group": ("recording", "patient", "identity", "scene", "subject", "groups"),
    "start": ("begin", "time_start", "start_time"),
    "end": ("stop", "time_end", "end_time"),
    "fps": ("rate", "frame_rate"),
}
LONGEST_EXAMPLE = 80  # letters of a cell that a sentence shows
NAMES = (*SYNONYMS, "also_accepted")
WORDS = frozenset(SYNONYMS) | {word for words in SYNONYMS.values() for word in words} | {"num_frames", "total_frames"}


def names_columns(line: str) -> bool:
    """Whether a line holds column names alone, one of which is known: a header."""
    words = [word.strip("\"'").lower() for word in re.split(r"[\s,;]+", line.strip())]
    return all(re.fullmatch(r"[a-z_]+", word) for word in words) and not WORDS.isdisjoint(words)


def unread_columns(path: Path, names: Sequence[str], read: Collection[str]) -> list[str]:
    """Warnings of columns that are not read, and look like ones that are.

    Args:
        path: the list.
        names: of its columns.
        read: names of the columns that its format reads.
    """
    lower = [name.lower() for name in names]
    warnings = []
    for name in names:
        meant = [] if not name or name.lower() in read else [one for one in _meant(name.lower()) if one in read]
        if meant and not set(meant) & set(lower):
            counts = ", frames as in 60f," if meant[0] in ("start", "end") and "frame" in name.lower() else ""
            warnings.append(
                f"{path}: the column '{name}' is not read; call it '{meant[0]}'{counts} if that is what it holds"
            )
    return warnings


def looks_like(name: str, column: str) -> bool:
    """Whether a name in lower case, or a word in it, is another word for a column, or a slip of the pen."""
    return bool(name) and column in _meant(name)


def _meant(name: str) -> list[str]:
    """The columns that a name, or a word in it, is another word for, or a slip of the pen; the likeliest first."""
    meant = []
    for part in (name, *re.split(r"[^a-z]+", name)):
        meant += [column for column, synonyms in SYNONYMS.items() if part == column or part in synonyms]
    if not meant:
        meant = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.75)
    return meant or [column for column in NAMES if sorted(column) == sorted(name)]


def surplus_cells(cells: Sequence[str], columns: int) -> str:
    """Why a row with more cells than there are columns is left out; its second and third cell may be one."""
    example = f', as in "{", ".join(cells[1:3])}"' if len(", ".join(cells[1:3])) < LONGEST_EXAMPLE else ""
    return (
        f"has {len(cells)} cells, and the first line names {columns} columns; "
        f"a cell with a comma in it belongs into quotes{example}"
    )


def header_rows(path: Path, listing: Listing, needed: Sequence[str], kind: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV with a header, by line number; a row with a surplus cell is named and left out.

    Args:
        path: the list.
        listing: gets what is left out.
        needed: columns, without any of which it is none of its kind.
        kind: of list, for a sentence: "a list of Kinetics".

    Raises:
        LsapError: if it cannot be read, or lacks the column.
    """
    reader = csv.reader(read_text(path).splitlines(keepends=True), skipinitialspace=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if not set(needed) & set(names):
            raise LsapError(f"{path} has no column '{needed[0]}', and so is not {kind}")
        for cells in reader:
            if any(cells[len(names) :]):
                listing.leave_out(path, reader.line_num, surplus_cells(cells, len(names)))
            elif cells:
                yield reader.line_num, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise LsapError(f"{path} is not a CSV list that can be read: {error}") from None
