import os
from pathlib import Path

import pytest

from lsap_cli.video.walking import find_media, walk_media


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_media(root)]


def test_media_are_found_by_suffix_in_the_order_of_their_paths(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.MP4", "b/10.avi", "a.mkv", "c/d/e.webm", "b/notes.txt", "clips.csv", "noise.wav", "noext")
    assert found(tmp_path) == ["a.mkv", "b/10.avi", "b/2.MP4", "c/d/e.webm", "noise.wav"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, ".a.mp4", ".hidden/b.mp4", "c/.d/e.mp4", "f.mp4", ".g.mp4.123.partial")
    assert found(tmp_path) == ["f.mp4"]


def test_links_out_of_the_folder_are_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    touch(outside, "one.mp4", "more/two.mp4")
    touch(inside, "a.mp4")
    (inside / "file.mp4").symlink_to(outside / "one.mp4")
    (inside / "folder").symlink_to(outside / "more")
    (inside / "relative.mp4").symlink_to("../outside/one.mp4")
    (outside / "more" / "loop").symlink_to(outside / "more")
    (inside / "up").symlink_to(tmp_path)
    assert found(inside) == ["a.mp4", "file.mp4", "folder/two.mp4", "relative.mp4"]


def test_links_within_the_folder_lead_to_files_but_not_into_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a/b.mp4")
    (tmp_path / "again.mp4").symlink_to(tmp_path / "a" / "b.mp4")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert found(tmp_path) == ["a/b.mp4", "again.mp4"]


@pytest.mark.parametrize("target", ["loop.mp4", "nothing.mp4"])
def test_links_that_lead_nowhere_are_named(tmp_path: Path, target: str) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / target)
    assert found(tmp_path) == ["a.mp4"]
    assert walk_media(tmp_path).unreadable == [(tmp_path / "loop.mp4", "a link that leads nowhere")]


def test_pipes_with_a_videos_name_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert found(tmp_path) == ["a.mp4"]
    assert walk_media(tmp_path).unreadable == [(tmp_path / "pipe.mp4", "no regular file")]


def test_a_folder_that_is_itself_a_link_is_walked(tmp_path: Path) -> None:
    touch(tmp_path / "real", "a.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert found(tmp_path / "link") == ["a.mp4"]


def test_a_folder_named_like_a_video_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4/b.mp4")
    assert found(tmp_path) == ["a.mp4/b.mp4"]


def test_what_cannot_be_looked_at_is_named_and_the_rest_is_found(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "closed/b.mp4")
    deep = tmp_path
    handle = os.open(deep, os.O_RDONLY)
    try:
        for _ in range(30):  # a path that is longer than the system takes
            os.mkdir("d" * 200, dir_fd=handle)  # relative to a handle
            deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=handle)
            os.close(handle)
            handle = deeper
        walk = walk_media(tmp_path)
    finally:
        os.close(handle)
    assert [path.name for path in walk.media] == ["a.mp4", "b.mp4"]
    assert [reason for _, reason in walk.unreadable] == ["File name too long"]
