"""Folders as Hugging Face's `videofolder` reads them: `metadata.csv`, `.jsonl` or `.parquet` beside the files."""

import csv
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import header_rows, unread_columns
from lsap_cli.datasets.formats.headers import first_line
from lsap_cli.datasets.formats.hf_parquet import parquet_table
from lsap_cli.datasets.label_files import label_text, read_json_lines
from lsap_cli.datasets.locating import split_suffix
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.walking import MEDIA_SUFFIXES

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAME = "file_name"
OTHER_COLUMNS = ("label", "group")
VIDEO = "video"
"""The column that `file_name` becomes in a data set: a path, or an object with a `path`."""
Row = Mapping[str, Any]  # whatever the file holds


class _Table(NamedTuple):
    """The rows of a metadata file, with their line numbers.

    Attributes:
        names: of all columns, also of those that are not read.
        classes: names of the numbers in the column `label`, where the file says them.
    """

    names: Sequence[str]
    rows: Sequence[tuple[int, Row]]
    classes: Sequence[str] = ()


@dataclass(frozen=True)
class HuggingFaceFolder(SetFormat):
    """A folder with `metadata.csv`, `.jsonl` or `.parquet`, whose columns are `file_name` and `label`."""

    def fits(self, path: Path) -> bool:
        if path.is_dir():
            return any(_names_videos(file) for file in _metadata(path))
        return path.is_file() and path.name in NAMES and _names_videos(path)

    def read(self, source: SetSource) -> Listing:
        files = _metadata(source.path) if source.path.is_dir() else [source.path]
        if not files:
            raise LsapError(f"{source.path} has none of {', '.join(NAMES)}, there or one folder below")
        folder = source.path if source.path.is_dir() else source.path.parent
        listing = Listing(roots=[source.root or folder])
        listing.notes.append(f"{', '.join(map(str, files))} is read as the metadata of a Hugging Face folder")
        several = 0
        for file in files:
            inside = file.parent.relative_to(folder).as_posix()
            table = _table(file, listing)
            read = {*OTHER_COLUMNS, *filter(_is_a_file_column, table.names)}
            listing.warnings += unread_columns(file, table.names, read)
            listing.names.update(enumerate(table.classes))
            for number, row in table.rows:
                names = _files_of(row)
                if not names:
                    listing.leave_out(file, number, f"has no {FILE_NAME}")
                several += len(names) > 1
                listing.entries += _entries(names, "" if inside == "." else f"{inside}/", number, row)
        if several:
            listing.notes.append(
                f"{source.path}: rows with several videos: {several}; each video has its row's label, a row is a group"
            )
        return listing


def _metadata(folder: Path) -> list[Path]:
    """The metadata of a folder, or those of its parts (`train`, `test`)."""
    own = [folder / name for name in NAMES if (folder / name).is_file()]
    return own[:1] or sorted(path for name in NAMES for path in folder.glob(f"*/{name}"))


def _names_videos(path: Path) -> bool:
    """Whether a metadata file names videos, as its first line tells; other programs call their files so, too."""
    if path.suffix == ".parquet":
        return True
    line = first_line(path)
    if path.suffix == ".csv":
        return any(map(_is_a_file_column, _cells(line)))
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and bool(_files_of(row))


def _cells(line: str) -> list[str]:
    return [cell.strip().lower() for cell in next(csv.reader([line], skipinitialspace=True), [])]


def _is_a_file_column(name: str) -> bool:
    """Whether a column names files: `file_name`, `left_file_name`, `file_names`, `video`."""
    stem = name.removesuffix("s")
    return stem == FILE_NAME or stem.endswith(f"_{FILE_NAME}") or name == VIDEO


def _files_of(row: Row) -> list[str]:
    """The videos that a row names; where all of its files have other suffixes, these."""
    names = list(dict.fromkeys(_named_files(row)))
    videos = [name for name in names if split_suffix(name)[1].lower() in MEDIA_SUFFIXES]
    return videos or names


def _named_files(row: Row) -> Iterator[str]:
    """What columns of files hold, those of objects inside the row included: a name, or a list of names."""
    for column, value in row.items():
        if isinstance(value, Mapping):
            if column == VIDEO and isinstance(value.get("path"), str):
                yield value["path"]
            else:
                yield from _named_files(value)
        elif _is_a_file_column(column):
            yield from (one for one in (value if isinstance(value, list) else [value]) if one and isinstance(one, str))


def _entries(names: Collection[str], inside: str, number: int, row: Row) -> Iterator[Entry]:
    label, group = label_text(row.get("label")), str(row.get("group") or "")
    for name in names:
        own = group or (f"row {inside}{number}" if len(names) > 1 else "")
        yield Entry((f"{inside}{name}",), number, (label,) if label else (), group=own)


def _table(path: Path, listing: Listing) -> _Table:
    if path.suffix == ".parquet":
        return _Table(*parquet_table(path, lambda name: name in OTHER_COLUMNS or _is_a_file_column(name), VIDEO))
    if path.suffix == ".csv":
        needed = [name for name in _cells(first_line(path)) if _is_a_file_column(name)] or [FILE_NAME]
        rows: list[tuple[int, Row]] = [*header_rows(path, listing, needed, "the metadata of a Hugging Face folder")]
    else:
        rows = list(read_json_lines(path))
    return _Table(list(dict.fromkeys(name for _, row in rows for name in row)), rows)
