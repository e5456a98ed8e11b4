"""Folders of numbered pictures."""

import os
from pathlib import Path

import pytest

from lsap_cli.datasets.formats.frame_folders import FrameFolders
from lsap_cli.set_sources import SetSource


def test_a_folder_that_cannot_be_looked_at_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "up" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / "a" / f"{number:04d}.png").write_bytes(b"")
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(21):  # a path longer than the system opens
        os.mkdir("d" * 200, dir_fd=handle)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = deeper
    os.close(handle)
    listing = FrameFolders().read(SetSource(tmp_path))
    assert [entry.paths for entry in listing.entries] == [("up/a",)]
    (place,) = listing.unreadable
    assert place.name.startswith("d" * 200)
    assert "cannot be looked at" in place.reason


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["0001.png"], "has a single numbered picture"), (["left.png", "right.jpg"], "pictures without numbers")],
)
def test_a_folder_whose_pictures_are_no_video_is_named(tmp_path: Path, names: list[str], reason: str) -> None:
    for name in ("up/a/0001.png", "up/a/0002.png", *(f"up/b/{one}" for one in names), "up/notes/read me.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = FrameFolders().read(SetSource(tmp_path))
    assert [entry.paths for entry in listing.entries] == [("up/a",)]
    (place,) = listing.unreadable
    assert place.name == "up/b"
    assert reason in place.reason
