"""Reading video files: frames as they are shown, with the time that each one appears.

Frames come upright (the file's rotation is applied), as RGB bytes. Times are whole milliseconds from the
first frame, so that a file and its lossless copy in another container have the same ones.
"""

from __future__ import annotations  # torch is imported where frames are read: headers are read without it

from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from av.video.frame import VideoFrame

from lsap_cli.video.demuxing import DecodedFrame, count_packets, decoded_file, frame_rate, opened
from lsap_cli.video.frames import FrameConverter, UnreadableVideo, upright_size
from lsap_cli.video.media import Media, VideoPart, local_file
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.parts import PartFrames, nothing_in
from lsap_cli.video.picture_folders import is_picture_folder, read_pictures
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.threads import DecoderThreads

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Frame",
    "FrameReader",
    "FrameTimes",
    "UnreadableVideo",
    "VideoHeader",
    "count_frames",
    "read_frame_times",
    "read_frames",
    "read_header",
    "read_some_frames",
]

LIMIT_SHARE = 8  # of the memory limit, that they may take
HELD_BYTES = 2**29  # of a video's decoded frames that are held: about 4600 of 320 x 240, 380 of 1280 x 720


class Frame(NamedTuple):
    """One decoded frame."""

    pixels: Tensor  # (3, H, W) uint8, a view of (H, W, 3) memory
    milliseconds: int  # from the first frame
    seconds: Fraction  # its timestamp in the file
    duration: Fraction | None  # seconds that it is shown, where the file says it


class FrameTimes(NamedTuple):
    """What a video file holds, after one look at all of its frames."""

    times: Tensor  # (N,) int64, milliseconds from the first frame, never falling
    height: int  # of the upright frames
    width: int


class VideoHeader(NamedTuple):
    """The container's facts on its first video stream."""

    codec: str
    pixel_format: str
    width: int  # as stored, before rotation
    height: int
    rate: Fraction  # frames a second
    frames: int  # as the header claims, or from duration and rate, or counted in packets; of a part, about how many


def read_header(media: Media) -> VideoHeader:
    """The first video stream's description.

    The frames of a file that does not say how long it is (a raw stream) are counted, of a large one in a part of it.

    Raises:
        UnreadableVideo: if the file is empty, cannot be opened or has no video stream.
    """
    if isinstance(media, PictureSequence):
        (height, width), pictures = media.size(), media.pictures()
        codec = pictures[0].path.suffix.removeprefix(".").lower()
        return VideoHeader(codec, "rgb24", width, height, media.fps, len(pictures))
    with local_file(media) as path, opened(path, "one") as (container, stream):
        context = stream.codec_context
        rate = frame_rate(container, stream)
        seconds = (container.duration or 0) / 1_000_000
        frames = stream.frames or int(max(seconds, 0) * rate) or count_packets(path, stream.index)
        if isinstance(media, VideoPart):
            frames = media.span.frames_of(frames, rate)
        return VideoHeader(context.name, context.pix_fmt or "unknown", context.width, context.height, rate, frames)


def read_frames(media: Media, threads: DecoderThreads = "many") -> Generator[Frame]:
    """All frames of a video in order, decoded as they are asked for: memory does not grow with the length.

    Raises:
        UnreadableVideo: if it cannot be opened, holds no frame, or cannot be decoded to its end.
    """
    converter = FrameConverter()
    for decoded in read_decoded(media, threads):
        pixels = converter.upright_pixels(decoded.frame)
        yield Frame(pixels, decoded.milliseconds, decoded.seconds, decoded.duration)


def read_frame_times(media: Media) -> FrameTimes:
    """One look at all frames, without turning them into pixels: how many, when, how large.

    Raises:
        UnreadableVideo: see `read_frames`.
    """
    import torch

    times: list[int] = []
    height = width = 0
    for decoded in read_decoded(media, "many"):
        if not times:
            height, width = upright_size(decoded.frame)
        times.append(decoded.milliseconds)
    return FrameTimes(torch.tensor(times, dtype=torch.int64), height, width)


