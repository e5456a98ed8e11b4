"""Lists in JSON: DFDC's metadata, arrays of objects and of pairs, labels with their videos, JSON lines."""

import json
from pathlib import Path

import pytest

from lsap_cli.datasets.base import VideoSet
from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

LABELS = ["REAL", "FAKE"]
EITHER = [("a.mp4", (0,)), ("b.mp4", (1,))]


def read(tmp_path: Path, document: object, name: str = "list.json") -> VideoSet:
    for video in "abc":
        (tmp_path / f"{video}.mp4").touch()
    path = tmp_path / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return list_videos(path, LABELS)


@pytest.mark.parametrize(
    "document",
    [
        {"a.mp4": "REAL", "b.mp4": "FAKE"},
        {"a.mp4": {"label": "REAL"}, "b.mp4": {"label": "FAKE"}},
        {"REAL": ["a.mp4"], "FAKE": ["b.mp4"]},
        [{"video": "a.mp4", "class": "REAL"}, {"video": "b.mp4", "class": "FAKE"}],
        [["a.mp4", 0], ["b.mp4", 1]],
        {"version": 1, "videos": [{"file_name": "a.mp4", "label": 0}, {"file_name": "b.mp4", "label": 1}]},
    ],
)
def test_each_shape_gives_videos_and_labels(tmp_path: Path, document: object) -> None:
    found = read(tmp_path, document)
    assert found.format == "json"
    assert [(video.name, video.labels) for video in found.videos] == EITHER
    assert not found.warnings


def test_json_lines_of_paths_and_labels_are_read(tmp_path: Path) -> None:
    lines = '{"path": "a.mp4", "label": "REAL"}\n\n{"path": "b.mp4", "label": "FAKE"}\n'
    assert [(video.name, video.labels) for video in read(tmp_path, lines, "list.jsonl").videos] == EITHER


def test_names_alone_are_labelled_by_their_folders(tmp_path: Path) -> None:
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "b.mp4").touch()
    assert [video.labels for video in read(tmp_path, ["a.mp4", "fake/b.mp4"]).videos] == [(), (1,)]


def test_a_fake_and_the_video_that_it_was_made_of_are_one_recording(tmp_path: Path) -> None:
    rows = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train", "original": None},
        "c.mp4": {"label": "FAKE", "split": "test", "original": "elsewhere.mp4"},
    }
    found = read(tmp_path, rows, "metadata.json")
    assert [video.group for video in found.videos] == ["b.mp4", "b.mp4", "elsewhere.mp4"]
    assert any("several splits (test, train)" in note for note in found.notes)
    assert list_videos(tmp_path, LABELS).videos == found.videos  # the folder that it lies in


def test_what_names_no_video_or_has_several_labels_is_named_by_its_entry(tmp_path: Path) -> None:
    found = read(tmp_path, [{"path": "a.mp4", "label": "REAL"}, {"path": 3}, {"path": "b.mp4", "label": ["x", "y"]}])
    assert [(place.name, place.reason) for place in found.unreadable] == [
        ("list.json, entry 2", "names no video"),
        ("list.json, entry 3", '(b.mp4) has ["x", "y"] for its label, not one text'),
    ]


def test_a_column_that_looks_like_a_known_one_is_told(tmp_path: Path) -> None:
    (warning,) = read(tmp_path, {"a.mp4": {"label": "REAL", "subject": "p1"}}).warnings
    assert "'subject' is not read; call it 'group'" in warning


def test_json_of_another_shape_says_what_it_is_and_what_would_be_read(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"database": {}, "version": 1}')
    with pytest.raises(LsapError, match="it is an object with 'database', 'version'; such a list is"):
        list_videos(SetSource(path, "json"), LABELS)
    with pytest.raises(LsapError, match=r"what it holds is of no list that is known; give json:.*other\.json"):
        list_videos(path, LABELS)


def test_a_folder_whose_metadata_names_no_videos_stays_a_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").touch()
    (tmp_path / "metadata.json").write_text('{"name": "mine"}')
    assert list_videos(tmp_path, LABELS).format == "folder"
