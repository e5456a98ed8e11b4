from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lsap_cli.video.codecs import Codec, Ffv1Codec, H264Codec, H264RgbCodec
from lsap_cli.video.reading import (
    FrameReader,
    UnreadableVideo,
    read_frame_times,
    read_frames,
    read_header,
    read_some_frames,
)
from tests.tiny import make_bytes, write_timed, write_tiny
from tests.video.files import damage, turn_clockwise, write_with_sound


def decoded(path: Path) -> torch.Tensor:
    return torch.stack([frame.pixels for frame in read_frames(path)])


def test_frames_come_with_their_moments(tmp_path: Path) -> None:
    stamps = [0, 40, 50, 300, 301, 1000]
    path = write_timed(tmp_path / "a.mkv", make_bytes(6), stamps)
    assert [frame.milliseconds for frame in read_frames(path)] == stamps
    assert read_frame_times(path).times.tolist() == stamps


def test_moments_count_from_the_first_frame(tmp_path: Path) -> None:
    path = write_timed(tmp_path / "a.mkv", make_bytes(3), [500, 540, 600])
    assert read_frame_times(path).times.tolist() == [0, 40, 100]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_frame_rates_without_whole_milliseconds_are_rounded_to_the_nearest(tmp_path: Path, suffix: str) -> None:
    path = write_tiny(tmp_path / f"a{suffix}", make_bytes(7), Fraction(30000, 1001), H264RgbCodec())
    assert read_frame_times(path).times.tolist() == [0, 33, 67, 100, 133, 167, 200]


@pytest.mark.parametrize("frame_count", [1, 2, 31])
def test_one_look_at_a_file_agrees_with_decoding_it(tmp_path: Path, frame_count: int) -> None:
    path = write_tiny(tmp_path / "a.mkv", make_bytes(frame_count, 17, 23))
    frame_times, frames = read_frame_times(path), list(read_frames(path))
    assert frame_times.times.tolist() == [frame.milliseconds for frame in frames]
    assert (3, frame_times.height, frame_times.width) == tuple(frames[0].pixels.shape) == (3, 17, 23)
    assert frame_times.times.dtype == torch.int64


@pytest.mark.parametrize("most", [2**20, 5000, 0], ids=["held", "some would fit", "none held"])
def test_a_reel_has_the_frames_of_the_file_whether_it_holds_them_or_not(tmp_path: Path, most: int) -> None:
    upright, turned = (
        write_tiny(tmp_path / name, make_bytes(30, 32, 48), codec=H264Codec()) for name in ("a.mp4", "b.mp4")
    )
    for file in (upright, turn_clockwise(turned, 1)):
        reader, frame_times, whole = FrameReader(file, most), read_frame_times(file), decoded(file)
        assert torch.equal(reader.times, frame_times.times)
        assert (reader.height, reader.width) == (frame_times.height, frame_times.width) == tuple(whole.shape[2:])
        for numbers in ([0], [29], [3, 17, 18, 29]):
            assert torch.equal(reader.frames(torch.tensor(numbers)), whole[numbers])
        if most == 2**20:  # held: the file is needed no more
            file.rename(file.with_suffix(".away"))
            assert torch.equal(reader.frames(torch.arange(30)), whole)
            file.with_suffix(".away").rename(file)


def test_some_frames_are_those_of_the_whole_video(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "a.mp4", make_bytes(30, 32, 32), codec=H264Codec())
    whole = decoded(path)
    for numbers in ([0], [29], [0, 1, 2], [3, 17, 18, 29]):
        assert torch.equal(read_some_frames(path, torch.tensor(numbers)), whole[numbers])


def test_frames_beyond_the_end_are_an_error(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "a.mkv", make_bytes(3))
    with pytest.raises(UnreadableVideo, match="it ends before frame 5"):
        read_some_frames(path, torch.tensor([1, 5]))


