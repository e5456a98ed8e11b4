from fractions import Fraction
from pathlib import Path

import pytest

from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.video.media import VideoPart, VideoSpan

LABELS = ["bin", "lay, low"]


def write(folder: Path, text: str) -> Path:
    (folder / "list.csv").write_bytes(text.encode("utf-8-sig"))
    for name in ("a.mp4", "b c.mp4"):
        (folder / name).touch()
    return folder / "list.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_are_set_off_by_commas_semicolons_or_tabs_and_may_be_quoted(tmp_path: Path, separator: str) -> None:
    rows = (("path", "label", "group"), ("a.mp4", '"lay, low"', "one"), ('"b c.mp4"', "bin", "two"))
    found = list_videos(write(tmp_path, "\n".join(separator.join(row) for row in rows) + "\n"), LABELS)
    assert [(one.name, one.labels, one.group) for one in found.videos] == [
        ("a.mp4", (1,), "one"),
        ("b c.mp4", (0,), "two"),
    ]


def test_parts_of_a_video_are_videos_of_one_group(tmp_path: Path) -> None:
    found = list_videos(write(tmp_path, "path,start,end\na.mp4,0.5,1.25\na.mp4,10f,20f\na.mp4,3,\n"), LABELS)
    spans = [
        VideoSpan(Fraction(1, 2), Fraction(5, 4)),
        VideoSpan(Fraction(10), Fraction(20), True),
        VideoSpan(Fraction(3)),
    ]
    assert [video.media for video in found.videos] == [VideoPart(tmp_path / "a.mp4", span) for span in spans]
    assert [video.name for video in found.videos] == ["a_0.5-1.25.mp4", "a_10f-20f.mp4", "a_3-end.mp4"]
    assert {video.group for video in found.videos} == {"a.mp4"}


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [("2,1", "ends at 1, not after its start"), ("x,1", "'x' as its start"), ("1f,2", "both alike"), ("-1,2", "'-1'")],
)
def test_a_part_that_cannot_be_is_left_out_by_its_line(tmp_path: Path, cells: str, sentence: str) -> None:
    found = list_videos(write(tmp_path, f"path,start,end\na.mp4,{cells}\na.mp4,1,2\n"), LABELS)
    assert [one.name for one in found.videos] == ["a_1-2.mp4"]
    (place,) = found.unreadable
    assert place.name == "list.csv, line 2"
    assert sentence in place.reason


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("lable", "label"),
        ("class", "label"),
        ("class_idx", "label"),
        ("patient", "group"),
        ("Subject ID", "group"),
        ("begin", "start"),
        ("end_sec", "end"),
        ("fsp", "fps"),
    ],
)
def test_a_column_that_looks_like_a_known_one_is_told(tmp_path: Path, column: str, meant: str) -> None:
    found = list_videos(write(tmp_path, f"path,{column}\na.mp4,bin\n"), LABELS)
    assert any(f"'{column}' is not read; call it '{meant}'" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("header", "meant"),
    [("filename,label", "filename"), ("clip_name,clip_path,label", "clip_path"), ("video_id,label,frames", "video_id")],
)
def test_a_column_that_is_called_otherwise_than_path_is_suggested(tmp_path: Path, header: str, meant: str) -> None:
    with pytest.raises(LsapError, match=f"no column 'path' in its first line .is it '{meant}'"):
        list_videos(write(tmp_path, f"{header}\na.mp4,bin,x\n"), LABELS)


@pytest.mark.parametrize("pace", ["1e9", "0", "-5", "nan", "1/0", "99999", "9" * 5000])
def test_a_list_of_paces_that_cannot_be_is_refused_by_its_line(tmp_path: Path, pace: str) -> None:
    with pytest.raises(LsapError, match=r"line 2 has '.{1,40}' as its fps; write pictures a second"):
        list_videos(write(tmp_path, f"path,fps\na.mp4,{pace}\n"), LABELS)


def test_a_column_of_frame_numbers_is_told_with_how_they_are_written(tmp_path: Path) -> None:
    found = list_videos(write(tmp_path, "path,label,start_frame\na.mp4,bin,60\n"), LABELS)
    assert any("'start_frame' is not read; call it 'start', frames as in 60f," in one for one in found.warnings)


@pytest.mark.parametrize("column", ["duration", "split", "video_id", "label_name", ""])
def test_a_column_that_is_like_none_or_like_one_that_is_there_is_not_told(tmp_path: Path, column: str) -> None:
    assert list_videos(write(tmp_path, f"path,label,{column}\na.mp4,bin,1\n"), LABELS).warnings == []


def test_empty_cells_behind_the_last_column_are_passed_over(tmp_path: Path) -> None:
    assert [one.name for one in list_videos(write(tmp_path, "path,label\na.mp4,bin,,\n"), LABELS).videos] == ["a.mp4"]


def test_a_list_without_a_line_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match="is empty; its first line names the columns"):
        list_videos(write(tmp_path, "\n"), LABELS)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_separator_that_a_spreadsheet_names_in_a_line_of_its_own_is_taken(tmp_path: Path, first: str) -> None:
    found = list_videos(write(tmp_path, f"{first}\r\npath;label\r\na.mp4;lay, low\r\n;bin\r\n"), LABELS)
    assert [(one.name, one.labels) for one in found.videos] == [("a.mp4", (1,))]
    assert [one.name for one in found.unreadable] == ["list.csv, line 4"]
