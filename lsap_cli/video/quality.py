"""How alike two pictures look: structural similarity, by FFmpeg's filter."""

from fractions import Fraction

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

SMALLEST = 8  # pixels a side: the filter's window
TICK = Fraction(1, 1000)


class Similarity:
    """SSIM (Wang et al. 2004) of pairs of frames of one size, the mean over red, green and blue.

    Args:
        height: of the frames, at least 8 pixels.
        width: likewise.
    """

    def __init__(self, height: int, width: int) -> None:
        graph = Graph()
        self._inputs = [
            graph.add_buffer(width=width, height=height, format=VideoFormat("rgb24"), time_base=TICK)
            for _ in ("before", "after")
        ]
        ssim = graph.add("ssim")
        self._sink = graph.add("buffersink")
        for number, source in enumerate(self._inputs):
            source.link_to(ssim, 0, number)
        ssim.link_to(self._sink)
        graph.configure()
        self._graph = graph
        self._count = 0

    def of(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
        """SSIM of two pictures (H, W, 3), at most 1."""
        for source, picture in zip(self._inputs, (before, after), strict=True):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = self._count, TICK
            source.push(frame)
        self._count += 1
        measured = self._sink.pull()
        assert isinstance(measured, VideoFrame)  # the graph has pictures only
        return float(measured.metadata["lavfi.ssim.All"])
