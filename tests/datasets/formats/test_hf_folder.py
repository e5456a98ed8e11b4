"""Folders of Hugging Face with metadata of three kinds."""

import json
import sys
from pathlib import Path

import pytest

from lsap_cli.datasets.base import VideoSet
from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

LABELS = ["tai chi", "yoga"]


def read(folder: Path, name: str, text: str) -> VideoSet:
    (folder / name).write_bytes(text.encode())
    return list_videos(folder, LABELS)


def listed(found: VideoSet) -> list[tuple[str, tuple[int, ...], str]]:
    return [(video.name, video.labels, video.recording) for video in found.videos]


def test_metadata_of_parquet_is_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet is read with pyarrow")
    from pyarrow import parquet

    columns = {
        "file_name": ["a.mp4", "sub/b.mp4", None],
        "label": pyarrow.array([0, None, 1], pyarrow.int64()),
        "group": ["one", "two", "three"],
        "caption": ["x"] * 3,
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "metadata.parquet")
    found = list_videos(tmp_path, LABELS)
    assert listed(found) == [("a.mp4", (0,), "one"), ("sub/b.mp4", (), "two")]
    assert [place.name for place in found.unreadable] == ["metadata.parquet, line 3"]


def test_numbers_that_are_floats_as_others_of_their_column_are_missing_are_labels(tmp_path: Path) -> None:
    rows = [{"file_name": "a.mp4", "label": 1.0}, {"file_name": "b.mp4", "label": None}]
    found = read(tmp_path, "metadata.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    assert listed(found) == [("a.mp4", (1,), ""), ("b.mp4", (), "")]
    assert found.unreadable == ()


def test_parquet_that_is_damaged_is_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet is read with pyarrow")
    with pytest.raises(LsapError, match=r"metadata\.parquet is not Parquet that can be read"):
        read(tmp_path, "metadata.parquet", "PAR1 and nothing else")


def test_parquet_without_pyarrow_is_refused_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LsapError, match=r"metadata\.parquet is read with pyarrow.*pip install 'lsap\[parquet\]'"):
        read(tmp_path, "metadata.parquet", "")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_a_column_that_looks_like_the_label_is_told(tmp_path: Path, name: str) -> None:
    row = {"file_name": "a.mp4", "labels": "yoga", "patient": "p1"}
    text = json.dumps(row) if name.endswith("l") else "file_name,labels,patient\na.mp4,yoga,p1\n"
    found = read(tmp_path, name, text)
    for column, meant in (("labels", "label"), ("patient", "group")):
        assert any(f"'{column}' is not read; call it '{meant}'" in warning for warning in found.warnings)


def test_a_row_with_a_cell_too_many_is_named_by_its_line_and_quoted_breaks_count(tmp_path: Path) -> None:
    text = 'file_name,label,caption\na.mp4,yoga,"two\nlines"\nb.mp4,tai, chi,x\n'
    found = read(tmp_path, "metadata.csv", text)
    assert listed(found) == [("a.mp4", (1,), "")]
    assert [place.name for place in found.unreadable] == ["metadata.csv, line 4"]


def test_a_header_in_quotes_is_known(tmp_path: Path) -> None:
    assert listed(read(tmp_path, "metadata.csv", '"file_name","label"\n"a.mp4","yoga"\n')) == [("a.mp4", (1,), "")]


@pytest.mark.parametrize(
    "rows",
    [
        [{"left_file_name": "a.mp4", "label": 1}],
        [{"file_names": ["a.mp4"], "label": 1}],
        [{"video": "a.mp4", "label": 1}],
        [{"video": {"path": "a.mp4", "bytes": None}, "label": 1}],
        [{"clip": {"file_name": "a.mp4"}, "label": 1}],
        [{"mask_file_name": "a.png", "clip_file_name": "a.mp4", "label": 1}],
    ],
)
def test_a_column_of_files_has_one_of_several_names(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    found = read(tmp_path, "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    assert listed(found) == [("a.mp4", (1,), "")]
    assert found.unreadable == ()


def test_a_column_of_a_csv_may_end_with_file_name(tmp_path: Path) -> None:
    assert listed(read(tmp_path, "metadata.csv", "top_file_name,label\na.mp4,yoga\n")) == [("a.mp4", (1,), "")]


def test_several_videos_of_a_row_have_its_label_and_are_one_group(tmp_path: Path) -> None:
    rows = [{"file_names": ["a.mp4", "b.mp4"], "label": "yoga"}, {"file_names": ["c.mp4"], "label": "tai chi"}]
    found = read(tmp_path, "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    assert [(video.name, video.labels) for video in found.videos] == [
        ("a.mp4", (1,)),
        ("b.mp4", (1,)),
        ("c.mp4", (0,)),
    ]
    assert len({video.group for video in found.videos}) == 2
    assert any("rows with several videos: 1" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "text"), [("metadata.csv", "filename,split\na.mp4,test\n"), ("metadata.jsonl", '{"frames": 3}\n')]
)
def test_metadata_of_other_programs_leaves_a_folder_of_labels_as_it_is(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "yoga").mkdir()
    (tmp_path / "yoga" / "a.mp4").touch()
    assert listed(read(tmp_path, name, text)) == [("yoga/a.mp4", (1,), "")]


def test_parquet_says_what_its_numbers_mean_and_videos_inside_of_it_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet is read with pyarrow")
    from pyarrow import parquet

    classes = {"info": {"features": {"label": {"names": ["yoga", "tai chi"], "_type": "ClassLabel"}}}}
    video = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    schema = pyarrow.schema([("video", video), ("label", pyarrow.int64())], {"huggingface": json.dumps(classes)})
    for content, name in ((None, "metadata.parquet"), (b"mp4", "inside.parquet")):
        rows = [{"video": {"bytes": content, "path": "a.mp4"}, "label": 0}]
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), tmp_path / name)
    assert listed(list_videos(tmp_path, LABELS)) == [("a.mp4", (1,), "")]
    with pytest.raises(LsapError, match=r"holds the videos themselves in its column 'video'.*write them as files"):
        list_videos(SetSource.parse(f"hf-folder:{tmp_path / 'inside.parquet'}"), LABELS)
