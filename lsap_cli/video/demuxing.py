"""Opening a video file, and its decoded frames in order, each with its time."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lsap_cli.errors import missing_text
from lsap_cli.video.frames import UnreadableVideo, reason_of
from lsap_cli.video.memory_limit import most_pixels, require_believable_size
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.timestamps import HiddenPackets, continuous_packets

REORDERED = 16  # frames whose timestamps can be out of order: the most that H.264 and H.265 reorder

# A file from a stranger may be a playlist with a video's name: only demuxers that stay inside of the file are let in.
DEMUXERS = """aac ac3 aiff amr ape apng asf av1 avi dv eac3 flac flv gif h264 hevc ivf m4v matroska mjpeg mov mp3 mpeg
    mpegts mpegvideo mxf nut obu ogg pcm_s16le rm vc1 w64 wav webm yuv4mpegpipe"""
OPENING = {"format_whitelist": ",".join(DEMUXERS.split()), "protocol_whitelist": "file"}
NAMED_DEMUXERS = {".mjpeg": "mjpeg", ".mjpg": "mjpeg"}  # FFmpeg would take them for a still picture
JPEG_START = b"\xff\xd8"
ENDS_IN_HEADER = frozenset({"avi", "mov,mp4,m4a,3gp,3g2,mj2"})
WITHOUT_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS: a raw stream
ASSUMED_RATE = 25
COUNTED_BYTES = 2**28  # of a stream that does not say how many frames it has: about a second's work


class DecodedFrame(NamedTuple):
    """A frame as the decoder gives it."""

    frame: VideoFrame
    seconds: Fraction  # its timestamp in the file
    milliseconds: int  # from the first frame
    duration: Fraction | None  # seconds that it is shown, where the file says it


@contextmanager
def opened(path: Path, threads: DecoderThreads) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video stream that has a picture, closed afterwards.

    Raises:
        UnreadableVideo: if the file is empty, cannot be opened or has no video stream.
    """
    with opened_container(path) as container:
        stream = _first_video(container, path)
        context = stream.codec_context
        if context is None:
            raise UnreadableVideo("its video is in a format that no decoder here supports")
        require_believable_size(context.width, context.height)
        context.options = {"max_pixels": str(most_pixels())}  # the frames' own headers are believed no more
        stream.thread_type = "AUTO" if threads == "many" else "NONE"
        yield container, stream


def frame_rate(container: InputContainer, stream: VideoStream) -> Fraction:
    """Frames a second: the container's average, or the stream's own rate where that is not plausible.

    A raw stream has no timestamps, and its average is 25 whatever it says; that of a DV file is its clock's rate. Of
    H.264, whose stream counts fields, FFmpeg guesses double a low rate and gives up on a high one: there the decoder's
    own rate is taken.
    """
    average, guessed = stream.average_rate, stream.guessed_rate
    raw = bool(container.format.flags & WITHOUT_TIMESTAMPS)
    if raw and stream.codec_context.name == "h264" and stream.codec_context.framerate:
        return Fraction(stream.codec_context.framerate)
    if guessed and (not average or raw or average > 2 * guessed):
        return Fraction(guessed)
    return Fraction(average or ASSUMED_RATE)


def assumed_rate(container: InputContainer, stream: VideoStream) -> list[str]:
    """The sentence on a raw stream that does not say how many frames a second it has."""
    if not container.format.flags & WITHOUT_TIMESTAMPS or stream.codec_context.framerate:
        return []
    rate = float(frame_rate(container, stream))
    return [f"it does not say how many frames a second it has; {rate:g} are assumed"]


