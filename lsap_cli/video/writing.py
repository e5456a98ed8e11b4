"""Writing video files: whole or not at all, with everything that was in the file they come from."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor

from lsap_cli.errors import LsapError
from lsap_cli.video.codecs import Codec
from lsap_cli.video.colors import Colors
from lsap_cli.video.copied_streams import CopiedStreams, muxer_options
from lsap_cli.video.demuxing import (
    DecodedFrame,
    assumed_rate,
    decoded_with_others,
    frame_rate,
    opened,
    stated_end,
)
from lsap_cli.video.encoding import FrameClock, StreamFormat, VideoEncoder
from lsap_cli.video.fidelity import check_frame, check_stream, cut_short, lost_in_copy, overlong_streams
from lsap_cli.video.fields import FieldOrder, FieldOrderReader, field_options, lost_fields
from lsap_cli.video.frames import FrameConverter, UnreadableVideo, orientation_of
from lsap_cli.video.matroska import set_pixel_shape
from lsap_cli.video.media import VideoSpan
from lsap_cli.video.orientation import Orientation
from lsap_cli.video.output_files import appearing, output_container
from lsap_cli.video.parts import FilePart
from lsap_cli.video.picture_folders import FOLDER, PictureFolder
from lsap_cli.video.prefetching import prefetched
from lsap_cli.video.stream_packets import StreamSpan
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.timestamps import SourceTimes
from perturbations.samplers import mean_pace

Change = Callable[[Tensor, int], Tensor]
NO_FRAME = "it has a video stream but no frame in it can be decoded"


class AppendedFrames(NamedTuple):
    """Frames that follow a video's own."""

    frames: int = 0
    make: Change = lambda like, _place: like  # from a frame of the video's size and the place in the tail


@dataclass(frozen=True)
class Transcoded:
    """What came of writing a video again.

    Attributes:
        frames: of the source.
        remarks: sentences on what is not in the copy as it was in the source.
        last_shown: seconds that the source's last frame is shown.
        start: seconds of the source's clock at which its first frame is shown.
        spans: when the copied streams begin and end, by the source's clock.
        others_start: seconds into the others' file at which the first frame is shown, of a folder of frames.
        times: of the source's frames.
    """

    frames: int
    remarks: list[str]
    last_shown: Fraction
    start: Fraction
    spans: list[StreamSpan]
    others_start: Fraction = Fraction(0)
    times: SourceTimes = field(default_factory=SourceTimes)


def check_available(codec: Codec) -> None:
    """Refuses a codec whose encoder this FFmpeg was built without.

    Raises:
        LsapError: naming the encoder.
    """
    try:
        av.Codec(codec.encoder, "w")
    except ValueError:
        raise LsapError(
            f"the codec {codec.name} needs the encoder {codec.encoder}, which PyAV's FFmpeg lacks here; "
            "use another codec"
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
    source: Path,
    target: Path,
    codec: Codec,
    change: Change,
    threads: DecoderThreads = "many",
    tail: AppendedFrames | None = None,
    span: VideoSpan | None = None,
) -> Transcoded:
    """Writes the source's video again with every frame changed; everything else is copied as it is.

    The target appears when it is complete; until then a `.partial` file lies beside its place.

    Args:
        source: the video to read; never touched.
        target: what to write: `.mp4`, `.mkv`, `.webm`, or `.frames` for a folder (see `container_suffix`).
        codec: how to encode.
        change: gets a frame (3, H, W) uint8, upright, and its index; gives the frame to write, of that size.
        threads: of the decoder.
        tail: frames that follow the source's own, at its mean pace.
        span: the part that is written, from 0 on, with the packets of other streams that begin in it; None: the whole.

    Raises:
        UnreadableVideo: if the source cannot be read to its end, or would lose something.
        OSError: if the target cannot be written.
    """
    with opened(source, threads) as (container, stream), appearing(target) as partial:
        check_stream(container, stream)
        others = CopiedStreams(container, stream)
        others.drop_what_cannot_travel(".mkv" if target.suffix == FOLDER else target.suffix)
        part = None
        if span is not None:
            part = FilePart.of(source, span, threads, container, [one.index for one in others.copied])
            others.keep_part(part)
        work = _Transcoding(container, stream, others, change, tail or AppendedFrames(), part)
        if target.suffix == FOLDER:
            return _write_pictures(work, partial)
        return _write_file(work, partial, target, codec)


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
    with appearing(path) as partial, output_container(partial, path, {}) as out:
        encoder: VideoEncoder | None = None
        for index, pixels in enumerate(frames):
            picture = _picture(pixels, Orientation())
            if encoder is None:
                encoder = VideoEncoder(out, StreamFormat(codec, fps, 1 / fps, Colors()), picture)
            encoder.write(picture, index, 1)
        if encoder is not None:
            encoder.finish()


