"""A list without a header, a video a line: `path label`, as MMAction2, SlowFast, VideoMAE and pytorchvideo read it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from lsap_cli.datasets.class_reading import folders_above
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import names_columns
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import is_text
from lsap_cli.datasets.formats.label_first import label_before_path, labels_come_first
from lsap_cli.datasets.formats.stems import name_behind_path, names_videos
from lsap_cli.datasets.label_files import read_text
from lsap_cli.datasets.locating import Locator, split_suffix
from lsap_cli.errors import LsapError
from lsap_cli.results.text import counted
from lsap_cli.set_sources import SetSource
from lsap_cli.video.media import VideoSpan
from lsap_cli.video.walking import MEDIA_SUFFIXES

LAST_CELL = re.compile(r"(.*\S)\s*[\s,;]\s*(\S+)")
INTEGER = re.compile(r"-?[0-9]{1,9}")
FLOAT_LABEL = re.compile(r"((?:.*/\S*|.*[\s,;]-?[0-9]{1,9})\s*[\s,;]\s*-?[0-9]{1,9})\.0{1,9}")
"""A line whose label is a whole number with a decimal point, behind a path or the number of frames."""
SHAPES = ("path", "path label", "folder frames label", "folder start frames label")
OTHERS = frozenset({".json", ".jsonl", ".toml", ".yaml", ".yml", ".xml", ".md", ".py"}) | MEDIA_SUFFIXES
"""Suffixes of files that are no lists, whatever their lines look like."""
LOOKED_AT = 20  # lines, to tell whether a file is such a list
MOST_NUMBERS = 3  # of a list whose lines have all the same count
LEAST_USUAL = 3  # lines of one count, beside which a single one of another is a slip of the pen
ODD_SHARE = 0.1  # of lines: so many of another count are no slips of the pen
FOLDERS = tuple(f"{kind}{part}" for kind in ("videos", "rawframes") for part in ("", "_val", "_test", "_train"))
"""Folders beside a list that its paths begin in, as MMAction2 lays them out."""
FRAME_LIST = "original_vid"  # how SlowFast's lists of single frames begin, with and without their slip of the pen


class _Line(NamedTuple):
    number: int
    path: str
    cells: tuple[str, ...]  # the integers at its end; a label's name, if there are none
    also_accepted: tuple[str, ...] = ()
    span: VideoSpan | None = None


@dataclass(frozen=True)
class PathList(SetFormat):
    """Lines `path label`, `folder frames label`, `folder start frames label`, with a blank, `,`, `;` or tab between."""

    def fits(self, path: Path) -> bool:
        if path.suffix.lower() in OTHERS or not path.is_file() or not is_text(path):
            return False
        with path.open("rb") as file:
            text = file.read(2**16).decode("utf-8-sig", "replace")
        lines = [line for line in text.splitlines() if line.strip()][:LOOKED_AT]
        if text.startswith(FRAME_LIST) or 2 * sum(map(_looks_like_one, lines)) > len(lines):
            return bool(lines)
        locator = Locator(roots_of(SetSource(path), path.parent, FOLDERS))
        parsed = [_parsed(0, line) for line in lines if not line.startswith("#")]
        return names_videos([_with_its_name(line, locator).path for line in parsed], locator)

    def read(self, source: SetSource) -> Listing:
        listing = Listing(roots=roots_of(source, source.path.parent, FOLDERS))
        text = read_text(source.path)
        if text.startswith(FRAME_LIST):
            raise LsapError(
                f"{source.path} lists single frames, as SlowFast does, and not videos; give the folder of their frame "
                "folders as frames:FOLDER, or a list of lines 'folder frames label'"
            )
        lines = [_parsed(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if not lines:
            raise LsapError(f"{source.path} has no line; a list holds `path label` a line")
        locator = Locator(listing.roots)
        lines = [_with_its_name(line, locator) for line in lines]
        lines = _without_slips(lines, source.path, listing)
        lines = _videos_with_one_number(lines, source.path, listing.notes)
        lines = _folders_with_two_numbers(lines, locator, source.path, listing.notes)
        turned = _turn_around(lines, locator, source.path, listing.notes)
        integers = _usual_count(lines)
        other: list[_Line] = []
        for line in lines:
            remark = not line.cells and (line.path.startswith("#") or (line is lines[0] and names_columns(line.path)))
            fitting = None if remark and not locator.exists(line.path) else _of_shape(line, integers, locator)
            if fitting is None:
                other.append(line)
            else:
                listing.entries.append(_entry(fitting, integers))
        shape = SHAPES[integers] if integers or not lines[0].cells else "path label"
        shape = "label path" if turned else shape
        listing.notes.insert(0, f"{source.path} is read as a list of lines '{shape}'")
        texts = text.splitlines()
        for line in other:
            written = texts[line.number - 1].strip()
            if line is lines[0] and names_columns(written):
                listing.notes.append(f"{source.path}: its first line, '{written[:80]}', names columns")
            elif written.startswith("#"):
                listing.notes.append(f"{source.path}: line {line.number}, '{written[:80]}', is a comment")
            else:
                listing.leave_out(source.path, line.number, f"is of another shape than '{shape}'")
        return listing


def _turn_around(lines: list[_Line], locator: Locator, path: Path, notes: list[str]) -> bool:
    """Makes lines `label path` as all others are, where the files show that order; whether they do."""
    bare = [line for line in lines if not (line.path.startswith("#") or names_columns(line.path))]
    if any(line.cells for line in bare):
        return False

    first = labels_come_first([line.path for line in bare], lambda text: _is_there(_unquoted(text), locator))
    if first is None:
        notes.append(
            f"{path}: its lines, such as '{bare[0].path[:80]}', may be 'label path'; that order is read where the "
            "files are there (--root), and 'path label' always"
        )
    if not first:
        return False
    pairs = {line.number: label_before_path(line.path) for line in bare}
    for place, line in enumerate(lines):
        pair = pairs.get(line.number)
        if pair is not None:
            lines[place] = line._replace(path=_unquoted(pair[1]), cells=(_unquoted(pair[0]),))
    return True


def _looks_like_one(line: str) -> bool:
    """Whether a line ends with an integer behind something that looks like a path."""
    parsed = _parsed(0, line)
    if not parsed.cells:
        return _is_video_name(parsed.path)
    integers = all(INTEGER.fullmatch(cell) for cell in parsed.cells)
    return _is_video_name(parsed.path) or (integers and ("/" in parsed.path or len(parsed.cells) > 1))


def _is_video_name(path: str) -> bool:
    return split_suffix(path)[1].lower() in MEDIA_SUFFIXES


def _parsed(number: int, text: str) -> _Line:
    """A line's path, and the cells behind it: integers, or a label's name behind a video's."""
    float_label = FLOAT_LABEL.fullmatch(text.strip())
    rest, found = (
        float_label[1] if float_label else text.strip(),
        list[tuple[str, str]](),
    )  # what stands before each of the integers at the end
    while (match := LAST_CELL.fullmatch(rest)) and INTEGER.fullmatch(match.group(2)):
        rest = match.group(1).rstrip(" \t,;")
        found.append((rest, match.group(2)))
        if _is_video_name(_unquoted(rest)):
            break
    cells = [cell for _, cell in reversed(found)]
    if not cells and not _is_video_name(rest) and (named := _named(rest)):
        rest, label = named
        cells = [label]
    return _Line(number, _unquoted(rest), tuple(cells))


