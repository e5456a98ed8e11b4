"""The records of a run as one Parquet file, numbers in columns."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.packages import optional_package
from lsap_cli.reports.exports.targets import Exported
from lsap_cli.reports.run_folder import RECORDS_FILE, read_run, run_records
from lsap_cli.results.base import or_none
from lsap_cli.results.files import write_errors_named
from lsap_cli.results.records import Record

COMMANDS = ("defend", "generate")
FILE = "records.parquet"
ROWS = 50_000  # of a row group
TEXT, TEXTS, NUMBER, WHOLE, WHOLES, TRUTH = "text", "texts", "number", "whole number", "whole numbers", "truth"

# every field of a record, in its order; those of `classes` are columns of their own
COLUMNS: dict[str, str] = {
    "video": TEXT,
    "label": TEXT,
    "also_accepted": TEXTS,
    "attack": TEXT,
    "defense": TEXT,
    "sampler": TEXT,
    "prediction": TEXT,
    "clean_prediction": TEXT,
    "correct": TRUTH,
    "changed": TRUTH,
    "recording": TEXT,
    "draws": TEXTS,
    "positive_probability": NUMBER,
    "milliseconds": NUMBER,
    "confidence": NUMBER,
}
CLASS_COLUMNS: dict[str, str] = {"labels": WHOLES, "prediction": WHOLE, "clean_prediction": WHOLE, "draws": WHOLES}
CLASS_PREFIX = "class_of_"


def export_parquet(run: Path, out: Path | None) -> Exported:
    """Writes the records, whole or not at all.

    Args:
        run: the folder of a finished run of `defend` or `generate`.
        out: the file; None: `records.parquet` in the run folder.

    Raises:
        LsapError: if the package is missing, or the run has no records or damaged ones.
        OSError: if the file cannot be written.
    """
    arrow = optional_package("pyarrow", "parquet")
    parquet = optional_package("pyarrow.parquet", "parquet")
    about = read_run(run, COMMANDS)
    if not (run / RECORDS_FILE).is_file():
        raise LsapError(f"{run} has no {RECORDS_FILE}; run lsap {about.command} again", 1)
    path = run / FILE if out is None else out
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    schema = _schema(arrow).with_metadata({"lsap.command": about.command, "lsap.run": run.resolve().name})
    with write_errors_named(path):
        try:
            with parquet.ParquetWriter(partial, schema, write_page_checksum=True) as writer:
                for rows in _batches(map(_row, run_records(run))):
                    writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return Exported(str(path))


def _schema(arrow: Any) -> Any:  # pyarrow is no dependency
    kinds = {
        TEXT: arrow.string(),
        TEXTS: arrow.list_(arrow.string()),
        NUMBER: arrow.float64(),
        WHOLE: arrow.int64(),
        WHOLES: arrow.list_(arrow.int64()),
        TRUTH: arrow.bool_(),
    }
    named = COLUMNS | {CLASS_PREFIX + name: kind for name, kind in CLASS_COLUMNS.items()}
    return arrow.schema([(name, kinds[kind]) for name, kind in named.items()])


def _row(record: Record) -> dict[str, object]:
    """A record's columns; null where it is null or absent."""
    row: dict[str, object] = {name: or_none(getattr(record, name)) for name in COLUMNS}
    classes = or_none(record.classes)
    row |= {CLASS_PREFIX + name: None if classes is None else getattr(classes, name) for name in CLASS_COLUMNS}
    return row


def _batches(rows: Iterable[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    rest = iter(rows)
    while some := list(islice(rest, ROWS)):
        yield some
