"""Folders as Hugging Face's `videofolder` reads them: `metadata.csv`, `.jsonl` or `.parquet` beside the files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import header_rows, unread_columns
from lsap_cli.datasets.formats.headers import has_column
from lsap_cli.datasets.label_files import read_text
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAMES = ("file_name", "video_file_name")
COLUMNS = (*FILE_NAMES, "label", "group")
Row = Mapping[str, Any]  # whatever the file holds


class _Table(NamedTuple):
    """The rows of a metadata file, with their line numbers.

    Attributes:
        names: of all columns, also of those that are not read.
    """

    names: Sequence[str]
    rows: Sequence[tuple[int, Row]]


@dataclass(frozen=True)
class HuggingFaceFolder(SetFormat):
    """A folder with `metadata.csv`, `.jsonl` or `.parquet`, whose columns are `file_name` and `label`."""

    def fits(self, path: Path) -> bool:
        if path.is_dir():
            return bool(_metadata(path))
        return path.name in NAMES and (path.suffix != ".csv" or has_column(path, *FILE_NAMES))

    def read(self, source: SetSource) -> Listing:
        files = _metadata(source.path) if source.path.is_dir() else [source.path]
        if not files:
            raise LsapError(f"{source.path} has none of {', '.join(NAMES)}, there or one folder below")
        folder = source.path if source.path.is_dir() else source.path.parent
        listing = Listing(roots=[source.root or folder])
        listing.notes.append(f"{', '.join(map(str, files))} is read as the metadata of a Hugging Face folder")
        for file in files:
            inside = file.parent.relative_to(folder).as_posix()
            table = _table(file, listing)
            listing.warnings += unread_columns(file, table.names, COLUMNS)
            for number, row in table.rows:
                name = next((row[one] for one in FILE_NAMES if row.get(one)), None)
                if not isinstance(name, str):
                    listing.leave_out(file, number, "has no file_name")
                    continue
                label = _label(row.get("label"))
                path = name if inside == "." else f"{inside}/{name}"
                group = str(row.get("group") or "")
                listing.entries.append(Entry((path,), number, (label,) if label else (), group=group))
        return listing


def _metadata(folder: Path) -> list[Path]:
    """The metadata of a folder, or those of its parts (`train`, `test`)."""
    own = [folder / name for name in NAMES if (folder / name).is_file()]
    return own[:1] or sorted(path for name in NAMES for path in folder.glob(f"*/{name}"))


def _label(value: object) -> str:
    """A cell as a label. Numbers are floats where others of their column are missing."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else ""
    return "" if value is None else str(value)


def _table(path: Path, listing: Listing) -> _Table:
    if path.suffix == ".parquet":
        return _parquet_table(path)
    if path.suffix == ".csv":
        rows: list[tuple[int, Row]] = [*header_rows(path, listing, FILE_NAMES, "the metadata of a Hugging Face folder")]
    else:
        rows = list(_json_rows(path))
    return _Table(list(dict.fromkeys(name for _, row in rows for name in row)), rows)


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError) as error:
            raise LsapError(f"{path}, line {number} is not JSON that can be read ({error})") from None
        if line.strip():
            yield number, row if isinstance(row, dict) else {}


def _parquet_table(path: Path) -> _Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LsapError(f"{path} is read with pyarrow, which is not here; pip install 'lsap[parquet]'") from None
    try:
        table = parquet.ParquetFile(path, page_checksum_verification=True)
        names: list[str] = table.schema_arrow.names
        rows: list[Row] = table.read(columns=[name for name in COLUMNS if name in names]).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise LsapError(f"{path} is not Parquet that can be read ({error})") from None
    return _Table(names, list(enumerate(rows, 1)))
