"""Interlaced videos: whole frames are changed and written; copies, or a note, say which field is shown first."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

from lsap_cli.video.codecs import Codec, Ffv1Codec, H264Codec, H264RgbCodec, PngCodec
from lsap_cli.video.fields import FieldOrder, FieldOrderReader
from lsap_cli.video.reading import read_frames
from lsap_cli.video.writing import AppendedFrames, container_suffix, transcode

BOTTOM_FIRST = 3  # AVFieldOrder


def interlaced(path: Path, orders: Sequence[FieldOrder | None]) -> Path:
    """Frames of noise, 48 x 32 in 4:2:0, one for each field order."""
    noise = np.random.default_rng(0)
    graphs: dict[FieldOrder, Graph] = {"top": Graph(), "bottom": Graph()}
    for first, graph in graphs.items():
        tick = Fraction(1, 25)
        source = graph.add_buffer(width=48, height=32, format=av.VideoFormat("yuv420p"), time_base=tick)
        marker, sink = graph.add("setfield", f"mode={first[0]}ff"), graph.add("buffersink")
        source.link_to(marker)
        marker.link_to(sink)
        graph.configure()
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25, options={"level": "3"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number, order in enumerate(orders):
            frame = VideoFrame.from_ndarray(noise.integers(0, 256, (48, 48), dtype=np.uint8), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            if order is not None:
                graphs[order].push(frame)
                pulled = graphs[order].pull()
                assert isinstance(pulled, VideoFrame)
                frame = pulled
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def orders_in(path: Path) -> list[FieldOrder | None]:
    with av.open(str(path)) as container:
        reader = FieldOrderReader(container.streams.video[0])
        return [reader.order_of(frame) for frame in container.decode(video=0)]


def flagged_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(frame.interlaced_frame for frame in container.decode(video=0))


def pixels_in(path: Path) -> Tensor:
    return torch.stack([frame.pixels for frame in read_frames(path)])


def brighter(pixels: Tensor, number: int) -> Tensor:
    return pixels.clamp_max(250) + 5


@pytest.mark.parametrize("order", ["top", "bottom"])
@pytest.mark.parametrize("codec", [Ffv1Codec(), H264RgbCodec()], ids=lambda codec: codec.name)
def test_a_lossless_copy_has_every_pixel_and_its_container_the_field_order(
    tmp_path: Path, codec: Codec, order: FieldOrder
) -> None:
    source, target = interlaced(tmp_path / "a.mkv", [order] * 3), tmp_path / "copy.mkv"
    assert orders_in(source) == [order] * 3
    remarks = transcode(source, target, codec, brighter, tail=AppendedFrames(1)).remarks
    assert remarks == []
    assert torch.equal(pixels_in(target)[:3], brighter(pixels_in(source), 0))
    assert orders_in(target) == [order] * 4
    assert flagged_frames(target) == 0, "OpenCV 5.0 gives wrong pictures of frames that are flagged"
    assert transcode(target, tmp_path / "again.mkv", codec, brighter).remarks == []
    assert orders_in(tmp_path / "again.mkv") == [order] * 4


@pytest.mark.parametrize("orders", [[None, "top", "bottom", None], ["top", None, "top", "top"]], ids=str)
def test_a_video_that_is_interlaced_in_part_is_written_with_a_note(
    tmp_path: Path, orders: list[FieldOrder | None]
) -> None:
    source, target = interlaced(tmp_path / "a.mkv", orders), tmp_path / "copy.mkv"
    (remark,) = transcode(source, target, Ffv1Codec(), brighter).remarks
    assert f"{4 - orders.count(None)} of its 4 frames are interlaced" in remark
    assert "the copy holds all of their lines as whole frames, and says the same of all of them" in remark
    assert torch.equal(pixels_in(target), brighter(pixels_in(source), 0))


@pytest.mark.parametrize("codec", [H264RgbCodec(), H264Codec(), PngCodec()], ids=lambda codec: codec.name)
def test_a_copy_that_cannot_say_that_it_is_interlaced_has_a_note(tmp_path: Path, codec: Codec) -> None:
    source = interlaced(tmp_path / "a.mkv", ["bottom"] * 2)
    (remark,) = transcode(source, tmp_path / f"copy{container_suffix(source, codec)}", codec, brighter).remarks
    assert "2 of its 2 frames are interlaced (2 with the bottom field first)" in remark
    assert "does not say so; ffv1 does" in remark


def test_a_progressive_video_stays_so_without_a_note(tmp_path: Path) -> None:
    source = interlaced(tmp_path / "a.mkv", [None] * 2)
    for codec in (Ffv1Codec(), H264RgbCodec()):
        assert transcode(source, tmp_path / "copy.mkv", codec, brighter).remarks == []
        assert orders_in(tmp_path / "copy.mkv") == [None] * 2


def test_a_dv_file_is_written_with_its_times_and_its_field_order(tmp_path: Path) -> None:
    source, target = tmp_path / "a.dv", tmp_path / "copy.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("dvvideo", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"  # one of the few sizes of DV
        for number in range(2):
            frame = VideoFrame.from_ndarray(np.full((864, 720), 100 + number, dtype=np.uint8), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    copied = transcode(source, target, Ffv1Codec(), brighter)
    assert torch.equal(pixels_in(target), brighter(pixels_in(source), 0))
    assert orders_in(target) == ["bottom"] * 2
    assert [frame.milliseconds for frame in read_frames(target)] == [0, 40]
    assert copied.last_shown == Fraction(1, 25)
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.field_order == BOTTOM_FIRST
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)
