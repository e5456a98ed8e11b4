"""Folders as Hugging Face's `videofolder` reads them: `metadata.csv`, `.jsonl` or `.parquet` beside the files."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.headers import first_line
from lsap_cli.datasets.label_files import read_text
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
COLUMNS = ("file_name", "video_file_name", "label", "group")
Row = Mapping[str, Any]  # whatever the file holds


@dataclass(frozen=True)
class HuggingFaceFolder(SetFormat):
    """A folder with `metadata.csv`, `.jsonl` or `.parquet`, whose columns are `file_name` and `label`."""

    def fits(self, path: Path) -> bool:
        if path.is_dir():
            return bool(_metadata(path))
        return path.name in NAMES and (path.suffix != ".csv" or "file_name" in first_line(path).split(","))

    def read(self, source: SetSource) -> Listing:
        files = _metadata(source.path) if source.path.is_dir() else [source.path]
        if not files:
            raise LsapError(f"{source.path} has none of {', '.join(NAMES)}, there or one folder below")
        folder = source.path if source.path.is_dir() else source.path.parent
        listing = Listing(roots=[source.root or folder])
        listing.notes.append(f"{', '.join(map(str, files))} is read as the metadata of a Hugging Face folder")
        for file in files:
            inside = file.parent.relative_to(folder).as_posix()
            for number, row in enumerate(_rows(file), 2 if file.suffix == ".csv" else 1):
                name = row.get("file_name", row.get("video_file_name"))
                if not isinstance(name, str) or not name:
                    listing.leave_out(file, number, "has no file_name")
                    continue
                label = row.get("label")
                texts = () if label is None or label == "" else (str(label),)
                path = name if inside == "." else f"{inside}/{name}"
                listing.entries.append(Entry((path,), number, texts, group=str(row.get("group") or "")))
        return listing


def _metadata(folder: Path) -> list[Path]:
    """The metadata of a folder, or those of its parts (`train`, `test`)."""
    own = [folder / name for name in NAMES if (folder / name).is_file()]
    return own[:1] or sorted(path for name in NAMES for path in folder.glob(f"*/{name}"))


def _rows(path: Path) -> Iterable[Row]:
    if path.suffix == ".parquet":
        return _parquet_rows(path)
    text = read_text(path)
    if path.suffix == ".csv":
        return csv.DictReader(text.splitlines(keepends=True), skipinitialspace=True)
    return _json_rows(path, text)


def _json_rows(path: Path, text: str) -> Iterable[Row]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            raise LsapError(f"{path}, line {number} is not JSON that can be read ({error})") from None
        yield row if isinstance(row, dict) else {}


def _parquet_rows(path: Path) -> Iterable[Row]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LsapError(f'{path} is read with pyarrow, which is not here; pip install "lsap[parquet]"') from None
    try:
        table = parquet.ParquetFile(path, page_checksum_verification=True)
        wanted = [name for name in COLUMNS if name in table.schema_arrow.names]
        rows: list[Row] = table.read(columns=wanted).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise LsapError(f"{path} is not Parquet that can be read ({error})") from None
    return rows
