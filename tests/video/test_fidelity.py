"""What 8-bit RGB cannot hold, and files that are not what they seem, are refused with a reason."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

from lsap_cli.video.codecs import Av1Codec, Codec, Ffv1Codec, H264Codec, H264RgbCodec, H265Codec, Vp9Codec
from lsap_cli.video.reading import UnreadableVideo, read_frames
from lsap_cli.video.writing import container_suffix, transcode
from tests.tiny import make_bytes, write_tiny
from tests.video.files import show_by


def unchanged(pixels: Tensor, number: int) -> Tensor:
    return pixels


def write_as(path: Path, encoder: str, pixel_format: str, transfer: int = 2, **options: str) -> Path:
    """Three frames of 48 x 32 in some pixel format."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(encoder, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 48, 32, pixel_format
        stream.codec_context.color_trc = transfer
        for number in range(3):
            array = np.full((32, 48, 4), 60 * number + 40, dtype=np.uint8)
            frame = VideoFrame.from_ndarray(array, format="rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def two_videos(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for stream in streams:
            for _ in range(3):
                out.mux(stream.encode(VideoFrame(48, 32, "yuv420p")))
            out.mux(stream.encode(None))
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "10-bit": (lambda at: write_as(at / "a.mp4", "libx264", "yuv420p10le"), "10 bits a channel"),
    "16-bit": (lambda at: write_as(at / "a.mkv", "ffv1", "gbrp16le"), "16 bits a channel"),
    "HDR": (lambda at: write_as(at / "a.mp4", "libx264", "yuv420p", transfer=16), "high dynamic range"),
    "transparent": (lambda at: write_as(at / "a.mkv", "ffv1", "bgra"), "transparent pixels"),
    "hidden alpha": (lambda at: write_as(at / "a.webm", "libvpx-vp9", "yuva420p"), "transparency channel"),
    "two videos": (lambda at: two_videos(at / "a.mkv"), "2 video streams"),
    "sheared": (lambda at: show_by(write_as(at / "a.mp4", "libx264", "yuv420p"), 1, 0.5, 0, 1), "an odd angle"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_lost_is_refused_in_one_sentence(tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    source = make(tmp_path)
    with pytest.raises(UnreadableVideo, match=message):
        transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged)
    assert not (tmp_path / "copy.mkv").exists()


def test_an_alpha_channel_that_is_opaque_is_nothing_to_lose(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "bgra"
        out.mux(stream.encode(VideoFrame.from_ndarray(np.full((32, 48, 4), 255, dtype=np.uint8), format="bgra")))
        out.mux(stream.encode(None))
    assert transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).frames == 1


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.mp4\n",
        '<?xml version="1.0"?><MPD type="static"><Period><BaseURL>secret.mp4</BaseURL></Period></MPD>',
    ],
    ids=["hls", "concat", "dash"],
)
def test_a_playlist_with_a_videos_name_does_not_lead_to_other_files(tmp_path: Path, text: str) -> None:
    write_tiny(tmp_path / "secret.mp4", make_bytes(3, 32, 32), codec=H264Codec())
    for name in ("a.mp4", "a.ts", "a.mkv"):
        (tmp_path / name).write_text(text)
        with pytest.raises(UnreadableVideo):
            list(read_frames(tmp_path / name))


def test_frames_that_become_huge_on_the_way_are_refused(tmp_path: Path) -> None:
    """The container says 32 x 32, the stream inside of it 16384 x 16384."""
    small = write_tiny(tmp_path / "small.mp4", make_bytes(2, 32, 32), codec=H264Codec())
    with av.open(str(tmp_path / "huge.h264"), "w", format="h264") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 16384, 8192, "gray"
        out.mux(stream.encode(VideoFrame(16384, 8192, "gray")))
        out.mux(stream.encode(None))
    with pytest.raises(UnreadableVideo, match=r"134217728|16384 x 8192|cannot be"):
        list(read_frames(tmp_path / "huge.h264"))
    assert len(list(read_frames(small))) == 2


@pytest.mark.parametrize("codec", [H264Codec(crf=1), H265Codec(crf=1), Vp9Codec(crf=1)], ids=lambda codec: codec.name)
def test_no_row_or_column_of_an_odd_size_is_dropped(tmp_path: Path, codec: Codec) -> None:
    frames = torch.full((3, 3, 73, 87), 90, dtype=torch.uint8)
    frames[:, 0, -1, :] = 250
    frames[:, 2, :, -1] = 250
    source = write_tiny(tmp_path / "a.mkv", frames)
    target = tmp_path / f"copy{container_suffix(source, codec)}"
    transcode(source, target, codec, unchanged)
    read = torch.stack([frame.pixels for frame in read_frames(target)])
    assert read.shape == frames.shape
    assert int((read.int() - frames.int()).abs().max()) < 40


def test_an_odd_size_is_refused_where_the_encoder_knows_only_halved_colors(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "a.mkv", make_bytes(2, 65, 97))
    for codec in (Av1Codec(), H264Codec(pixel_format="yuv420p")):
        with pytest.raises(UnreadableVideo, match="97 x 65 cannot be yuv420p without losing pixels"):
            transcode(source, tmp_path / "copy.mp4", codec, unchanged)


def test_a_lossless_copy_of_a_lossless_copy_is_the_same(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "a.mkv", make_bytes(4, 32, 48))
    transcode(source, tmp_path / "b.mp4", H264RgbCodec(), unchanged)
    transcode(tmp_path / "b.mp4", tmp_path / "c.mkv", Ffv1Codec(), unchanged)
    assert torch.equal(torch.stack([frame.pixels for frame in read_frames(tmp_path / "c.mkv")]), make_bytes(4, 32, 48))
