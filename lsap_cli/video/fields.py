"""Interlaced videos: which field is shown first, read of their frames, and said by the containers of their copies.

A frame is decoded, changed and written whole: all of its lines, those of both fields. That its lines belong to two
fields is said by the container alone: some readers (OpenCV 5.0) give wrong pictures where a frame itself is flagged.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import av
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

FieldOrder = Literal["top", "bottom"]
IN_WORDS: Mapping[FieldOrder, str] = {"top": "with the top field first", "bottom": "with the bottom field first"}
OF_STREAM: Mapping[int, FieldOrder] = {2: "top", 3: "bottom", 4: "bottom", 5: "top"}  # AVFieldOrder, as it is shown
CONTAINERS = (".mkv",)  # that say it of any codec


class FieldOrderReader:
    """Reads the field order of one video's frames; FFmpeg's filters know it, and PyAV has no name for it.

    Args:
        stream: the video, whose container may say what its frames do not.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._of_stream = OF_STREAM.get(int(stream.codec_context.field_order))
        self._graph: Graph | None = None

    def order_of(self, frame: VideoFrame) -> FieldOrder | None:
        """Which field is shown first; None: the frame is not interlaced."""
        if not frame.interlaced_frame:
            return self._of_stream
        if self._graph is None:
            self._graph = _graph_of_top_first(frame)
        self._graph.push(frame)
        try:
            self._graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return "bottom"
        return "top"


def field_options(order: FieldOrder | None, suffix: str) -> dict[str, str]:
    """An encoder's options with which its file says the field order; none where there is none, or no file says it."""
    return {"field_order": {"top": "tt", "bottom": "bb"}[order]} if order and suffix in CONTAINERS else {}


def lost_fields(orders: Mapping[FieldOrder | None, int], suffix: str) -> list[str]:
    """The sentence on a copy that does not say as its source does which frames are interlaced, and how.

    Args:
        orders: how many of the source's frames have each field order.
        suffix: of the copy.
    """
    interlaced = {order: count for order, count in orders.items() if order is not None and count}
    kept = suffix in CONTAINERS
    if not interlaced or (kept and len(orders) == 1):
        return []
    known = ", ".join(f"{count} {IN_WORDS[order]}" for order, count in sorted(interlaced.items()))
    says = "says the same of all of them" if kept else "does not say so; ffv1 does, as any Matroska file"
    return [
        f"{sum(interlaced.values())} of its {sum(orders.values())} frames are interlaced ({known}); the copy holds all "
        f"of their lines as whole frames, and {says}"
    ]


def _graph_of_top_first(frame: VideoFrame) -> Graph:
    """Filters that let a frame through whose top field is shown first, and no other."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(frame.time_base or 1)
    )
    chosen, sink = graph.add("select", "eq(interlace_type,TOPFIRST)"), graph.add("buffersink")
    source.link_to(chosen)
    chosen.link_to(sink)
    graph.configure()
    return graph