class _Changed(NamedTuple):
    """A frame of the source, and the picture to write in its place."""

    source: DecodedFrame
    picture: NDArray[np.uint8]  # (H, W, 3), as the source stores its frames
    fields: FieldOrder | None  # which of its fields is shown first
    shown: Fraction  # seconds: until the next frame, or as long as the source says of the last one


@dataclass
class _Transcoding:
    """One source being read, changed and handed on."""

    container: InputContainer
    stream: VideoStream
    others: CopiedStreams
    change: Change
    tail: AppendedFrames
    part: FilePart | None = None  # that is read; None: the whole
    lost: set[str] = field(default_factory=set)
    count: int = 0
    last: tuple[Tensor, DecodedFrame, Fraction] | None = None
    fields: Counter[FieldOrder | None] = field(default_factory=Counter)  # field orders of its frames
    start: Fraction = Fraction(0)
    longest: Fraction = Fraction(0)  # seconds that a frame but the last is shown, at most
    times: SourceTimes = field(default_factory=SourceTimes)

    @property
    def rate(self) -> Fraction:
        return frame_rate(self.container, self.stream)

    def items(self, turned: bool) -> Generator[_Changed | Packet[Any]]:
        """Changed frames and others' packets, in order; a frame comes when it is known how long it is shown.

        Args:
            turned: whether pictures are turned back to how the source stores its frames.
        """
        converter = FrameConverter()
        waiting: deque[Packet[Any]] = deque()
        order_reader = FieldOrderReader(self.stream)
        held: tuple[DecodedFrame, NDArray[np.uint8], FieldOrder | None] | None = None
        items = decoded_with_others(self.container, self.stream, self.others.streams)
        for item in items if self.part is None else self.part.items(items):
            if isinstance(item, Packet):
                if held is None:
                    yield item
                else:
                    waiting.append(item)
                continue
            if held is not None:
                shown = max(item.seconds - held[0].seconds, Fraction(0))
                self.longest = max(self.longest, shown)
                yield _Changed(*held, shown)
                yield from waiting
                waiting.clear()
            else:
                self.start = item.seconds
            self.lost |= check_frame(item.frame)
            order = order_reader.order_of(item.frame)
            self.fields[order] += 1
            pixels = converter.upright_pixels(item.frame)
            self.times.add(item.seconds)
            stored_as = orientation_of(item.frame) if turned else Orientation()
            held = item, _picture(self.change(pixels, self.count), stored_as), order
            self.count += 1
        if held is None:
            raise UnreadableVideo(NO_FRAME)
        shown = self._last_shown(held[0])
        self.last = pixels, held[0], shown
        yield _Changed(*held, shown)
        yield from waiting

    def _last_shown(self, last: DecodedFrame) -> Fraction:
        """Seconds that the last frame is shown: up to the header's end, unless another frame would have room before."""
        shown = last.duration or 1 / self.rate
        if self.part is not None and self.part.last_shown is not None:
            return self.part.last_shown
        end = stated_end(self.container, self.stream)
        if end is None:
            return shown
        if self.part is not None:
            end -= self.part.start
        left = end - last.seconds
        if left <= shown and self.container.format.name == "avi":  # it stores no timestamps, only a count of frames
            return shown
        if 0 < left <= max(self.longest, shown) + shown:
            return left
        if left - self.start == shown:  # the index of a fragmented mp4 counts from 0, not from the first frame
            return shown
        self.lost.add(
            f"its header says that it ends at {float(end):.3f} s; its last frame is shown from "
            f"{float(last.seconds):.3f} to {float(last.seconds + shown):.3f} s, and in the copy, too"
        )
        return shown

    def appended(self, turned: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The pictures that follow the source's own, with their places."""
        assert self.last is not None
        pixels, frame, _ = self.last
        stored_as = orientation_of(frame.frame) if turned else Orientation()
        for place in range(self.tail.frames):
            yield place, _picture(self.tail.make(pixels, place), stored_as)

    def lead(self) -> Fraction:
        """Seconds, in whole milliseconds, by which other streams precede the first frame: Matroska starts at 0."""
        earliest = self.others.earliest
        early = Fraction(0) if earliest is None else max(self.start - earliest, Fraction(0))
        return Fraction(round(early * 1000), 1000)

    def finished(self, suffix: str, others_start: Fraction = Fraction(0)) -> Transcoded:
        fields = lost_fields(self.fields, suffix)
        assumed = assumed_rate(self.container, self.stream)
        spans = list(self.others.spans.values())
        remarks = [*self.others.remarks, *lost_in_copy(self.container, self.lost), *fields, *assumed]
        remarks += overlong_streams(self.container, self.start, spans)
        assert self.last is not None
        if self.part is None and not self.others.left_out:
            _, last, shown = self.last
            ends = [last.seconds + shown, *(span.end for span in spans)]
            remarks += cut_short(self.container, max(ends), max(self.longest, shown) + shown)
        return Transcoded(self.count, remarks, self.last[2], self.start, spans, others_start, self.times)


def _write_file(work: _Transcoding, partial: Path, target: Path, codec: Codec) -> Transcoded:
    others, stream = work.others, work.stream
    with (
        output_container(partial, target, muxer_options(target.suffix, others.tags)) as out,
        prefetched(work.items(turned=True)) as items,
    ):
        encoder: VideoEncoder | None = None
        waiting: list[Packet[Any]] = []
        time_base = None if stream.time_base is None else Fraction(stream.time_base)
        for item in items:
            if isinstance(item, Packet):
                if encoder is None:
                    waiting.append(item)
                else:
                    others.mux(out, item)
                continue
            if encoder is None:  # tags are kept only when they are set before anything is written
                clock = FrameClock(target.suffix, time_base, item.source, work.lead(), codec.may_repeat_stamps)
                colors = Colors.of(item.source.frame)
                form = StreamFormat(codec, work.rate, clock.tick, colors, field_options(item.fields, target.suffix))
                encoder = VideoEncoder(out, form, item.picture)
                encoder.describe(item.source.frame, stream)
                others.add_to(out, target.suffix, clock.shift)
            encoder.write(item.picture, clock.stamp(item.source), clock.ticks(item.shown))
            while waiting:
                others.mux(out, waiting.pop(0))
        assert encoder is not None  # there was a frame
        assert work.last is not None
        _, last, shown = work.last
        for place, picture in work.appended(turned=True):
            encoder.write(picture, clock.appended_stamp(last, work.count, place), clock.ticks(shown))
        encoder.finish()
        others.finish(out)
    shape = stream.sample_aspect_ratio
    if target.suffix != ".mp4" and shape and shape != 1:
        set_pixel_shape(partial, Fraction(shape))
    others.complete(partial)
    return work.finished(target.suffix)


def _write_pictures(work: _Transcoding, partial: Path) -> Transcoded:
    folder = PictureFolder(partial)
    waiting: list[Packet[Any]] = []
    others_start = Fraction(0)
    shown = Fraction(0)
    with _others_file(folder, work.others) as out, prefetched(work.items(turned=False)) as items:
        for item in items:
            if isinstance(item, _Changed):
                if folder.count == 0 and out is not None:
                    others_start = work.lead()
                    work.others.add_to(out, ".mkv", others_start - item.source.seconds)
                folder.add(item.picture, item.source.milliseconds)
                shown = item.shown
                while waiting and out is not None:
                    work.others.mux(out, waiting.pop(0))
            elif folder.count == 0:
                waiting.append(item)
            elif out is not None:
                work.others.mux(out, item)
        if out is not None:
            work.others.finish(out)
    work.others.complete(folder.others)
    assert work.last is not None
    end, own = work.last[1].milliseconds, folder.count
    for place, picture in work.appended(turned=False):
        folder.add(picture, end + mean_pace(end, own) * (place + 1))
    folder.finish(shown, round(others_start * 1000))
    return work.finished(FOLDER, others_start)


@contextmanager
def _others_file(folder: PictureFolder, others: CopiedStreams) -> Iterator[OutputContainer | None]:
    """A file for what is not pictures, if there is any."""
    if not others:
        yield None
        return
    with output_container(folder.others, Path("others.mkv"), {}) as out:
        yield out


def _picture(pixels: Tensor, orientation: Orientation) -> NDArray[np.uint8]:
    """(H, W, 3) bytes, turned back to how the source stores its frames."""
    return orientation.stored(pixels.permute(1, 2, 0).numpy())
