"""What 8-bit RGB frames cannot hold is refused in one sentence; what a copy cannot hold is named."""

import struct
from collections.abc import Iterable
from fractions import Fraction

from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream

from lsap_cli.video.demuxing import file_of, tracks_with_packets, video_tracks
from lsap_cli.video.frames import UnreadableVideo, is_transparent, side_data
from lsap_cli.video.hevc_layers import hevc_layers
from lsap_cli.video.matroska import shown_differently
from lsap_cli.video.mp4_boxes import cropped_by_aperture
from lsap_cli.video.orientation import is_quarter_turn
from lsap_cli.video.stream_packets import StreamSpan, codec_name

HDR = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
FLAT = bytes(4)  # of stereoscopic side data: the kind "two dimensions"
TRANSPARENT = ("bgra", "rgba", "argb", "abgr", "yuva", "gbrap", "ya8", "pal8")
LENGTH_IN_HEADER = frozenset({"flv", "matroska,webm"})  # of the whole file; for mp4 and AVI see `stated_end`
LONGEST_PACKET = Fraction(1, 5)  # seconds, of sound whose packets do not say how long they are
OVERLONG = 2  # times the length that a file claims; a second more is nothing
LOST = {
    SideDataType.A53_CC: "the closed captions inside of its pictures are not copied",
    SideDataType.STEREO3D: "that its pictures are stereoscopic is not copied",
    SideDataType.SPHERICAL: "that its pictures are spherical is not copied",
    SideDataType.ICC_PROFILE: "the color profile of its pictures is not copied",
    SideDataType.AFD: "which part of its pictures is active is not copied",
}


def check_stream(container: InputContainer, stream: VideoStream) -> None:
    """Refuses a file whose video would lose something.

    Raises:
        UnreadableVideo: if it has several videos, more than 8 bits, a high dynamic range, or hidden transparency.
    """
    context = stream.codec_context
    tracks = video_tracks(container)
    if len(tracks) > 1:
        filled = tracks_with_packets(file_of(container), [track.index for track in tracks])
        if len(filled) > 1:
            raise UnreadableVideo(
                f"it has {len(filled)} video streams, and only one would be changed; split it into one file for each"
            )
    if context.format is not None:
        _check_depth(context.format)
    if int(context.color_trc) in HDR:
        raise UnreadableVideo(
            f"it has a high dynamic range ({HDR[int(context.color_trc)]}), which 8 bits cannot hold; tone-map it to "
            "SDR first"
        )
    if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
        raise UnreadableVideo("it has a transparency channel, which would be lost; make it opaque first")


def check_frame(frame: VideoFrame) -> set[str]:
    """Refuses a frame that would lose something of its pixels, and names what else it would lose.

    Returns:
        Sentences on what is not copied.

    Raises:
        UnreadableVideo: if it is deeper than 8 bits, transparent, or turned by an odd angle.
    """
    _check_depth(frame.format)
    if frame.format.name.startswith(TRANSPARENT) and is_transparent(frame):
        raise UnreadableVideo("it has transparent pixels, which would be lost; make it opaque first")
    present = side_data(frame)
    if SideDataType.DISPLAYMATRIX in present:
        _check_matrix(present[SideDataType.DISPLAYMATRIX])
    if present.get(SideDataType.STEREO3D, FLAT)[: len(FLAT)] == FLAT:
        present.pop(SideDataType.STEREO3D, None)
    return {sentence for kind, sentence in LOST.items() if kind in present}


def lost_in_copy(container: InputContainer, of_frames: set[str]) -> list[str]:
    """Sentences on what a copy does not keep of how pictures are to be shown.

    Args:
        container: the source.
        of_frames: what `check_frame` gave of its frames.
    """
    of_container: list[str] = []
    if "matroska" in container.format.name:
        of_container = shown_differently(file_of(container))
    elif "mp4" in container.format.name:
        of_container = cropped_by_aperture(file_of(container))
    twice = {LOST[SideDataType.STEREO3D]} if any("stereoscopic" in one for one in of_container) else set()
    return of_container + _other_layers(container) + sorted(of_frames - twice)


def cut_short(container: InputContainer, end: Fraction, patience: Fraction) -> list[str]:
    """The sentence on a file that ends before its header says, as one does whose download or recording broke off.

    Args:
        container: the source.
        end: seconds at which the last of what can be read ends.
        patience: seconds within which another frame would have been shown.
    """
    if not container.duration or container.format.name not in LENGTH_IN_HEADER:
        return []
    length = Fraction(container.duration, 1_000_000)
    if length - end <= patience + LONGEST_PACKET:
        return []
    return [
        f"its header says that it lasts {float(length):.3f} s; what can be read of it ends at {float(end):.3f} s: it "
        "may have been cut off"
    ]


def overlong_streams(container: InputContainer, start: Fraction, spans: Iterable[StreamSpan]) -> list[str]:
    """Sentences on streams beside the pictures whose packets go on for far longer than the file says that it lasts.

    They are copied with the times that they have.

    Args:
        container: the source.
        start: seconds of its clock at which its first frame is shown.
        spans: of the copied streams, by its clock.
    """
    claimed = Fraction(container.duration or 0, 1_000_000)
    if claimed <= 0:
        return []
    ends = ((one, one.end - start) for one in spans)
    return [
        f"the packets of stream {one.index} ({one.kind}) go on until {float(end):.3f} s after the first frame, in the "
        f"source as in the copy; the source says that it is {float(claimed):.3f} s long, the copy does not"
        for one, end in ends
        if end > OVERLONG * claimed + 1
    ]


def _other_layers(container: InputContainer) -> list[str]:
    """The sentence on layers that FFmpeg passes over: the second view of a spatial video, depth, transparency."""
    counts = [hevc_layers(one.codec_context.extradata) for one in video_tracks(container) if codec_name(one) == "hevc"]
    return [
        f"it holds {count} layers of pictures (other views, depth or transparency), the copy has the first alone"
        for count in counts
        if count > 1
    ]


def _check_depth(form: VideoFormat) -> None:
    bits = max((component.bits for component in form.components), default=8)
    if bits > 8:
        raise UnreadableVideo(
            f"it has {bits} bits a channel ({form.name}) and would lose some; convert it to 8 bits first"
        )


def _check_matrix(matrix: bytes) -> None:
    try:
        quarter = is_quarter_turn(matrix)
    except struct.error:
        raise UnreadableVideo("it says in a damaged way how it is to be turned") from None
    if not quarter:
        raise UnreadableVideo("it is to be shown turned by an odd angle, which would be lost; store it upright first")
