"""Links that lead nowhere, and files that are no videos: named as what they are."""

from pathlib import Path

import pytest

from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.reading import UnreadableVideo, read_header
from tests.tiny import make_bytes, write_tiny


@pytest.mark.parametrize("kind", ["list", "csv"])
def test_a_listed_link_that_leads_nowhere_is_named_as_one(tmp_path: Path, kind: str) -> None:
    (tmp_path / "gone.mp4").symlink_to("/nowhere/a.mp4")
    lines = {"list": "gone.mp4 0\nmissing.mp4 0\n", "csv": "path,label\ngone.mp4,a\nmissing.mp4,a\n"}
    (tmp_path / "the.csv").write_text(lines[kind])
    found = list_videos(SetSource.parse(f"{kind}:{tmp_path / 'the.csv'}"), [])
    reasons = []
    for video in found.videos:
        with pytest.raises(UnreadableVideo) as error:
            read_header(video.media)
        reasons.append(str(error.value))
    assert reasons == ["it is a link that leads nowhere (/nowhere/a.mp4)", "it does not exist"]


def test_a_link_without_a_suffix_that_leads_nowhere_may_have_been_a_folder_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "yoga").symlink_to("/nowhere/yoga")
    (tmp_path / "notes.txt").symlink_to("/nowhere/notes.txt")
    write_tiny(tmp_path / "a.mkv", make_bytes(2))
    found = list_videos(tmp_path, [])
    assert [(place.name, place.reason) for place in found.unreadable] == [
        ("yoga", "cannot be looked at (a link that leads nowhere)")
    ]


def test_a_set_that_is_a_link_to_nowhere_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "set").symlink_to("/nowhere/set")
    with pytest.raises(LsapError, match=r"set is a link that leads nowhere \(/nowhere/set\); give a folder of videos"):
        SetSource.parse(str(tmp_path / "set"))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.md", b"# Videos\n", "is text and no list that is known"),
        ("labels.yaml", b"0: yoga\n", "is text and no list that is known"),
        ("subtitles.srt", b"1\n00:00 --> 00:01\nhello\n", "is text and no list that is known"),
        ("frame.JPG", b"\xff\xd8\xff", "is a picture; give the folder of a video's pictures as frames:FOLDER"),
        ("clips.npz", b"PK\x03\x04", "is no video; give a folder of videos: arrays are not read"),
        ("network.pth", b"PK\x03\x04", "is no video; give --model .*network.pth, if it is a network"),
        (
            "labels.txt",
            b"yoga\ntai chi\n",
            "is no video, and its lines are of no list that is known; give list:.*labels.txt",
        ),
    ],
)
def test_what_is_no_video_is_never_opened_as_one(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LsapError, match=sentence):
        list_videos(tmp_path / name, [])


@pytest.mark.parametrize("name", ["list", "val.lines", "UPPER.TXT"])
def test_a_list_is_known_by_its_lines_whatever_its_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a.mp4 0\nb.mp4 1\n")
    assert list_videos(tmp_path / name, []).format == "list"


def test_a_video_without_a_suffix_is_one(tmp_path: Path) -> None:
    write_tiny(tmp_path / "a.mkv", make_bytes(2)).rename(tmp_path / "clip")
    found = list_videos(tmp_path / "clip", [])
    assert (found.format, [video.name for video in found.videos]) == ("file", ["clip"])


@pytest.mark.parametrize("name", ["val.txt", "set.json", "shard.parquet"])
def test_an_empty_list_is_no_video(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(LsapError, match=f"{name} is empty, and no video; give "):
        list_videos(tmp_path / name, [])