def test_threads_do_not_change_what_is_read(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "a.mp4", make_bytes(30, 32, 32), codec=H264Codec())
    one, many = list(read_frames(path, "one")), list(read_frames(path, "many"))
    assert [frame.milliseconds for frame in one] == [frame.milliseconds for frame in many]
    assert all(torch.equal(first.pixels, second.pixels) for first, second in zip(one, many, strict=True))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_rotation_in_the_file_is_applied(tmp_path: Path, quarters: int) -> None:
    frames = make_bytes(3, 16, 22)
    path = turn_clockwise(write_tiny(tmp_path / "a.mp4", frames, codec=H264RgbCodec()), quarters)
    upright = torch.rot90(frames, -quarters, dims=(2, 3))
    assert torch.equal(decoded(path), upright)
    assert torch.equal(read_some_frames(path, torch.tensor([0, 2])), upright[[0, 2]])
    frame_times = read_frame_times(path)
    assert (frame_times.height, frame_times.width) == tuple(upright.shape[2:])


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_frames_that_are_stored_out_of_order_come_in_order_at_even_moments(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    levels = [10 * number for number in range(24)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25, options={"bf": "2", "qscale": "1"})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for level in levels:
            pixels = np.full((32, 48, 3), level, dtype=np.uint8)
            out.mux(stream.encode(VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))
    frames = list(read_frames(path))
    assert [frame.milliseconds for frame in frames] == [40 * number for number in range(24)]
    assert [float(frame.pixels.float().mean()) for frame in frames] == pytest.approx(levels, abs=8)


def test_the_header_says_what_is_stored(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "a.mkv", make_bytes(3, 16, 22), codec=Ffv1Codec()))
    assert (header.codec, header.pixel_format, header.width, header.height) == ("ffv1", "bgr0", 22, 16)
    assert header.rate == 25


def test_an_empty_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    with pytest.raises(UnreadableVideo, match="it is empty"):
        read_frame_times(path)


@pytest.mark.parametrize("content", [b"hello, I am a text", b"\0" * 5000, bytes(range(256)) * 40])
def test_something_else_with_a_videos_name_is_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableVideo, match=r"it cannot be opened|it has no video stream"):
        list(read_frames(path))


def test_sound_alone_is_unreadable_and_the_reason_says_so(tmp_path: Path) -> None:
    path = write_with_sound(tmp_path / "a.mp4", None)
    with pytest.raises(UnreadableVideo, match=r"no video stream \(it has sound only\)"):
        read_frame_times(path)


def test_a_file_that_is_not_there_or_a_folder_is_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "a.mp4", tmp_path):
        with pytest.raises(UnreadableVideo):
            read_frame_times(path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_an_mp4_without_its_end_is_unreadable(tmp_path: Path, share: float) -> None:
    """Its index stands at the end."""
    path = write_tiny(tmp_path / "a.mp4", make_bytes(20), codec=H264RgbCodec())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableVideo):
        list(read_frames(path))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_matroska_file_never_gives_a_frame_that_was_not_in_it(tmp_path: Path, share: float) -> None:
    frames = make_bytes(20)
    path = write_tiny(tmp_path / "a.mkv", frames)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    read: list[torch.Tensor] = []
    with suppress(UnreadableVideo):
        read.extend(frame.pixels for frame in read_frames(path))
    assert len(read) < 20
    assert all(torch.equal(pixels, frames[number]) for number, pixels in enumerate(read))


def test_damage_in_the_middle_is_named_with_the_frame(tmp_path: Path) -> None:
    path = damage(write_tiny(tmp_path / "a.mp4", make_bytes(20), codec=H264Codec()))
    with pytest.raises(UnreadableVideo, match="it cannot be decoded past frame"):
        list(read_frames(path))


@pytest.mark.parametrize(("codec", "suffix"), [(H264RgbCodec(), ".mkv"), (H264RgbCodec(), ".mp4")])
def test_a_damaged_frame_is_never_handed_on_as_a_good_one(tmp_path: Path, codec: Codec, suffix: str) -> None:
    frames = make_bytes(20)
    path = damage(write_tiny(tmp_path / f"a{suffix}", frames, codec=codec))
    with suppress(UnreadableVideo):
        for frame in read_frames(path):
            assert torch.equal(frame.pixels, frames[frame.milliseconds // 40])


def test_names_that_look_like_addresses_and_options_are_only_names(tmp_path: Path) -> None:
    for name in ("http:a.mkv", "-i.mkv", "a%03d.mkv", "concat:b|c.mkv", "ünï cödé 🎬.mkv", "a'b\"c;d.mkv"):
        path = write_tiny(tmp_path / name, make_bytes(2))
        assert torch.equal(decoded(path), make_bytes(2))