def _named(text: str) -> tuple[str, str] | None:
    """The path and the label of a line whose label is a name, which may hold blanks behind a video's suffix."""
    for separator in ("\t", ",", ";"):
        path, _, label = text.partition(separator)
        if _is_video_name(_unquoted(path)) and label.strip():
            return path.strip(), _unquoted(label)
    for blank in reversed([place for place, letter in enumerate(text) if letter == " "]):
        if _is_video_name(_unquoted(text[:blank])):
            return text[:blank].strip(), _unquoted(text[blank:])
    return None


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _without_slips(lines: list[_Line], path: Path, listing: Listing) -> list[_Line]:
    """Lines without the few videos that have another count of numbers than nearly all; these are named.

    Few are less than a tenth, or one of at least four, or those with an absolute path among relative ones.
    """
    videos = [line for line in lines if _integers(line) and _is_video_name(line.path)]
    counts = Counter(len(line.cells) for line in videos)
    usual, often = max(counts.items(), key=itemgetter(1), default=(0, 0))
    odd = [line for line in videos if len(line.cells) != usual]
    few = len(odd) < ODD_SHARE * len(videos) or (len(odd) == 1 and often >= LEAST_USUAL)
    absolute = {line.path.startswith("/") for line in odd}
    apart = absolute == {True} and not any(line.path.startswith("/") for line in videos if len(line.cells) == usual)
    if not odd or not (few or apart):
        return lines
    for line in odd:
        listing.leave_out(path, line.number, f"has {counted(len(line.cells), 'number')}, and most lines have {usual}")
    chosen = {line.number for line in odd}
    return [line for line in lines if line.number not in chosen]


def _videos_with_one_number(lines: Sequence[_Line], path: Path, notes: list[str]) -> list[_Line]:
    """Lines of video files with one number each, their label; what several numbers were taken for becomes a note.

    Where lines have different counts, their numbers are labels, of which the first is the video's. Where all have two,
    the first one counts frames, which the file does itself; where all have three, two are its part's start and length.
    """
    videos = [line for line in lines if _integers(line) and _is_video_name(line.path)]
    counts = {len(line.cells) for line in videos}
    if counts <= {1}:
        return list(lines)
    if len(counts) > 1 or max(counts) > MOST_NUMBERS:
        notes.append(
            f"{path}: videos have several labels, of which the first is a video's own; the others count as right"
        )
    elif counts == {2}:
        notes.append(f"{path}: the last number of a line is its label, and the one before it, of frames, is not read")
    else:
        notes.append(f"{path}: the numbers behind a video are its part's first frame, the part's frames, and its label")
    labels_alone = len(counts) > 1 or max(counts) > MOST_NUMBERS
    chosen = {line.number for line in videos}
    return [_with_one_number(line, labels_alone) if line.number in chosen else line for line in lines]


