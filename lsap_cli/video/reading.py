"""Reading video files: frames as they are shown, with the moment each one appears.

Frames come upright (the file's rotation is applied), as RGB bytes. Moments are whole milliseconds from the
first frame, so that a file and its lossless copy in another container have the same ones.
"""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import torch
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from torch import Tensor

from lsap_cli.video.codecs import Threads
from lsap_cli.video.picture_folders import is_picture_folder, read_pictures

MOST_PIXELS = 2**26  # 8192 x 8192: a header that claims more is not believed
HELD_BYTES = 2**29  # of a video's decoded frames that are held: about 4600 of 320 x 240, 380 of 1280 x 720
REORDERED = 16  # frames whose timestamps can be out of order: the most that H.264 and H.265 reorder

# A file from a stranger may be a playlist with a video's name: only demuxers that stay inside of the file are let in.
DEMUXERS = """aac ac3 aiff amr ape asf av1 avi dv eac3 flac flv gif h264 hevc ivf m4v matroska mjpeg mov mp3 mpeg mpegts
    mpegvideo mxf nut obu ogg pcm_s16le rm vc1 w64 wav webm yuv4mpegpipe"""
OPENING = {"format_whitelist": ",".join(DEMUXERS.split()), "protocol_whitelist": "file"}


class UnreadableVideo(Exception):
    """A file that cannot be used as a video; the message says why, without the file's name."""


class Frame(NamedTuple):
    """One decoded frame."""

    pixels: Tensor  # (3, H, W) uint8, a view of (H, W, 3) memory
    milliseconds: int  # from the first frame


class FrameTimes(NamedTuple):
    """What a video file holds, after one look at all of its frames."""

    times: Tensor  # (N,) int64, milliseconds from the first frame, never falling
    height: int  # of the upright frames
    width: int


class Decoded(NamedTuple):
    """A frame as the decoder gives it."""

    frame: VideoFrame
    seconds: Fraction  # its timestamp in the file
    milliseconds: int  # from the first frame


class VideoHeader(NamedTuple):
    """What the container says of its first video stream."""

    codec: str
    pixel_format: str
    width: int  # as stored, before rotation
    height: int
    rate: Fraction  # frames a second, on average
    frames: int  # as the header claims, or from duration and rate; 0 where it says neither