class FrameReader:
    """A video that is decoded once: when its frames appear, and the frames, as the decoder gave them.

    Frames of more than `held_bytes` (as the decoder holds them) are not kept; they are decoded again when they are
    asked for.

    Attributes:
        times: (N,) int64, milliseconds from the first frame, never falling.
        height: of the upright frames.
        width: likewise.
        memory_bytes: of the frames that are kept.

    Raises:
        UnreadableVideo: see `read_frames`.
    """

    def __init__(self, media: Media, held_bytes: int = HELD_BYTES) -> None:
        import torch

        self._media = media
        self._held: list[VideoFrame] | None = []
        self.height = self.width = 0
        times: list[int] = []
        size = 0
        for decoded in read_decoded(media, "many"):
            if not times:
                self.height, self.width = upright_size(decoded.frame)
            times.append(decoded.milliseconds)
            size += sum(plane.buffer_size for plane in decoded.frame.planes)
            if size > min(held_bytes, memory_limit() // LIMIT_SHARE):
                self._held = None
            if self._held is not None:
                self._held.append(decoded.frame)
        self.times = torch.tensor(times, dtype=torch.int64)
        self.memory_bytes = 0 if self._held is None else size

    def frames(self, indices: Tensor) -> Tensor:
        """Some frames: (S,) int64 indices, sorted and unique -> (S, 3, H, W) uint8.

        Raises:
            UnreadableVideo: if its colors cannot be converted, or the file has to be read again and has changed.
        """
        if self._held is None:
            return read_some_frames(self._media, indices)
        converter = FrameConverter()
        return _stacked([converter.upright_pixels(self._held[index]) for index in indices.tolist()])


def _stacked(frames: list[Tensor]) -> Tensor:
    """Frames (3, H, W) as one (S, 3, H, W), the colors of a pixel side by side in memory as those of each frame."""
    import torch

    return torch.stack([frame.permute(1, 2, 0) for frame in frames]).permute(0, 3, 1, 2)


def count_frames(media: Media, report: Callable[[int], object]) -> int:
    """How many frames can be decoded; `report` is called with the count at each.

    Raises:
        UnreadableVideo: see `read_frames`.
    """
    count = 0
    for count, _ in enumerate(read_decoded(media, "many"), start=1):
        report(count)
    return count


def read_some_frames(media: Media, indices: Tensor) -> Tensor:
    """Some frames of a video.

    Args:
        media: the video.
        indices: (S,) int64, sorted and unique.

    Returns:
        (S, 3, H, W) uint8.

    Raises:
        UnreadableVideo: see `read_frames`; also if the video changed and has fewer frames now.
    """
    chosen = indices.tolist()
    frames: list[Tensor] = []
    converter = FrameConverter()
    for index, decoded in enumerate(read_decoded(media, "many")):
        if index == chosen[len(frames)]:
            frames.append(converter.upright_pixels(decoded.frame))
            if len(frames) == len(chosen):
                return _stacked(frames)
    raise UnreadableVideo(f"it ends before frame {chosen[len(frames)]}")


def read_decoded(media: Media, threads: DecoderThreads = "many") -> Iterator[DecodedFrame]:
    """All frames as the decoder gives them, of a file, a part of one, or a folder of frames.

    Raises:
        UnreadableVideo: see `read_frames`.
    """
    count = 0
    for item in _decoded(media, threads):
        yield item
        count += 1
    if count == 0 and isinstance(media, VideoPart):
        raise nothing_in(media.span)
    if count == 0:
        raise UnreadableVideo("it has a video stream but no frame in it can be decoded")


def _decoded(media: Media, threads: DecoderThreads) -> Iterator[DecodedFrame]:
    if isinstance(media, PictureSequence):
        yield from _decoded_sequence(media)
        return
    if isinstance(media, VideoPart):
        yield from _decoded_part(media, threads)
        return
    with local_file(media) as path:
        yield from _decoded_pictures(path) if is_picture_folder(path) else decoded_file(path, threads)


def _decoded_part(part: VideoPart, threads: DecoderThreads) -> Iterator[DecodedFrame]:
    """The frames of a part, with times from its first one; what comes before is decoded, too: none is missed."""
    chosen = PartFrames(part.span)
    for decoded in _decoded(part.path, threads):
        taken = chosen.take(decoded)
        if taken is not None:
            yield taken
        elif chosen.ended:
            return


def _decoded_sequence(sequence: PictureSequence) -> Iterator[DecodedFrame]:
    shown = 1 / sequence.fps
    for index, pixels in enumerate(sequence.read()):
        frame = VideoFrame.from_ndarray(pixels, format="rgb24")
        yield DecodedFrame(frame, index * shown, sequence.milliseconds(index), shown)


def _decoded_pictures(path: Path) -> Iterator[DecodedFrame]:
    for picture in read_pictures(path):
        frame = VideoFrame.from_ndarray(picture.pixels, format="rgb24")
        seconds = Fraction(picture.milliseconds, 1000)
        duration = None if picture.shown_milliseconds is None else Fraction(picture.shown_milliseconds, 1000)
        yield DecodedFrame(frame, seconds, picture.milliseconds, duration)