def _folders_with_two_numbers(lines: Sequence[_Line], locator: Locator, path: Path, notes: list[str]) -> list[_Line]:
    """Lines `folder frames label label …` with their frames and their first label; the other labels count as right.

    Lines of a list with one label each have all the same count, but for slips of the pen, and for folders whose names
    end with integers.
    """
    read = [_with_its_longer_path(line, locator) for line in lines]
    folders = [line for line in read if _integers(line) and not _is_video_name(line.path)]
    counts = Counter(len(line.cells) for line in folders)
    usual, often = max(counts.items(), key=itemgetter(1), default=(0, 0))
    slips = usual > 2 and max(counts) <= MOST_NUMBERS and len(folders) - often < ODD_SHARE * len(folders)
    if len(counts) < 2 or min(counts) < 2 or slips:
        return read
    notes.append(
        f"{path}: folders have several labels behind the number of their frames; the first is a folder's own, the "
        "others count as right"
    )
    chosen = {line.number for line in folders}
    return [
        line._replace(cells=line.cells[:2], also_accepted=line.cells[2:]) if line.number in chosen else line
        for line in read
    ]


def _with_its_longer_path(line: _Line, locator: Locator) -> _Line:
    """A line whose path ends with integers, where such a folder, or such a video without its suffix, is there."""
    if len(line.cells) < 2 or not _integers(line) or _is_video_name(line.path):
        return line
    if len(line.cells) > 2 and locator.exists(_longer_path(line, 2)):
        return line._replace(path=_longer_path(line, 2), cells=line.cells[-2:])
    if not locator.exists(line.path) and _is_there(_longer_path(line, 1), locator):
        return line._replace(path=_longer_path(line, 1), cells=line.cells[-1:])
    return line


def _with_its_name(line: _Line, locator: Locator) -> _Line:
    """A line `path name` whose path has no suffix, as its file shows."""
    if line.cells or _is_video_name(line.path) or _is_there(line.path, locator):
        return line
    pair = name_behind_path(line.path, lambda text: _is_there(_unquoted(text), locator))
    return line if pair is None else line._replace(path=_unquoted(pair[0]), cells=(_unquoted(pair[1]),))


def _is_there(text: str, locator: Locator) -> bool:
    """Whether a file has that path, or the one with its suffix."""
    found = locator.find((text,))
    return not isinstance(found, str) and found.there


def _longer_path(line: _Line, integers: int) -> str:
    """A line's path with the integers that are more than its list has: they may end the name of its file."""
    return " ".join((line.path, *line.cells[: len(line.cells) - integers]))


def _with_one_number(line: _Line, labels_alone: bool) -> _Line:
    if labels_alone:
        return line._replace(cells=line.cells[:1], also_accepted=line.cells[1:])
    span = None
    if len(line.cells) == MOST_NUMBERS:
        start, count = max(int(line.cells[0]), 0), max(int(line.cells[1]), 1)
        span = VideoSpan(Fraction(start), Fraction(start + count), in_frames=True)
    return line._replace(cells=line.cells[-1:], span=span)


def _usual_count(lines: Sequence[_Line]) -> int:
    """How many integers most lines end with."""
    counts = Counter(min(len(line.cells), MOST_NUMBERS) if _integers(line) else 0 for line in lines)
    return max(counts, key=lambda one: (counts[one], one))


def _integers(line: _Line) -> bool:
    return bool(line.cells) and all(INTEGER.fullmatch(cell) for cell in line.cells)


def _of_shape(line: _Line, integers: int, locator: Locator) -> _Line | None:
    """A line as the others of its list are, or None: integers that are too many may end the name of its file."""
    own = len(line.cells) if _integers(line) else 0
    if own == integers:
        return line if integers != 1 or line.path else None
    if own > integers > 0:
        path = _longer_path(line, integers)
        return _Line(line.number, path, line.cells[own - integers :]) if locator.exists(path) else None
    return None


def _entry(line: _Line, integers: int) -> Entry:
    labels = line.cells[-1:] or folders_above(line.path)
    pictures: tuple[int, int | None] | None = None
    if integers > 1:
        start, count = (0, *map(int, line.cells[:-1]))[-2:]
        pictures = (max(start, 0), count if count > 0 else None)  # lists whose maker did not count say 0 or -1
    return Entry((line.path,), line.number, labels, line.also_accepted, span=line.span, pictures=pictures)