@contextmanager
def opened(path: Path, threads: Threads) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video stream, closed afterwards.

    Raises:
        UnreadableVideo: if the file is empty, cannot be opened or has no video stream.
    """
    try:
        if path.stat().st_size == 0:
            raise UnreadableVideo("it is empty (0 bytes)")
        container = av.open(f"file:{path}", metadata_errors="replace", options=OPENING)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideo(f"it cannot be opened as a video ({_reason(error)})") from None
    with container:
        stream = next((stream for stream in container.streams.video if not is_cover(stream)), None)
        if stream is None:
            sound = " (it has sound only)" if container.streams.audio else ""
            raise UnreadableVideo(f"it has no video stream{sound}")
        context = stream.codec_context
        if context is None:
            raise UnreadableVideo("its video is in a format that no decoder here knows")
        if context.width * context.height > MOST_PIXELS:
            raise UnreadableVideo(f"its header claims {context.width} x {context.height} pixels, more than is believed")
        context.options = {"max_pixels": str(MOST_PIXELS)}  # the frames' own headers are believed no more
        stream.thread_type = "AUTO" if threads == "many" else "NONE"
        yield container, stream


def read_header(path: Path) -> VideoHeader:
    """The first video stream's description.

    Raises:
        UnreadableVideo: see `opened`.
    """
    with opened(path, "one") as (container, stream):
        context = stream.codec_context
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        seconds = (container.duration or 0) / 1_000_000
        frames = stream.frames or int(max(seconds, 0) * rate)
        return VideoHeader(
            context.name, context.pix_fmt or "unknown", context.width, context.height, Fraction(rate), frames
        )


def read_frames(path: Path, threads: Threads = "many") -> Iterator[Frame]:
    """All frames of a video in order, decoded as they are asked for: memory does not grow with the length.

    Raises:
        UnreadableVideo: if it cannot be opened, holds no frame, or cannot be decoded to its end.
    """
    reformatter = VideoReformatter()
    for frame, _, milliseconds in _decoded(path, threads):
        yield Frame(upright_pixels(frame, reformatter), milliseconds)


def read_frame_times(path: Path) -> FrameTimes:
    """One look at all frames, without turning them into pixels: how many, when, how large.

    Raises:
        UnreadableVideo: see `read_frames`.
    """
    times: list[int] = []
    height = width = 0
    for frame, _, milliseconds in _decoded(path, "many"):
        if not times:
            height, width = (frame.width, frame.height) if quarter_turns(frame) % 2 else (frame.height, frame.width)
        times.append(milliseconds)
    return FrameTimes(torch.tensor(times, dtype=torch.int64), height, width)


class FrameReader:
    """A video that is decoded once: when its frames appear, and the frames, as the decoder gave them.

    Frames of more than `most` bytes (as the decoder holds them) are not kept; they are decoded again when they are asked for.

    Attributes:
        times: (N,) int64, milliseconds from the first frame, never falling.
        height: of the upright frames.
        width: likewise.

    Raises:
        UnreadableVideo: see `read_frames`.
    """

    def __init__(self, path: Path, most: int = HELD_BYTES) -> None:
        self._path = path
        self._held: list[VideoFrame] | None = []
        self.height = self.width = 0
        times: list[int] = []
        size = 0
        for frame, _, milliseconds in _decoded(path, "many"):
            if not times:
                turned = quarter_turns(frame) % 2
                self.height, self.width = (frame.width, frame.height) if turned else (frame.height, frame.width)
            times.append(milliseconds)
            size += sum(plane.buffer_size for plane in frame.planes)
            if size > most:
                self._held = None
            if self._held is not None:
                self._held.append(frame)
        self.times = torch.tensor(times, dtype=torch.int64)

    def frames(self, numbers: Tensor) -> Tensor:
        """The frames with these numbers: (S,) int64, sorted and unique -> (S, 3, H, W) uint8.

        Raises:
            UnreadableVideo: if the file has to be read again and has changed.
        """
        if self._held is None:
            return read_some_frames(self._path, numbers)
        reformatter = VideoReformatter()
        return torch.stack([upright_pixels(self._held[number], reformatter) for number in numbers.tolist()])


def count_frames(path: Path, report: Callable[[int], object]) -> int:
    """How many frames can be decoded; `report` hears of each.

    Raises:
        UnreadableVideo: see `read_frames`.
    """
    count = 0
    for count, _ in enumerate(_decoded(path, "many"), start=1):
        report(count)
    return count


def read_some_frames(path: Path, numbers: Tensor) -> Tensor:
    """The frames with these numbers.

    Args:
        path: the video.
        numbers: (S,) int64, sorted and unique.

    Returns:
        (S, 3, H, W) uint8.

    Raises:
        UnreadableVideo: see `read_frames`; also if the video changed and has fewer frames now.
    """
    wanted = numbers.tolist()
    chosen: list[Tensor] = []
    reformatter = VideoReformatter()
    for number, (frame, _, _) in enumerate(_decoded(path, "many")):
        if number == wanted[len(chosen)]:
            chosen.append(upright_pixels(frame, reformatter))
            if len(chosen) == len(wanted):
                return torch.stack(chosen)
    raise UnreadableVideo(f"it ends before frame {wanted[len(chosen)]}")


def _decoded(path: Path, threads: Threads) -> Iterator[Decoded]:
    count = 0
    for item in _decoded_pictures(path) if is_picture_folder(path) else _decoded_file(path, threads):
        yield item
        count += 1
    if count == 0:
        raise UnreadableVideo("it has a video stream but no frame in it can be decoded")


def _decoded_file(path: Path, threads: Threads) -> Iterator[Decoded]:
    with opened(path, threads) as (container, stream):
        for item in decoded_with_others(container, stream, ()):
            if isinstance(item, Decoded):
                yield item


def _decoded_pictures(path: Path) -> Iterator[Decoded]:
    try:
        for pixels, milliseconds in read_pictures(path):
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
            yield Decoded(frame, Fraction(milliseconds, 1000), milliseconds)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise UnreadableVideo(f"its frames cannot be read ({error})") from None


def decoded_with_others(
    container: InputContainer, stream: VideoStream, others: Sequence[Stream]
) -> Iterator[Decoded | Packet[Any]]:
    """Decoded frames of one size in the order of showing, and between them the packets of other streams.

    Where a damaged file gives its frames in order but their timestamps not, the timestamps are put in order, a few
    frames at a time.

    Raises:
        UnreadableVideo: if the frames change their size, cannot be decoded to the end, or are more than its bytes.
    """
    most = Path(container.name.removeprefix("file:")).stat().st_size
    waiting: deque[VideoFrame] = deque()
    stamps: list[Fraction] = []
    clock = _Milliseconds()
    try:
        for item in _demuxed(container, stream, others):
            if isinstance(item, Packet):
                yield item
                continue
            if clock.count + len(waiting) >= most:  # an index can name one piece again and again
                raise UnreadableVideo(f"it gives more frames than it has bytes ({most})")
            frame, seconds = item
            waiting.append(frame)
            heapq.heappush(stamps, seconds)
            if len(waiting) > REORDERED:
                yield clock.decoded(waiting.popleft(), heapq.heappop(stamps))
    except av.FFmpegError as error:
        raise UnreadableVideo(
            f"it cannot be decoded past frame {clock.count + len(waiting)} ({_reason(error)})"
        ) from None
    while waiting:
        yield clock.decoded(waiting.popleft(), heapq.heappop(stamps))


class _Milliseconds:
    """Counts frames, and their whole milliseconds from the first."""

    def __init__(self) -> None:
        self.count = 0
        self._first = Fraction(0)
        self._last = 0

    def decoded(self, frame: VideoFrame, seconds: Fraction) -> Decoded:
        if self.count == 0:
            self._first = seconds
        self.count += 1
        self._last = max(round((seconds - self._first) * 1000), self._last)
        return Decoded(frame, seconds, self._last)


def _demuxed(
    container: InputContainer, stream: VideoStream, others: Sequence[Stream]
) -> Iterator[tuple[VideoFrame, Fraction] | Packet[Any]]:
    """Frames with their own timestamps, and others' packets; a frame without a timestamp follows at the average rate."""
    interval = 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)
    next_seconds = Fraction(0)
    counts_packets = container.format.name == "avi"  # it stores no timestamps: those of B-frames are guesses
    size: tuple[int, int] | None = None
    for packet in container.demux([stream, *others]):
        if packet.stream.index != stream.index:
            if packet.size:  # an empty one marks the end
                yield packet
            continue
        for frame in packet.decode():
            assert isinstance(frame, VideoFrame)  # the stream is a video stream
            if frame.is_corrupt:
                raise UnreadableVideo("it holds a frame that is damaged")
            size = size or (frame.width, frame.height)
            if (frame.width, frame.height) != size:
                raise UnreadableVideo(
                    f"its frames change from {size[0]} x {size[1]} to {frame.width} x {frame.height} on the way"
                )
            stamp = frame.dts if counts_packets else frame.pts
            seconds = next_seconds if stamp is None or frame.time_base is None else stamp * Fraction(frame.time_base)
            next_seconds = seconds + interval
            yield frame, seconds


def upright_pixels(frame: VideoFrame, reformatter: VideoReformatter) -> Tensor:
    """A frame's bytes as it is to be looked at: (3, H, W) uint8."""
    array = reformatter.reformat(frame, format="rgb24").to_ndarray()
    turns = quarter_turns(frame)
    upright = np.ascontiguousarray(np.rot90(array, turns)) if turns else array
    return torch.from_numpy(upright).permute(2, 0, 1)


def quarter_turns(frame: VideoFrame) -> int:
    """How often the stored frame is turned by 90 degrees, against the clock, to stand upright."""
    return round(frame.rotation / 90) % 4


def is_cover(stream: VideoStream) -> bool:
    """Whether a video stream is a cover picture."""
    return bool(stream.disposition & stream.disposition.attached_pic)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