def stated_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Seconds at which the header lets a video end; None: frames say it themselves.

    AVI gives every frame the same duration, and shows one for longer by empty places behind it, which its reader passes
    over: those behind the last frame are counted in the header only. mp4 gives a frame the time to the next one in the
    order of decoding: how long the last one is shown follows from the end of its track, as its edit list has it.
    """
    if container.format.name not in ENDS_IN_HEADER or not stream.duration or stream.time_base is None:
        return None
    return ((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base)


def is_cover(stream: VideoStream) -> bool:
    """Whether a video stream is a cover picture."""
    return bool(stream.disposition & stream.disposition.attached_pic)


def video_tracks(container: InputContainer) -> list[VideoStream]:
    """The video streams that are no cover pictures."""
    return [stream for stream in container.streams.video if not is_cover(stream)]


def tracks_with_packets(path: Path, indices: Sequence[int]) -> list[int]:
    """Those of the streams that hold a packet at all; the file is read until each has shown one.

    Raises:
        UnreadableVideo: if the file cannot be opened.
    """
    present: set[int] = set()
    with opened_container(path) as container:
        try:
            for packet in container.demux([container.streams[index] for index in indices]):
                if packet.size:
                    present.add(packet.stream.index)
                if len(present) == len(indices):
                    break
        except av.FFmpegError:
            pass  # what is damaged is named when the frames are decoded
    return [index for index in indices if index in present]


def count_packets(path: Path, index: int, most_bytes: int = COUNTED_BYTES) -> int:
    """How many packets a stream has: of pictures, about as many as frames. What is damaged ends the count.

    Args:
        path: of the file.
        index: of the stream.
        most_bytes: of its packets that are looked at; of a larger file, the rest is taken to be as dense.

    Raises:
        UnreadableVideo: if the file cannot be opened.
    """
    count = seen = 0
    with opened_container(path) as container, suppress(av.FFmpegError):
        for packet in container.demux([container.streams[index]]):
            count, seen = count + (packet.size > 0), seen + packet.size
            if seen > most_bytes:
                return count * path.stat().st_size // seen
    return count


def decoded_file(path: Path, threads: DecoderThreads) -> Iterator[DecodedFrame]:
    """All frames of a file, decoded as they are asked for.

    Raises:
        UnreadableVideo: see `opened` and `decoded_with_others`.
    """
    with opened(path, threads) as (container, stream):
        for item in decoded_with_others(container, stream, ()):
            if isinstance(item, DecodedFrame):
                yield item


def decoded_with_others(
    container: InputContainer, stream: VideoStream, others: Sequence[Stream]
) -> Iterator[DecodedFrame | Packet[Any]]:
    """Decoded frames of one size in the order of showing, and between them the packets of other streams.

    Where a damaged file gives its frames in order but their timestamps not, the timestamps are put in order, a few
    frames at a time. Where a stream's clock starts again, it goes on instead. Packets that are to be decoded but not
    shown (of a file that was cut without coding it again) are left out.

    Raises:
        UnreadableVideo: if the frames change their size, cannot be decoded to the end, or are more than its bytes.
    """
    most = file_of(container).stat().st_size
    waiting: deque[tuple[VideoFrame, Fraction | None]] = deque()
    stamps: list[Fraction] = []
    count = _FrameCount()
    try:
        for item in _demuxed(container, stream, others):
            if isinstance(item, Packet):
                yield item
                continue
            if count.frames + len(waiting) >= most:  # an index can name one piece again and again
                raise UnreadableVideo(f"it gives more frames than it has bytes ({most})")
            frame, seconds, duration = item
            waiting.append((frame, duration))
            heapq.heappush(stamps, seconds)
            if len(waiting) > REORDERED:
                yield count.decoded(*waiting.popleft(), heapq.heappop(stamps))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideo(
            f"it cannot be decoded past frame {count.frames + len(waiting)} ({reason_of(error)})"
        ) from None
    while waiting:
        yield count.decoded(*waiting.popleft(), heapq.heappop(stamps))


def file_of(container: InputContainer) -> Path:
    """The file that a container was opened from."""
    return Path(container.name.removeprefix("file:"))


@contextmanager
def opened_container(path: Path) -> Iterator[InputContainer]:
    """A container, closed afterwards.

    Raises:
        UnreadableVideo: if the file is empty or cannot be opened.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise UnreadableVideo("it is a folder" if path.is_dir() else "it is no regular file")
        if size == 0:
            raise UnreadableVideo("it is empty (0 bytes)")
        str(path).encode("utf-8")
        container = av.open(f"file:{path}", format=_demuxer(path), metadata_errors="replace", options=OPENING)
    except UnicodeEncodeError:
        raise UnreadableVideo("its name is not UTF-8, which FFmpeg cannot open; rename it") from None
    except FileNotFoundError:
        raise UnreadableVideo(f"it {missing_text(path)}") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableVideo(f"it cannot be opened as a video ({reason_of(error)})") from None
    with container:
        yield container


def _demuxer(path: Path) -> str | None:
    """The demuxer of a suffix that FFmpeg guesses wrongly; None: FFmpeg guesses."""
    name = NAMED_DEMUXERS.get(path.suffix.lower())
    if name is not None:
        with path.open("rb") as file:
            if file.read(2) != JPEG_START:
                return None
    return name


def _first_video(container: InputContainer, path: Path) -> VideoStream:
    tracks = video_tracks(container)
    if not tracks:
        sound = " (it has sound only)" if container.streams.audio else ""
        raise UnreadableVideo(f"it has no video stream{sound}")
    if len(tracks) > 1:
        filled = tracks_with_packets(path, [stream.index for stream in tracks])
        tracks = [stream for stream in tracks if stream.index in filled[:1]] or tracks
    return tracks[0]


class _FrameCount:
    """Counts frames, and their whole milliseconds from the first."""

    def __init__(self) -> None:
        self.frames = 0
        self._first = Fraction(0)
        self._last = 0

    def decoded(self, frame: VideoFrame, duration: Fraction | None, seconds: Fraction) -> DecodedFrame:
        if self.frames == 0:
            self._first = seconds
        self.frames += 1
        self._last = max(round((seconds - self._first) * 1000), self._last)
        return DecodedFrame(frame, seconds, self._last, duration)


def _demuxed(
    container: InputContainer, stream: VideoStream, others: Sequence[Stream]
) -> Iterator[tuple[VideoFrame, Fraction, Fraction | None] | Packet[Any]]:
    """Frames with their own timestamps and durations, and others' packets.

    A frame without a timestamp follows the one before it at the frame rate.
    """
    interval = 1 / frame_rate(container, stream)
    next_seconds = Fraction(0)
    counts_packets = container.format.name == "avi"  # it stores no timestamps: those of B-frames are guesses
    size: tuple[int, int] | None = None
    hidden = HiddenPackets()
    for packet in continuous_packets(container, [stream.index, *(one.index for one in others)]):
        if packet.stream.index != stream.index:
            if packet.size and not hidden.hides(packet):  # an empty one marks the end
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
            tick = None if frame.time_base is None else Fraction(frame.time_base)
            stamp = frame.dts if counts_packets else frame.pts
            seconds = next_seconds if stamp is None or tick is None else stamp * tick
            next_seconds = seconds + interval
            yield frame, seconds, frame.duration * tick if frame.duration and tick is not None else None
