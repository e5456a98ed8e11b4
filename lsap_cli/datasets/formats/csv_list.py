"""A CSV list of videos, whose first line names the columns."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Protocol

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import SYNONYMS, looks_like, surplus_cells, unread_columns
from lsap_cli.datasets.formats.headers import LARGEST as LARGEST_HEADER
from lsap_cli.datasets.formats.headers import first_line
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import FASTEST, SetSource
from lsap_cli.video.media import VideoSpan
from lsap_common import parse_fraction

SEPARATORS = (",", ";", "\t")
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)  # the first line of a spreadsheet's export
PLACE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|f|)")


class CsvRow(NamedTuple):
    """One line of a list; its fields are the columns that are read.

    Attributes:
        path: of the video: below the list's folder or --root, or absolute.
        label: what the video shows; may be empty.
        also_accepted: other labels that count as right, joined by `|`.
        group: the recording, patient, identity or scene; videos of one group are never on both sides of a split.
        start: of a part of the video: seconds, or a frame's number as in `120f`.
        end: likewise; the first frame that does not belong to it.
        fps: pictures a second of a frame folder.
    """

    path: str
    label: str = ""
    also_accepted: str = ""
    group: str = ""
    start: str = ""
    end: str = ""
    fps: str = ""


@dataclass(frozen=True)
class CsvList(SetFormat):
    """A header with `path` and, optionally, `label`, `also_accepted`, `group`, `start`, `end`, `fps`."""

    def fits(self, path: Path) -> bool:
        if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
            return False
        header = first_line(path)
        if SEPARATOR_LINE.fullmatch(header.strip()):
            return True
        if "path" in _names(header, _separator(header)):
            return True
        return path.suffix.lower() == ".csv" and _is_a_header(header)

    def read(self, source: SetSource) -> Listing:
        path = source.path
        listing = Listing(roots=[source.root or path.parent])
        for line, row in _rows(path, listing):
            try:
                listing.entries.append(_entry(row, line))
            except _UnusableRow as error:
                listing.leave_out(path, line, str(error))
        return listing


class _UnusableRow(Exception):
    """Why a row is left out, behind its line's number."""


def _entry(row: CsvRow, line: int) -> Entry:
    name = row.path.rstrip()
    if not name:
        raise _UnusableRow("names no file: its path is empty")
    label = row.label.strip()
    also_accepted: tuple[str, ...] = ()
    if row.also_accepted:
        also_accepted = tuple(part for one in row.also_accepted.split("|") if (part := one.strip()))
    paths = (name,) if name == row.path else (name, row.path)  # a name may end with a blank
    entry = Entry(paths, line, (label,) if label else (), also_accepted, row.group.strip())
    if row.start or row.end or row.fps:
        span = _span(row) if row.start or row.end else None
        return entry._replace(span=span, fps=_pace(row.fps) if row.fps else None)
    return entry


def _rows(path: Path, listing: Listing) -> Iterator[tuple[int, CsvRow]]:
    """The lines of a list with their numbers, empty ones left out.

    Args:
        path: the list.
        listing: gets warnings of what the first line makes likely, and lines with surplus cells.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline(LARGEST_HEADER)
            said = SEPARATOR_LINE.fullmatch(first.strip())
            separator = said[1] if said else _separator(first)
            file.seek(0)
            reader = csv.reader(file, strict=True, skipinitialspace=True, delimiter=separator)
            if said:
                next(reader)
            header = next(_cells(reader, path, listing), [])
            places = _columns(path, header)
            listing.notes += _inexact_columns(path, header, first if not said else "", separator)
            listing.warnings += _header_warnings(path, header)
            picked, room = itemgetter(*places), [""] * (len(header) + 1)
            for cells in _cells(reader, path, listing):
                if any(cells[len(header) :]):
                    listing.leave_out(path, reader.line_num, surplus_cells(cells, len(header)))
                elif cells:
                    yield reader.line_num, CsvRow._make(picked(cells + room[len(cells) :]))
    except UnicodeDecodeError:
        raise LsapError(f"{path} is not UTF-8 text, and so no list that can be read; save it as UTF-8") from None
    except OSError as error:
        raise LsapError(f"the list {path} cannot be read ({error.strerror})") from None


class _CsvReader(Protocol):
    """What `csv.reader` gives."""

    @property
    def line_num(self) -> int: ...
    def __next__(self) -> list[str]: ...


def _cells(reader: _CsvReader, path: Path, listing: Listing) -> Iterator[list[str]]:
    """The rows of a list; one whose quotes are wrong is left out, unless all that follows is inside of them."""
    while True:
        begun = reader.line_num + 1
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise LsapError(
                    f"{path} is not a CSV list that can be read: a quote is opened in line {begun} and never closed"
                ) from None
            listing.leave_out(path, reader.line_num, f"is no row of a CSV list: {error}")


def _separator(header: str) -> str:
    """The character between the columns of a first line: the one that sets `path` off; a comma in doubt."""
    fitting = [one for one in SEPARATORS if "path" in _names(header, one)]
    return max(fitting or SEPARATORS, key=header.count)


def _names(header: str, separator: str) -> list[str]:
    return [name.strip().strip('"').strip().lower() for name in header.strip().split(separator)]


def _is_a_header(line: str) -> bool:
    """Whether a first line without `path` names columns: words alone, one of which is like a column's name."""
    names = [name for separator in SEPARATORS for name in _names(line, separator)]
    known = {*CsvRow._fields, *(other for others in SYNONYMS.values() for other in others)}
    return not line.strip() or bool(known & set(names))


