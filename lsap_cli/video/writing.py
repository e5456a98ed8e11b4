"""Writing video files: whole or not at all, with everything that was in the file they come from."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor

from defenses.encoding import opening_encoder
from lsap_cli.errors import LsapError
from lsap_cli.video.codecs import Codec, Threads
from lsap_cli.video.colors import Colors
from lsap_cli.video.copied_streams import MUXERS, CopiedStreams, muxer_options
from lsap_cli.video.fidelity import check_frame, check_stream
from lsap_cli.video.matroska import set_pixel_shape
from lsap_cli.video.picture_folders import FOLDER, PictureFolder
from lsap_cli.video.reading import (
    Decoded,
    UnreadableVideo,
    decoded_with_others,
    opened,
    quarter_turns,
    upright_pixels,
)
from perturbations.samplers import mean_pace

Change = Callable[[Tensor, int], Tensor]
MATROSKA_TICK = Fraction(1, 1000)
REPRODUCIBLE = {"fflags": "+bitexact"}  # no random numbers in a file: the same video gives the same bytes


class Tail(NamedTuple):
    """Frames that follow a video's own."""

    frames: int = 0
    make: Change = lambda like, _place: like  # from a frame of the video's size and the place in the tail


class Transcoded(NamedTuple):
    """What came of writing a video again."""

    frames: int
    remarks: list[str]  # what is not in the copy as it was in the source


def check_available(codec: Codec) -> None:
    """Refuses a codec whose encoder this FFmpeg was built without.

    Raises:
        LsapError: naming the encoder.
    """
    try:
        av.Codec(codec.encoder, "w")
    except ValueError:
        raise LsapError(
            f"the codec {codec.name} needs the encoder {codec.encoder}, which PyAV's FFmpeg lacks here; use another codec"
        ) from None


def container_suffix(source: Path, codec: Codec) -> str:
    """The suffix of the file that a source is written to: it follows from the codec and the source's other streams.

    Raises:
        UnreadableVideo: if the source cannot be opened, or would lose something.
    """
    with opened(source, "one") as (container, stream):
        check_stream(container, stream)
        return CopiedStreams(container, stream).suffix(codec)


def transcode(
    source: Path, target: Path, codec: Codec, change: Change, threads: Threads = "many", tail: Tail | None = None
) -> Transcoded:
    """Writes the source's video again with every frame changed; everything else is copied as it is.

    The target appears when it is complete; until then a `.partial` file lies beside its place.

    Args:
        source: the video to read; never touched.
        target: what to write: `.mp4`, `.mkv`, `.webm`, or `.frames` for a folder (see `container_suffix`).
        codec: how to encode.
        change: gets a frame (3, H, W) uint8, upright, and its number; gives the frame to write, of that size.
        threads: of decoder and encoder.
        tail: frames that follow the source's own, at its mean pace.

    Raises:
        UnreadableVideo: if the source cannot be read to its end, or would lose something.
        OSError: if the target cannot be written.
    """
    with opened(source, threads) as (container, stream), _appearing(target) as partial:
        check_stream(container, stream)
        others = CopiedStreams(container, stream)
        items = decoded_with_others(container, stream, others.streams)
        if target.suffix == FOLDER:
            frames = _write_pictures(items, partial, change, others, tail or Tail())
        else:
            frames = _write_file(items, partial, target, codec, change, others, stream, threads, tail or Tail())
        return Transcoded(frames, others.remarks)


def write_video(path: Path, frames: Iterable[Tensor], fps: Fraction, codec: Codec) -> None:
    """Writes frames as a video without sound.

    Args:
        path: the file, `.mp4`, `.mkv` or `.webm`; it appears when it is complete.
        frames: (3, H, W) uint8 each.
        fps: frames a second.
        codec: how to encode.

    Raises:
        OSError: if it cannot be written.
    """
    with _appearing(path) as partial, _output(partial, path, {}) as out:
        encoder: _Encoder | None = None
        for number, pixels in enumerate(frames):
            picture = _picture(pixels, 0)
            if encoder is None:
                encoder = _Encoder(out, codec, picture, fps, 1 / fps, Colors(), "many")
            encoder.write(picture, number, None)
        if encoder is not None:
            encoder.finish()


def _write_file(
    items: Iterator[Decoded | Packet[Any]],
    partial: Path,
    target: Path,
    codec: Codec,
    change: Change,
    others: CopiedStreams,
    stream: VideoStream,
    threads: Threads,
    tail: Tail,
) -> int:
    with _output(partial, target, muxer_options(target.suffix, others.tags)) as out:
        encoder: _Encoder | None = None
        waiting: list[Packet[Any]] = []
        reformatter = VideoReformatter()
        clock = _Clock(target, stream)
        count = 0
        for item in items:
            if isinstance(item, Packet):
                if encoder is None:
                    waiting.append(item)
                else:
                    others.mux(out, item)
                continue
            check_frame(item.frame)
            pixels, turns = upright_pixels(item.frame, reformatter), quarter_turns(item.frame)
            picture = _picture(change(pixels, count), turns)
            if encoder is None:  # tags are kept only when they are set before anything is written
                rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
                encoder = _Encoder(out, codec, picture, rate, clock.tick, Colors.of(item.frame), threads)
                encoder.describe(item.frame, stream)
                others.add_to(out, target.suffix)
            encoder.write(picture, clock.stamp(item), clock.duration(item.frame))
            while waiting:
                others.mux(out, waiting.pop(0))
            count += 1
        if encoder is None:
            raise UnreadableVideo("it has a video stream but no frame in it can be decoded")
        for place in range(tail.frames):
            encoder.write(_picture(tail.make(pixels, place), turns), clock.after_the_last(count, place), None)
        encoder.finish()
    shape = stream.sample_aspect_ratio
    if target.suffix != ".mp4" and shape and shape != 1:
        set_pixel_shape(partial, Fraction(shape))
    return count


