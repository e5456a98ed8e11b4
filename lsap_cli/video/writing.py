"""Writing video files: whole or not at all, with the sound and the timestamps of the file they come from."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor

from lsap_cli.video.codecs import MP4_AUDIO, Codec
from lsap_cli.video.reading import Decoded, UnreadableVideo, decoded_with_sound, opened, quarter_turns, upright_pixels

Change = Callable[[Tensor, int], Tensor]
MATROSKA_TICK = Fraction(1, 1000)


def container_suffix(source: Path, codec: Codec) -> str:
    """`.mp4` where the codec and the source's sound fit into it, else `.mkv`.

    Raises:
        UnreadableVideo: if the source cannot be opened.
    """
    with opened(source, "one") as (container, _):
        sound = {stream.codec_context.name for stream in container.streams.audio}
    return ".mp4" if codec.mp4 and sound <= MP4_AUDIO else ".mkv"


def transcode(source: Path, target: Path, codec: Codec, change: Change) -> int:
    """Writes the source's video again with every frame changed; sound streams are copied as they are.

    The target appears when it is complete; until then a `.partial` file lies beside its place.

    Args:
        source: the video to read; never touched.
        target: the file to write, `.mp4` or `.mkv` (see `container_suffix`).
        codec: how to encode.
        change: gets a frame (3, H, W) uint8, upright, and its number; gives the frame to write, of that size.

    Returns:
        The number of frames written.

    Raises:
        UnreadableVideo: if the source cannot be read to its end.
        OSError: if the target cannot be written.
    """
    count = 0
    with (
        opened(source, "many") as (container, stream),
        _appearing(target) as partial,
        _output(partial, target) as out,
    ):
        sounds = {sound.index: out.add_stream_from_template(sound) for sound in container.streams.audio}
        video: VideoStream | None = None
        waiting: list[Packet[Any]] = []
        reformatter = VideoReformatter()
        clock = _Clock(target, stream)
        for item in decoded_with_sound(container, stream):
            if isinstance(item, Packet):
                waiting.append(item)
            else:
                frame = item.frame
                changed = change(upright_pixels(frame, reformatter), count)
                picture = _picture(changed, quarter_turns(frame))
                if video is None:  # tags are kept only when they are set before anything is written
                    video = _add_video(out, codec, picture.shape[0], picture.shape[1], clock.tick, stream)
                    if frame.rotation:
                        video.set_display_rotation(frame.rotation)
                out.mux(video.encode(clock.stamped(picture, item)))
                count += 1
            if video is not None:
                _mux_sound(out, waiting, sounds)
        if video is None:
            raise UnreadableVideo("it has a video stream but no frame in it can be decoded")
        out.mux(video.encode(None))
    return count


def write_video(path: Path, frames: Iterable[Tensor], fps: Fraction, codec: Codec) -> None:
    """Writes frames as a video without sound.

    Args:
        path: the file, `.mp4` or `.mkv`; it appears when it is complete.
        frames: (3, H, W) uint8 each.
        fps: frames a second.
        codec: how to encode.

    Raises:
        OSError: if it cannot be written.
    """
    with _appearing(path) as partial, _output(partial, path) as out:
        video: VideoStream | None = None
        for number, pixels in enumerate(frames):
            picture = _picture(pixels, 0)
            if video is None:
                video = _add_video(out, codec, picture.shape[0], picture.shape[1], 1 / fps, None)
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            out.mux(video.encode(frame))
        if video is not None:
            out.mux(video.encode(None))


class _Clock:
    """Gives each written frame its source's timestamp.

    mp4 takes any time base, so timestamps are exact. Matroska counts milliseconds: there the first frame is
    rounded and the others keep the distances that readers of the source see.
    """

    def __init__(self, target: Path, stream: VideoStream) -> None:
        self._exact = target.suffix == ".mp4" and stream.time_base is not None
        self.tick = Fraction(stream.time_base) if self._exact and stream.time_base else MATROSKA_TICK
        self._start: int | None = None
        self._last: int | None = None

    def stamped(self, picture: NDArray[np.uint8], source: Decoded) -> VideoFrame:
        """The picture as a frame to encode."""
        if self._start is None:
            self._start = round(source.seconds / self.tick)
        stamp = round(source.seconds / self.tick) if self._exact else self._start + source.milliseconds
        if self._last is not None:
            stamp = max(stamp, self._last + 1)
        self._last = stamp
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = stamp, self.tick
        return frame


def _picture(pixels: Tensor, turns: int) -> NDArray[np.uint8]:
    """(H, W, 3) bytes, turned back to how the source stores its frames."""
    array: NDArray[np.uint8] = pixels.permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.rot90(array, -turns) if turns else array)


def _add_video(
    out: OutputContainer, codec: Codec, height: int, width: int, tick: Fraction, like: VideoStream | None
) -> VideoStream:
    rate = (like.average_rate or like.guessed_rate) if like is not None else None
    video = out.add_stream(codec.encoder, rate=Fraction(rate or 25), options=codec.options())
    assert isinstance(video, VideoStream)
    video.width, video.height = width, height
    video.pix_fmt = codec.pixel_format(height, width)
    video.codec_context.time_base = tick
    video.time_base = tick
    if like is not None and like.sample_aspect_ratio:
        video.codec_context.sample_aspect_ratio = like.sample_aspect_ratio
    video.thread_type = "AUTO"
    return video


def _mux_sound(out: OutputContainer, waiting: list[Packet[Any]], sounds: dict[int, AudioStream]) -> None:
    for packet in waiting:
        packet.stream = sounds[packet.stream.index]
        out.mux(packet)
    waiting.clear()


@contextmanager
def _output(partial: Path, target: Path) -> Iterator[OutputContainer]:
    kind = "mp4" if target.suffix == ".mp4" else "matroska"
    try:
        with av.open(f"file:{partial}", "w", format=kind) as out:
            yield out
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror or str(error), str(target)) from error


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes the target on success and vanishes on failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
