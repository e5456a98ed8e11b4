from fractions import Fraction
from pathlib import Path

import pytest
import torch
from PIL import Image

from lsap_cli.video.media import VideoPart, VideoSpan, media_hash
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.reading import FrameReader, UnreadableVideo, read_frame_times, read_frames, read_header
from tests.tiny import make_bytes, write_tiny


@pytest.mark.parametrize(
    ("span", "indices"),
    [
        (VideoSpan(Fraction(2), Fraction(4), in_frames=True), [2, 3]),
        (VideoSpan(Fraction("0.04"), Fraction("0.12")), [1, 2]),  # 25 frames a second: at 0.04 and 0.08 s
        (VideoSpan(Fraction("0.121")), [4, 5]),
    ],
)
def test_a_part_has_the_frames_from_its_start_up_to_its_end(
    tmp_path: Path, span: VideoSpan, indices: list[int]
) -> None:
    frames = make_bytes(6)
    part = VideoPart(write_tiny(tmp_path / "a.mkv", frames), span)
    assert torch.equal(torch.stack([frame.pixels for frame in read_frames(part)]), frames[indices])
    assert read_frame_times(part).times.tolist() == [0, 40]
    assert torch.equal(FrameReader(part, held_bytes=0).frames(torch.tensor([1])), frames[indices[1:]])
    assert media_hash(part) != media_hash(part.path)


def test_a_part_behind_the_end_is_named(tmp_path: Path) -> None:
    part = VideoPart(write_tiny(tmp_path / "a.mkv", make_bytes(2)), VideoSpan(Fraction(9), Fraction(10)))
    with pytest.raises(UnreadableVideo, match="none of its frames lies in the part 9-10: it ends before"):
        list(read_frames(part))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (2, 3, 10):
        Image.new("RGB", (6, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_pictures_are_frames_at_the_pace_that_is_given(folder: Path) -> None:
    sequence = PictureSequence(folder, Fraction(10))
    assert [int(frame.pixels[0, 0, 0]) for frame in read_frames(sequence)] == [2, 3, 10]
    assert read_frame_times(sequence).times.tolist() == [0, 100, 200]
    header = read_header(sequence)
    assert (header.width, header.height, header.rate, header.frames) == (6, 4, Fraction(10), 3)


def test_gaps_between_pictures_are_found(folder: Path) -> None:
    assert PictureSequence(folder, Fraction(10)).gaps() == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [((1, 5), "2 of 5 are there after 1"), ((7, None), "0 are there after 7")],
)
def test_a_folder_with_fewer_pictures_than_a_list_says_is_named(
    folder: Path, sequence: tuple[int, int | None], reason: str
) -> None:
    with pytest.raises(UnreadableVideo, match=reason):
        read_frame_times(PictureSequence(folder, Fraction(10), *sequence))


def test_pictures_of_other_sizes_damaged_ones_and_numbers_that_occur_twice_are_named(folder: Path) -> None:
    sequence = PictureSequence(folder, Fraction(10))
    Image.new("RGB", (8, 4)).save(folder / "11.png")
    with pytest.raises(UnreadableVideo, match=r"change from 6 x 4 to 8 x 4 at 11\.png"):
        list(read_frames(sequence))
    (folder / "11.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableVideo, match=r"11\.png cannot be read"):
        list(read_frames(sequence))
    (folder / "11.jpg").touch()
    with pytest.raises(UnreadableVideo, match="two of its pictures have the number 11"):
        list(read_frames(sequence))


def test_a_picture_that_is_a_link_to_nowhere_is_named_before_anything_is_decoded(folder: Path) -> None:
    (folder / "5.png").symlink_to("/nowhere/5.png")
    with pytest.raises(UnreadableVideo, match=r"its picture 5\.png is a link that leads nowhere \(/nowhere/5\.png\)"):
        read_header(PictureSequence(folder, Fraction(10)))
    assert len(PictureSequence(folder, Fraction(10), 0, 2).pictures()) == 2
