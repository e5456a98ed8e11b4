"""A list without a header, a video a line: `path label`, as MMAction2, SlowFast, VideoMAE and pytorchvideo read it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lsap_cli.datasets.class_reading import folders_above
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.label_files import read_text
from lsap_cli.datasets.locating import Locator
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.walking import MEDIA_SUFFIXES

LAST_CELL = re.compile(r"(.*\S)\s*[\s,]\s*(\S+)")
INTEGER = re.compile(r"-?[0-9]{1,9}")
SHAPES = ("path", "path label", "folder frames label", "folder start frames label")
SUFFIXES = frozenset({".txt", ".csv", ".lst", ".list", ".tsv"})
LOOKED_AT = 20  # lines, to tell whether a file is such a list


class _Line(NamedTuple):
    number: int
    path: str
    cells: tuple[str, ...]  # the integers at its end; a label's name, if there are none


@dataclass(frozen=True)
class PathList(SetFormat):
    """Lines `path label`, `folder frames label` or `folder start frames label`, with blanks, commas or tabs."""

    def fits(self, path: Path) -> bool:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            return False
        with path.open("rb") as file:
            text = file.read(2**16).decode("utf-8-sig", "replace")
        lines = [line for line in text.splitlines() if line.strip()][:LOOKED_AT]
        return bool(lines) and 2 * sum(map(_looks_like_one, lines)) > len(lines)

    def read(self, source: SetSource) -> Listing:
        listing = Listing(roots=[source.root or source.path.parent])
        lines = [
            _parsed(number, text) for number, text in enumerate(read_text(source.path).splitlines(), 1) if text.strip()
        ]
        if not lines:
            raise LsapError(f"{source.path} has no line; a list holds `path label` a line")
        integers = _usual_count(lines)
        locator = Locator(listing.roots)
        other: list[_Line] = []
        for line in lines:
            fitting = _of_shape(line, integers, locator)
            if fitting is None:
                other.append(line)
            else:
                listing.entries.append(_entry(fitting, integers))
        shape = SHAPES[integers] if integers or not lines[0].cells else "path label"
        listing.notes.append(f"{source.path} is read as a list of lines '{shape}'")
        for line in other:
            listing.leave_out(source.path, line.number, f"is of another shape than '{shape}'")
        return listing


def _looks_like_one(line: str) -> bool:
    """Whether a line ends with an integer behind something that looks like a path."""
    parsed = _parsed(0, line)
    if not parsed.cells:
        return Path(parsed.path).suffix.lower() in MEDIA_SUFFIXES
    integers = all(INTEGER.fullmatch(cell) for cell in parsed.cells)
    return _is_video_name(parsed.path) or (integers and ("/" in parsed.path or len(parsed.cells) > 1))


def _is_video_name(path: str) -> bool:
    return Path(path).suffix.lower() in MEDIA_SUFFIXES


def _parsed(number: int, text: str) -> _Line:
    """A line's path, and the cells behind it: integers, or a label's name behind a video's."""
    rest = text.strip()
    cells: list[str] = []
    while len(cells) < 3 and (match := LAST_CELL.fullmatch(rest)) and INTEGER.fullmatch(match.group(2)):
        rest = match.group(1).rstrip(" \t,")
        cells.insert(0, match.group(2))
        if _is_video_name(rest):
            break
    if not cells and not _is_video_name(rest) and (named := _named(rest)):
        rest, label = named
        cells = [label]
    return _Line(number, _unquoted(rest), tuple(cells))


def _named(text: str) -> tuple[str, str] | None:
    """The path and the label of a line whose label is a name, which may hold blanks behind a comma or a tab."""
    for separator in ("\t", ",", " "):
        path, found, label = text.partition(separator) if separator != " " else text.rpartition(" ")
        if found and _is_video_name(_unquoted(path)) and label.strip():
            return path.strip(), _unquoted(label)
    return None


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _usual_count(lines: Sequence[_Line]) -> int:
    """How many integers most lines end with."""
    counts = Counter(len(line.cells) if _integers(line) else 0 for line in lines)
    return max(counts, key=lambda one: (counts[one], one))


def _integers(line: _Line) -> bool:
    return bool(line.cells) and all(INTEGER.fullmatch(cell) for cell in line.cells)


def _of_shape(line: _Line, integers: int, locator: Locator) -> _Line | None:
    """A line as the others of its list are, or None: integers that are too many may end the name of its file."""
    own = len(line.cells) if _integers(line) else 0
    if own == integers:
        return line if integers != 1 or line.path else None
    if own > integers > 0:
        path = " ".join((line.path, *line.cells[: own - integers]))
        return _Line(line.number, path, line.cells[own - integers :]) if locator.exists(path) else None
    return None


def _entry(line: _Line, integers: int) -> Entry:
    labels = line.cells[-1:] or folders_above(line.path)
    pictures: tuple[int, int] | None = None
    if integers > 1:
        start, count = (0, *map(int, line.cells[:-1]))[-2:]
        pictures = (max(start, 0), max(count, 0))
    return Entry((line.path,), line.number, labels, pictures=pictures)