def _write_pictures(
    items: Iterator[Decoded | Packet[Any]], partial: Path, change: Change, others: CopiedStreams, tail: Tail
) -> int:
    folder = PictureFolder(partial)
    reformatter = VideoReformatter()
    with _others(folder, others) as out:
        for item in items:
            if isinstance(item, Decoded):
                check_frame(item.frame)
                pixels, last = upright_pixels(item.frame, reformatter), item.milliseconds
                folder.add(_picture(change(pixels, folder.count), 0), last)
            elif out is not None:
                others.mux(out, item)
    if folder.count == 0:
        raise UnreadableVideo("it has a video stream but no frame in it can be decoded")
    own = folder.count
    for place in range(tail.frames):
        folder.add(_picture(tail.make(pixels, place), 0), last + mean_pace(last, own) * (place + 1))
    folder.finish()
    return own


@contextmanager
def _others(folder: PictureFolder, others: CopiedStreams) -> Iterator[OutputContainer | None]:
    """A file for what is not pictures, if there is any."""
    if not others:
        yield None
        return
    with _output(folder.others, Path("others.mkv"), {}) as out:
        others.add_to(out, ".mkv")
        yield out


class _Encoder:
    """One video stream being written."""

    def __init__(
        self,
        out: OutputContainer,
        codec: Codec,
        picture: NDArray[np.uint8],
        rate: Fraction,
        tick: Fraction,
        colors: Colors,
        threads: Threads,
    ) -> None:
        height, width = picture.shape[:2]
        try:
            pixel_format = codec.stored_as(height, width)
        except ValueError as error:
            raise UnreadableVideo(str(error)) from None
        video = out.add_stream(codec.encoder, rate=rate, options=codec.options(threads))
        assert isinstance(video, VideoStream)
        video.width, video.height = width, height
        video.pix_fmt = pixel_format
        video.codec_context.time_base = tick
        video.time_base = tick
        video.codec_context.thread_count = 1 if threads == "one" else 0
        video.thread_type = "AUTO"
        self._colors = colors.stored_as(pixel_format)
        self._colors.tag_context(video.codec_context)
        self._out, self._video, self._tick = out, video, tick
        self._reformatter = VideoReformatter()
        self._open = False

    def describe(self, first: VideoFrame, source: VideoStream) -> None:
        """Takes over how a source is to be shown."""
        if first.rotation:
            self._video.set_display_rotation(first.rotation)
        if source.sample_aspect_ratio:
            self._video.codec_context.sample_aspect_ratio = source.sample_aspect_ratio
        self._video.disposition = source.disposition
        self._video.metadata.update(
            {
                key: value
                for key, value in source.metadata.items()
                if key.lower() in ("language", "title", "handler_name")
            }
        )

    def write(self, picture: NDArray[np.uint8], stamp: int, duration: int | None) -> None:
        """Encodes one (H, W, 3) picture that appears at a stamp, in ticks."""
        frame = self._colors.convert(VideoFrame.from_ndarray(picture, format="rgb24"), self._reformatter)
        frame.pts, frame.time_base = stamp, self._tick
        if duration is not None:
            frame.duration = duration
        if self._open:
            self._out.mux(self._video.encode(frame))
            return
        with opening_encoder():  # the first frame opens it
            self._out.mux(self._video.encode(frame))
        self._open = True

    def finish(self) -> None:
        self._out.mux(self._video.encode(None))


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
        self._milliseconds = self._end = 0

    def stamp(self, source: Decoded) -> int:
        """A frame's moment in ticks, always later than the one before."""
        if self._start is None:
            self._start = round(source.seconds / self.tick)
        self._milliseconds = source.milliseconds
        stamp = round(source.seconds / self.tick) if self._exact else self._start + source.milliseconds
        if self._last is not None:
            stamp = max(stamp, self._last + 1)
        self._last = stamp
        return stamp

    def after_the_last(self, frames: int, place: int) -> int:
        """The moment, in ticks, of one of the frames that follow the source's own, of which there were `frames`."""
        assert self._start is not None
        if place == 0:
            self._end = self._milliseconds
        milliseconds = self._end + mean_pace(self._end, frames) * (place + 1)
        stamp = self._start + round(Fraction(milliseconds, 1000) / self.tick)
        self._last = max(stamp, (self._last or 0) + 1)
        return self._last

    def duration(self, frame: VideoFrame) -> int | None:
        """How long a frame is shown, in ticks, where the source says it."""
        if not frame.duration or frame.time_base is None:
            return None
        return round(frame.duration * Fraction(frame.time_base) / self.tick)


def _picture(pixels: Tensor, turns: int) -> NDArray[np.uint8]:
    """(H, W, 3) bytes, turned back to how the source stores its frames."""
    array: NDArray[np.uint8] = pixels.permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.rot90(array, -turns) if turns else array)


@contextmanager
def _output(partial: Path, target: Path, options: dict[str, str]) -> Iterator[OutputContainer]:
    try:
        with av.open(
            f"file:{partial}", "w", format=MUXERS[target.suffix], container_options=REPRODUCIBLE | options
        ) as out:
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
        if partial.is_file():
            with partial.open("rb") as written:
                os.fsync(written.fileno())
        partial.replace(target)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
