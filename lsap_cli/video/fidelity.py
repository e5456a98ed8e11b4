"""What 8-bit RGB frames cannot hold is refused in one sentence, never flattened in silence."""

import struct

from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream

from lsap_cli.video.reading import UnreadableVideo, is_cover

HDR = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
TRANSPARENT = ("bgra", "rgba", "argb", "abgr", "yuva", "gbrap", "ya8", "pal8")


def check_stream(container: InputContainer, stream: VideoStream) -> None:
    """Refuses a file whose video would lose something.

    Raises:
        UnreadableVideo: if it has several videos, more than 8 bits, a high dynamic range, or hidden transparency.
    """
    context = stream.codec_context
    videos = [one for one in container.streams.video if not is_cover(one)]
    if len(videos) > 1:
        raise UnreadableVideo(
            f"it has {len(videos)} video streams, and only one would be changed; split it into one file for each"
        )
    if context.format is not None:
        _check_depth(context.format)
    if int(context.color_trc) in HDR:
        raise UnreadableVideo(
            f"it has a high dynamic range ({HDR[int(context.color_trc)]}), which 8 bits cannot hold; tone-map it to SDR first"
        )
    if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
        raise UnreadableVideo("it has a transparency channel, which would be lost; make it opaque first")


def check_frame(frame: VideoFrame) -> None:
    """Refuses a frame that would lose something.

    Raises:
        UnreadableVideo: if it is interlaced, deeper than 8 bits, transparent, mirrored, or turned by an odd angle.
    """
    _check_depth(frame.format)
    if frame.interlaced_frame:
        raise UnreadableVideo("it is interlaced, and its fields would be lost; deinterlace it first")
    if frame.format.name.startswith(TRANSPARENT) and _is_transparent(frame):
        raise UnreadableVideo("it has transparent pixels, which would be lost; make it opaque first")
    if Type.DISPLAYMATRIX in frame.side_data:
        _check_matrix(bytes(frame.side_data[Type.DISPLAYMATRIX]))  # type: ignore[typeddict-item]  # wrong in PyAV's stub


def _check_depth(form: VideoFormat) -> None:
    bits = max((component.bits for component in form.components), default=8)
    if bits > 8:
        raise UnreadableVideo(
            f"it has {bits} bits a channel ({form.name}) and would lose some; convert it to 8 bits first"
        )


def _is_transparent(frame: VideoFrame) -> bool:
    return bool((frame.to_ndarray(format="rgba")[..., 3] != 255).any())


def _check_matrix(matrix: bytes) -> None:
    """A display matrix (ISO 14496-12) may turn by quarters, and nothing else."""
    a, b, _, c, d, *_ = struct.unpack("<9i", matrix)
    if a * d - b * c < 0:
        raise UnreadableVideo("it is to be shown mirrored, which would be lost; store it as it is shown first")
    if (a or d) and (b or c):
        raise UnreadableVideo("it is to be shown turned by an odd angle, which would be lost; store it upright first")