def _columns(path: Path, header: Sequence[str]) -> list[int]:
    """Where each field of a row stands; a column that is not there is behind the last cell."""
    names = [name.strip().lower() for name in header]
    if not any(names):
        raise LsapError(f"{path} is empty; its first line names the columns, as in path,label")
    if "path" not in names:
        likely = sorted((name for name in names if looks_like(name, "path")), key=lambda name: "path" not in name)
        close = [f" (is it '{name}'?)" for name in likely]
        raise LsapError(
            f"{path} has no column 'path' in its first line{''.join(close[:1])}; "
            "write path,label or path,label,also_accepted"
        )
    twice = [name for name in CsvRow._fields if names.count(name) > 1]
    if twice:
        raise LsapError(f"{path} names the column '{twice[0]}' twice in its first line; name it once")
    return [names.index(name) if name in names else len(names) for name in CsvRow._fields]


def _header_warnings(path: Path, header: Sequence[str]) -> list[str]:
    """Of columns that are not read, and look like ones that are; and of a list without labels."""
    names = [name.strip() for name in header]
    lower = [name.lower() for name in names]
    others = [name for name in names if name and name.lower() not in CsvRow._fields]
    warnings = unread_columns(path, names, CsvRow._fields)
    if others and "label" not in lower:
        quoted = ", ".join(f"'{name}'" for name in others)
        be = "is" if len(others) == 1 else "are"
        warnings.append(f"{path} has no column 'label', and {quoted} {be} not read: no labels")
    return warnings


def _inexact_columns(path: Path, header: Sequence[str], line: str, separator: str) -> list[str]:
    """A note of columns that are read although their names have blanks around them, or capitals.

    Args:
        path: the list.
        header: its cells as `csv.reader` gives them, which lacks the blanks before a cell.
        line: the first line as it stands there; empty where the names are not in it.
        separator: between its cells.
    """
    raw = line.removeprefix("\ufeff").rstrip("\r\n").split(separator)
    cells = raw if len(raw) == len(header) and '"' not in line else header
    inexact = [cell for cell in cells if cell not in CsvRow._fields and cell.strip().lower() in CsvRow._fields]
    if not inexact:
        return []
    return [f"{path}: " + ", ".join(f"'{cell}' is read as '{cell.strip().lower()}'" for cell in inexact)]


def _span(row: CsvRow) -> VideoSpan:
    places = [(name, text.strip()) for name, text in (("start", row.start), ("end", row.end)) if text.strip()]
    numbers: dict[str, Fraction] = {}
    units = set()
    for name, text in places:
        match = PLACE.fullmatch(text)
        if match is None:
            raise _UnusableRow(
                f"has '{_short(text)}' as its {name}; write seconds, as in 2.5, or a frame's number, as in 60f"
            )
        numbers[name] = Fraction(match.group(1))
        units.add("f" if match.group(2) == "f" else "s")
    if len(units) > 1:
        raise _UnusableRow("has one of start and end in seconds and one in frames; give both alike")
    span = VideoSpan(numbers.get("start", Fraction(0)), numbers.get("end"), units == {"f"})
    if span.end is not None and span.end <= span.start:
        raise _UnusableRow(f"is a part that ends at {row.end.strip()}, not after its start at {row.start.strip() or 0}")
    return span


def _pace(text: str) -> Fraction:
    try:
        pace = parse_fraction(text.strip())
    except ValueError:
        pace = Fraction(0)
    if not 0 < pace <= FASTEST:
        raise _UnusableRow(f"has '{_short(text)}' as its fps; write pictures a second, as in 25 or 30000/1001")
    return pace


def _short(text: str) -> str:
    """The beginning of a cell, for a sentence."""
    return text[:40]
