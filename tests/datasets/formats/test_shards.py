import io
import tarfile
from pathlib import Path

import pytest

from lsap_cli.datasets.base import VideoSet
from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_cli.set_sources import SetSource
from lsap_cli.video.media import ArchivedVideo, media_hash
from lsap_cli.video.reading import UnreadableVideo, read_frame_times
from tests.tiny import make_bytes, write_tiny


def shard(path: Path, *members: tuple[str, bytes], link: tuple[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link is not None:
            member = tarfile.TarInfo(link[0])
            member.type, member.linkname = tarfile.LNKTYPE, link[1]
            archive.addfile(member)
    return path


def read(path: Path) -> VideoSet:
    return list_videos(path, ["one", "two"])


def reasons(found: VideoSet) -> str:
    return "; ".join(f"{place.name} {place.reason}" for place in found.unreadable)


def test_a_video_in_a_shard_is_read_in_place(tmp_path: Path) -> None:
    video = write_tiny(tmp_path / "a.mkv", make_bytes(3))
    (one,) = read(shard(tmp_path / "s.tar", ("x/a.mkv", video.read_bytes()), ("x/a.cls", b"1"))).videos
    assert (one.name, one.labels, media_hash(one.media)) == ("s/x/a.mkv", (1,), content_hash(video))
    assert len(read_frame_times(one.media).times) == 3


def test_videos_that_differ_only_after_the_first_dot_are_named_and_left_out(tmp_path: Path) -> None:
    found = read(shard(tmp_path / "s.tar", ("a.left.mp4", b"x"), ("a.right.mp4", b"y"), ("b.mp4", b"z")))
    assert [video.name for video in found.videos] == ["s/b.mp4"]
    assert "a is one sample with several videos (a.left.mp4 and a.right.mp4)" in reasons(found)


def test_a_hard_link_has_the_bytes_that_it_names_and_one_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    found = read(shard(tmp_path / "s.tar", ("a.mp4", b"video"), link=("b.mp4", "a.mp4")))
    a, b = (video.media for video in found.videos)
    assert isinstance(a, ArchivedVideo)
    assert a == b
    lost = read(shard(tmp_path / "t.tar", ("a.mp4", b"video"), link=("b.mp4", "gone.mp4")))
    assert "t.tar/b.mp4 is a link to gone.mp4" in reasons(lost)


@pytest.mark.parametrize("keep", [512 + 100, 1024, 1024 + 100, 2048], ids=["data", "border", "header", "mark"])
def test_a_shard_that_is_cut_is_named_and_what_comes_before_is_used(tmp_path: Path, keep: int) -> None:
    path = shard(tmp_path / "s.tar", ("a.mp4", b"x" * 512), ("b.mp4", b"y" * 512))
    path.write_bytes(path.read_bytes()[:keep])
    if keep < 1024:
        with pytest.raises(LsapError, match="is cut"):
            read(path)
        return
    found = read(path)
    assert found.videos[0].name == "s/a.mp4"
    assert "s.tar is cut" in reasons(found) or "s.tar is damaged" in reasons(found)


def test_a_damaged_header_is_named(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", ("a.mp4", b"x" * 512), ("b.mp4", b"y" * 512))
    content = bytearray(path.read_bytes())
    content[1024:1100] = b"\xff" * 76
    path.write_bytes(content)
    assert "s.tar is damaged" in reasons(read(path))


def test_a_range_of_shards_lacks_none(tmp_path: Path) -> None:
    for number in (0, 1):
        shard(tmp_path / f"s-{number:03d}.tar", ("a.mp4", b"x"))
    found = list_videos(SetSource.parse(f"webdataset:{tmp_path}/s-{{000..001}}.tar"), [])
    assert [video.name for video in found.videos] == ["s-000/a.mp4", "s-001/a.mp4"]
    with pytest.raises(LsapError, match=r"s-002\.tar does not exist"):
        list_videos(SetSource.parse(f"webdataset:{tmp_path}/s-{{000..002}}.tar"), [])


def test_a_shard_that_has_been_cut_since_is_an_unreadable_video(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", ("a.mp4", b"x" * 5000))
    (one,) = read(path).videos
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UnreadableVideo, match="ends in it"):
        read_frame_times(one.media)


def test_dots_in_a_name_do_not_part_a_video_from_its_label(tmp_path: Path) -> None:
    members = {"a.b.mp4": b"v", "a.b.cls": b"0", "c..mp4": b"v", "c..json": b'{"label": "two"}', "d.mp4": b"v"}
    found = read(shard(tmp_path / "s.tar", *members.items(), ("d.other.cls", b"0"), ("d.cls", b"two")))
    assert {video.name: video.labels for video in found.videos} == {
        "s/a.b.mp4": (0,),
        "s/c..mp4": (1,),
        "s/d.mp4": (1,),
    }


def test_labels_that_cannot_be_read_and_labels_without_a_video_are_told(tmp_path: Path) -> None:
    members = {"a.mp4": b"v", "a.json": b"{bad", "b.mp4": b"v", "b.json": b'{"caption": "one"}', "c.cls": b"1"}
    warnings = read(shard(tmp_path / "s.tar", *members.items())).warnings
    assert f"{tmp_path / 's.tar'}: 'a.json', 'b.json' are no JSON with 'label' or 'cls'" in warnings[0]
    assert "'c' has a label and no video" in warnings[1]
