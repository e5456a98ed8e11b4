"""Frames of more than eight bits a channel are read as plain arithmetic on their planes gives them."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lsap_cli.video.reading import read_frames

SIDE = 128  # x265 is unsteady where a frame is as small as its units
RED, BLUE = 0.299, 0.114  # BT.601
GREEN = 1 - RED - BLUE

Plane = NDArray[np.float64]


def enlarged(plane: Plane, axis: int, beside: bool) -> Plane:
    """A plane of half the size by linear interpolation; `beside`: each sample lies between two pixels, not on one."""
    if plane.shape[axis] == SIDE:
        return plane
    places = np.clip((np.arange(SIDE) - (0.5 if beside else 0)) / 2, 0, SIDE // 2 - 1)
    below = places.astype(int)
    above = np.minimum(below + 1, SIDE // 2 - 1)
    share = np.expand_dims(places - below, 1 - axis)
    return np.asarray(np.take(plane, below, axis) * (1 - share) + np.take(plane, above, axis) * share)


def converted(frame: VideoFrame, left: bool) -> Plane:
    """(3, H, W) levels of 0 to 255 in floating point; `left`: chroma lies on every second pixel of a row."""
    scale = 2 ** (frame.format.components[0].bits - 8)
    planes = [
        np.frombuffer(bytes(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width] / scale
        for plane in frame.planes
    ]
    luma = (planes[0] - 16) / 219
    blue, red = ((enlarged(enlarged(one, 1, not left), 0, True) - 128) / 224 for one in planes[1:])
    reds, blues = luma + 2 * (1 - RED) * red, luma + 2 * (1 - BLUE) * blue
    return np.asarray(np.stack([reds, (luma - RED * reds - BLUE * blues) / GREEN, blues]) * 255).clip(0, 255)


@pytest.mark.parametrize(
    ("encoder", "pixel_format", "left"),
    [
        ("libx264", "yuv420p10le", True),  # H.264 and H.265 say nothing else
        ("libx265", "yuv420p10le", True),
        ("ffv1", "yuv420p10le", False),  # FFV1 does not say where chroma lies
        ("ffv1", "yuv422p10le", False),
        ("ffv1", "yuv444p12le", False),
    ],
)
def test_deep_colors_are_read_as_exact_arithmetic_gives_them(
    tmp_path: Path, encoder: str, pixel_format: str, left: bool
) -> None:
    path = tmp_path / "a.mkv"
    blocks = np.random.default_rng(0).integers(0, 256, (2, SIDE // 4, SIDE // 4, 3), dtype=np.uint8)
    pictures = blocks.repeat(4, 1).repeat(4, 2)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            encoder, rate=25, options={"x265-params": "log-level=none:bframes=0:pools=none:frame-threads=1"}
        )
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, pixel_format
        for picture in pictures:
            out.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)))
        out.mux(stream.encode(None))
    with av.open(str(path)) as file:
        exact = [converted(frame, left) for frame in file.decode(video=0)]
    read = [frame.pixels.numpy().astype(float) for frame in read_frames(path)]
    assert len(read) == len(exact) == 2
    for ours, right in zip(read, exact, strict=True):
        assert np.abs(ours - right).max() < 0.6  # rounding to whole levels, and swscale's own fixed point
        assert abs((ours - right).mean()) < 0.05
