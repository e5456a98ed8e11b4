"""Records as Parquet, read back."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields, replace

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports import parquet
from lsap_cli.results.files import encode_line
from lsap_cli.results.records import Record, RecordClasses
from tests.reports.exports.runs import RUNS
from tests.reports.fake_run import make_results, write_run

read_table: Any = pytest.importorskip(
    "pyarrow.parquet", reason="pyarrow is not installed: pip install 'lsap[parquet]'"
).read_table


def test_every_field_of_a_record_has_a_column() -> None:
    assert [*parquet.COLUMNS, "classes"] == [field.name for field in fields(Record)]
    assert list(parquet.CLASS_COLUMNS) == [field.name for field in fields(RecordClasses)]


def test_the_records_come_back_with_their_numbers(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", videos=3, pictures=False)
    record = make_results(videos=3)[1][0]
    full = replace(
        record, also_accepted=("other",), draws=("a", "b"), positive_probability=0.25, milliseconds=1.5,
        confidence=0.875,
        classes=RecordClasses(labels=(3, 4), prediction=7, clean_prediction=3, draws=(7, 3)),
    )  # fmt: skip
    (run / "records.jsonl").write_bytes(b"".join(map(encode_line, [full, replace(record, label=None, correct=None)])))
    exported = parquet.export_parquet(run, None)
    table = read_table(exported.place, page_checksum_verification=True)
    first, second = table.to_pylist()
    assert first["class_of_prediction"] == 7
    assert first["class_of_labels"] == [3, 4]
    assert (first["positive_probability"], first["milliseconds"], first["draws"]) == (0.25, 1.5, ["a", "b"])
    assert first["changed"] is record.changed
    assert (second["label"], second["correct"], second["class_of_prediction"]) == (None, None, None)
    assert str(table.schema.field("milliseconds").type) == "double"
    assert table.schema.metadata[b"lsap.command"] == b"defend"


def test_all_records_are_there_in_more_than_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 7)
    run = write_run(tmp_path / "run", videos=5, pictures=False)
    parquet.export_parquet(run, tmp_path / "a.parquet")
    records = make_results(videos=5)[1]
    table = read_table(tmp_path / "a.parquet")
    assert table.column("prediction").to_pylist() == [one.prediction for one in records]
    assert list(tmp_path.glob(".*.partial")) == []


def test_a_damaged_record_leaves_no_file(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", videos=2, pictures=False)
    with (run / "records.jsonl").open("ab") as file:
        file.write(b"{broken\n")
    with pytest.raises(LsapError, match="damaged in line"):
        parquet.export_parquet(run, None)
    assert not list(run.glob("*.parquet")) + list(run.glob(".*.partial"))


def test_runs_without_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match=r"needs a run of defend or generate"):
        parquet.export_parquet(RUNS["apply"](tmp_path), None)
    with pytest.raises(LsapError, match=r"no records\.jsonl"):
        parquet.export_parquet(RUNS["generate"](tmp_path), None)
