"""The border to FFmpeg's frames: everything that a decoded frame is asked for is asked here.

FFmpeg and PyAV refuse some frames only when they are looked at: colors that cannot be converted, side data without a
name in PyAV. Each refusal becomes an `UnreadableVideo`, so that one such video never ends a run.
"""

from __future__ import annotations  # torch is imported where frames become tensors: headers are read without it

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from lsap_cli.video.orientation import Orientation

if TYPE_CHECKING:
    from torch import Tensor

MATRICES = {  # ITU-T H.273; those that swscale does not convert
    3: "a reserved matrix",
    8: "YCgCo",
    10: "BT.2020 with constant luminance",
    11: "SMPTE ST 2085",
    12: "a matrix derived from the primaries",
    13: "a matrix derived from the primaries, with constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
MOST_PIXELS = 2**26  # 8192 x 8192: a header that claims more is not believed
LAST_SIDE_DATA = 63  # of AVFrameSideDataType: beyond the last that FFmpeg has


class UnreadableVideo(Exception):
    """A file that cannot be used as a video; the message is the reason, without the file's name."""


class FrameConverter:
    """Turns decoded frames into upright RGB bytes. One for a video: it keeps the conversion that it has set up."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def upright_pixels(self, frame: VideoFrame) -> Tensor:
        """A frame as it is to be looked at: (3, H, W) uint8, a view of (H, W, 3) memory.

        Eight bits a channel are converted as OpenCV, decord and torchcodec do; deeper ones without that rounding,
        which makes them darker.

        Raises:
            UnreadableVideo: if its colors cannot be converted.
        """
        import torch

        from defenses.encoding import UNBIASED_CONVERSION

        with frame_border(frame):
            rounding = {"interpolation": UNBIASED_CONVERSION} if bits_per_channel(frame) > 8 else {}
            array = self._reformatter.reformat(frame, format="rgb24", **rounding).to_ndarray()
        return torch.from_numpy(orientation_of(frame).upright(array.astype(np.uint8, copy=False))).permute(2, 0, 1)


@contextmanager
def frame_border(frame: VideoFrame) -> Iterator[None]:
    """Turns FFmpeg's error about a frame into the reason why its video cannot be used."""
    try:
        yield
    except (av.FFmpegError, OSError, ValueError, NotImplementedError) as error:
        matrix = MATRICES.get(int(frame.colorspace))
        if matrix is not None:
            raise UnreadableVideo(
                f"its colors are stored in {matrix} (matrix {int(frame.colorspace)}), which cannot be converted to RGB "
                "here; convert it to BT.709 first"
            ) from None
        raise UnreadableVideo(f"its frames cannot be converted to RGB ({reason_of(error)})") from None


def orientation_of(frame: VideoFrame) -> Orientation:
    """How the stored frame is to be looked at.

    Raises:
        UnreadableVideo: if its side data cannot be read.
    """
    return Orientation.of(side_data(frame))


def upright_size(frame: VideoFrame) -> tuple[int, int]:
    """Height and width of the frame as it is to be looked at."""
    return (frame.width, frame.height) if orientation_of(frame).transposed else (frame.height, frame.width)


def bits_per_channel(frame: VideoFrame) -> int:
    """The depth of its deepest channel."""
    return max((component.bits for component in frame.format.components), default=8)


def side_data(frame: VideoFrame) -> dict[SideDataType, bytes]:
    """The side data of a frame, by kind.

    Raises:
        UnreadableVideo: if it cannot be read.
    """
    with frame_border(frame):
        try:
            return _read_side_data(frame)
        except ValueError:  # a kind that PyAV has no name for (Exif, view identifiers): the others are read without it
            return _read_side_data(_without_unnamed_side_data(frame))


def is_transparent(frame: VideoFrame) -> bool:
    """Whether any pixel lets something through.

    Raises:
        UnreadableVideo: if its colors cannot be converted.
    """
    with frame_border(frame):
        return bool((frame.to_ndarray(format="rgba")[..., 3] != 255).any())


def ffmpeg_version() -> str:
    """FFmpeg's own version and those of its libraries, which PyAV brings or the system does."""
    libraries = (f"{name} {'.'.join(map(str, number))}" for name, number in sorted(av.library_versions.items()))
    return f"{av.ffmpeg_version_info} ({', '.join(libraries)})"


def reason_of(error: Exception) -> str:
    """The message of FFmpeg or the system, without the file's name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _read_side_data(frame: VideoFrame) -> dict[SideDataType, bytes]:
    # Not frame.side_data: a frame that was asked for it holds what holds the frame, and its pixels stay in memory until
    # Python looks for such rings, which is after hundreds of frames.
    entries = SideDataContainer(frame)  # type: ignore[call-arg]  # PyAV's stub lacks its argument
    return {one.type: bytes(one) for one in entries}


def _without_unnamed_side_data(frame: VideoFrame) -> VideoFrame:
    graph = Graph()
    tick = Fraction(frame.time_base or 1)
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=tick)
    last = source
    for number in range(LAST_SIDE_DATA + 1):
        if number not in SideDataType._value2member_map_:
            removal = graph.add("sidedata", f"mode=delete:type={number}")
            last.link_to(removal)
            last = removal
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    source.push(frame)
    pulled = sink.pull()
    assert isinstance(pulled, VideoFrame)  # the graph has pictures only
    return pulled
