"""The columns of a Parquet file that name videos and their labels, as Hugging Face writes it."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsap_cli.errors import LsapError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

Rows = list[tuple[int, Mapping[str, Any]]]  # whatever the file holds


def parquet_table(path: Path, is_read: Callable[[str], bool], video: str) -> tuple[list[str], Rows, Sequence[str]]:
    """The names of all columns, the rows of some of them, and the classes' names.

    Args:
        path: the file.
        is_read: whether a column of that name is read. Those that hold objects are read, too.
        video: the column that may hold videos' bytes, which are never read.

    Raises:
        LsapError: if pyarrow is missing, the file cannot be read, or holds the videos themselves.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LsapError(f"{path} is read with pyarrow, which is not here; pip install 'lsap[parquet]'") from None
    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
        if _has_bytes(file, video):
            raise LsapError(
                f"{path} holds the videos themselves in its column '{video}', which lsap does not read; write them as "
                "files, with a metadata.csv of their file_name and label beside them"
            )
        schema = file.schema_arrow
        names: list[str] = schema.names
        chosen = [name for name in names if is_read(name) or pyarrow.types.is_struct(schema.field(name).type)]
        rows: list[Mapping[str, Any]] = file.read(columns=chosen).to_pylist()
        classes = _class_names((schema.metadata or {}).get(b"huggingface", b"{}"))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise LsapError(f"{path} is not Parquet that can be read ({error})") from None
    return names, list(enumerate(rows, 1)), classes


def _has_bytes(file: "ParquetFile", video: str) -> bool:
    """Whether a column of objects has bytes in its field `bytes`, as the counts of empty cells tell."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    for group in groups:
        columns = [group.column(number) for number in range(group.num_columns)]
        for column in columns:
            if column.path_in_schema != f"{video}.bytes":
                continue
            empty = column.statistics.null_count if column.statistics else 0
            if empty < group.num_rows:
                return True
    return False


def _class_names(text: bytes) -> list[str]:
    """The names of the numbers in the column `label`, of what Hugging Face notes in a file."""
    try:
        names = json.loads(text)["info"]["features"]["label"]["names"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(one, str) for one in names) else []
