"""One video stream being written: its encoder, and when each frame appears."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from defenses.encoding import opening_encoder
from lsap_cli.video.codecs import Codec
from lsap_cli.video.colors import ColorConverter, Colors
from lsap_cli.video.demuxing import DecodedFrame
from lsap_cli.video.frames import UnreadableVideo, orientation_of
from lsap_cli.video.stream_packets import MATROSKA_TICK
from lsap_cli.video.threads import ENCODER_THREADS
from perturbations.samplers import mean_pace

TOO_CLOSE = "its frames are less than a millisecond apart, which this codec cannot keep; use ffv1 or x264rgb"


@dataclass(frozen=True)
class StreamFormat:
    """How a stream of frames is stored.

    Attributes:
        codec: that encodes it.
        rate: frames a second, for its header.
        tick: seconds, of its timestamps.
        colors: of its frames.
        others: options of the encoder beside the codec's own.
    """

    codec: Codec
    rate: Fraction
    tick: Fraction
    colors: Colors
    others: Mapping[str, str] = field(default_factory=dict)


class VideoEncoder:
    """One video stream being written.

    Args:
        out: the file, which has no other stream yet.
        form: how the stream is stored.
        picture: the first of its pictures (H, W, 3), which sets its size.

    Raises:
        UnreadableVideo: if the codec does not take such frames.
    """

    def __init__(self, out: OutputContainer, form: StreamFormat, picture: NDArray[np.uint8]) -> None:
        height, width = picture.shape[:2]
        try:
            pixel_format = form.codec.stored_as(height, width)
        except ValueError as error:
            raise UnreadableVideo(str(error)) from None
        if form.rate > form.codec.highest_rate:
            raise UnreadableVideo(
                f"it has {float(form.rate):g} frames a second, and {form.codec.name} takes at most "
                f"{form.codec.highest_rate}; use another codec"
            )
        if form.rate * form.tick > 2 and not form.codec.may_repeat_stamps:  # VP9 refuses frames of no tick, unexplained
            raise UnreadableVideo(TOO_CLOSE)
        options = {**form.codec.options(height, width), **form.others}
        video = out.add_stream(form.codec.encoder, rate=form.rate, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height = width, height
        video.pix_fmt = pixel_format
        video.codec_context.time_base = video.time_base = form.tick
        video.codec_context.thread_count = ENCODER_THREADS
        video.thread_type = "AUTO"
        colors = form.colors.stored_as(pixel_format)
        colors.tag_context(video.codec_context)
        self._converter = ColorConverter(colors)
        self._out, self._video, self._tick = out, video, form.tick
        self._durations: dict[int, int] = {}
        self._held: Packet[Any] | None = None  # the last one of the encoder's, until it is clear that it is the last
        self._first_dts: int | None = None
        self._span: tuple[int, int] | None = None  # ticks: when the first frame appears, when the last one ends
        self._open = False

    def describe(self, first: VideoFrame, source: VideoStream) -> None:
        """Takes over how a source is to be shown."""
        orientation_of(first).describe(self._video)
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

    def write(self, picture: NDArray[np.uint8], stamp: int, duration: int) -> None:
        """Encodes one (H, W, 3) picture.

        Args:
            picture: upright as the file stores it.
            stamp: when it appears, in ticks.
            duration: how long it is shown, in ticks.
        """
        frame = self._converter.frame(picture)
        frame.pts, frame.time_base = stamp, self._tick
        self._durations[stamp] = duration
        self._span = (stamp if self._span is None else self._span[0]), stamp + duration
        if self._open:
            self._mux(frame)
            return
        with opening_encoder():  # the first frame opens it
            self._mux(frame)
        self._open = True

    def finish(self) -> None:
        """Writes what the encoder holds back."""
        self._mux(None)
        if self._held is not None:
            self._reach_end(self._held)
            self._out.mux(self._held)

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self._video.encode(frame):
            if packet.pts is not None:  # encoders do not pass on how long a frame is shown
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            if self._held is not None:
                self._out.mux(self._held)
            self._first_dts = packet.dts if self._first_dts is None else self._first_dts
            self._held = packet

    def _reach_end(self, last: Packet[Any]) -> None:
        """Lets decoding take as long as showing: readers of mp4 add up the times between packets.

        Where frames are decoded in another order than they are shown, that sum ends with the packet that is decoded
        last. It may be decoded later, and be the last one for longer, as long as it is shown in time and not beyond the
        end.
        """
        if self._span is None or self._first_dts is None or last.dts is None or last.pts is None:
            return
        start, end = self._span
        dts = max(last.dts, last.pts - (start - self._first_dts))
        duration = self._first_dts + end - start - dts
        if duration > 0:
            last.dts, last.duration = dts, duration


class FrameClock:
    """Gives each written frame its source's timestamp.

    mp4 takes any time base, so timestamps are exact. Matroska counts milliseconds, from the first of all streams:
    there frames keep the distances that readers of the source see.

    Args:
        suffix: of the file that is written.
        time_base: of the source's timestamps; None where it has none.
        first: the source's first frame.
        lead: seconds, whole milliseconds, by which others begin before the first frame.
        may_repeat: whether the encoder takes two frames with one timestamp.
    """

    def __init__(
        self, suffix: str, time_base: Fraction | None, first: DecodedFrame, lead: Fraction, may_repeat: bool
    ) -> None:
        self._exact = suffix == ".mp4" and time_base is not None
        self.tick = time_base if self._exact and time_base is not None else MATROSKA_TICK
        self._start = round((first.seconds if self._exact else lead) / self.tick)
        self._may_repeat = may_repeat
        self._last: int | None = None
        self.shift = self._start * self.tick - first.seconds
        """Seconds by which the first frame moves: everything beside it moves as far."""

    def stamp(self, source: DecodedFrame) -> int:
        """A frame's time in ticks, later than that of the one before it.

        Raises:
            UnreadableVideo: if Matroska and the encoder cannot tell it from the one before it.
        """
        stamp = round(source.seconds / self.tick) if self._exact else self._start + source.milliseconds
        if self._last is not None and stamp <= self._last:
            if self._exact:
                stamp = self._last + 1
            elif not self._may_repeat:
                raise UnreadableVideo(TOO_CLOSE)
        self._last = stamp
        return stamp

    def ticks(self, seconds: Fraction) -> int:
        """A duration in ticks."""
        return round(seconds / self.tick)

    def appended_stamp(self, last: DecodedFrame, frames: int, place: int) -> int:
        """The time, in ticks, of a frame that follows the source's own.

        Args:
            last: the last of the source's own frames.
            frames: how many own frames there are.
            place: of this one among those that follow.
        """
        milliseconds = last.milliseconds + mean_pace(last.milliseconds, frames) * (place + 1)
        stamp = self._start + round(Fraction(milliseconds, 1000) / self.tick)
        self._last = max(stamp, (self._last or 0) + 1)
        return self._last
