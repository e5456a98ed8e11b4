"""Sets that cannot be used, by the names of their files."""

import os
from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.set_checks import check_set


@pytest.mark.parametrize("name", ["a.mp4", "deep/er/b.MKV", "frames/img_001.jpg", "train-000.tar", "metadata.csv"])
def test_a_folder_with_anything_that_can_be_a_video_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    (tmp_path / "notes.txt").touch()
    check_set(tmp_path)


def test_a_folder_without_a_video_says_what_is_in_it(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.py", ".hidden.mp4"):
        (tmp_path / name).touch()
    with pytest.raises(LsapError, match=r"holds no video \(its files end with \.txt \(2\), \.py \(1\)\)"):
        check_set(tmp_path)


def test_a_folder_of_empty_folders_and_of_a_link_to_itself_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    with pytest.raises(LsapError, match="is empty; give a folder of videos"):
        check_set(tmp_path)


def test_videos_behind_a_link_are_found(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").touch()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link").symlink_to(tmp_path / "real")
    check_set(tmp_path / "set")


def test_a_pipe_is_no_set(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LsapError, match="is neither a folder nor a file"):
        check_set(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf\n"])
def test_a_list_without_a_line_is_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "val.csv").write_bytes(content)
    for text in (str(tmp_path / "val.csv"), f"csv:{tmp_path / 'val.csv'}"):
        with pytest.raises(LsapError, match=r"val\.csv is empty; give"):
            check_set(text)


def test_a_list_that_cannot_be_opened_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "val.csv").write_text("path,label\n")

    def refuse(*_words: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(LsapError, match=r"val\.csv cannot be read \(Permission denied\)"):
        check_set(tmp_path / "val.csv")
