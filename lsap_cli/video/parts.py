"""A part of a video file: its frames, and the packets of sound and subtitles that belong to it."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from av.container import InputContainer
from av.packet import Packet

from lsap_cli.video.demuxing import DecodedFrame, decoded_file
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.media import VideoSpan
from lsap_cli.video.stream_packets import copied_packets
from lsap_cli.video.threads import DecoderThreads

Item: TypeAlias = "DecodedFrame | Packet[Any]"


class PartFrames:
    """Chooses the frames of a part among those of a file, which are given in order.

    Attributes:
        ended: whether the last frame that was given comes after the part.
    """

    def __init__(self, span: VideoSpan) -> None:
        self._span = span
        self._index = -1
        self._start: Fraction | None = None
        self._last = 0
        self.ended = False

    def take(self, frame: DecodedFrame) -> DecodedFrame | None:
        """A frame of the part, with milliseconds from the part's first frame; None: it is not in the part."""
        self._index += 1
        self.ended = self._span.is_past(self._index, frame.milliseconds)
        if not self._span.holds(self._index, frame.milliseconds):
            return None
        self._start = frame.seconds if self._start is None else self._start
        self._last = max(round((frame.seconds - self._start) * 1000), self._last)
        return frame._replace(milliseconds=self._last)


@dataclass(frozen=True)
class FilePart:
    """A part of a file, after one look at its frames and packets.

    Attributes:
        span: from where to where it goes.
        frames: how many it has.
        start: seconds of the file's clock at which its first frame appears.
        end: likewise, at which the first frame behind it appears; None: it ends with the file.
        last_shown: seconds that its last frame is shown, where another one follows.
        packets: how many of each copied stream begin in it.
        cut: how many of each copied stream begin before it and last into it.
    """

    span: VideoSpan
    frames: int
    start: Fraction
    end: Fraction | None
    last_shown: Fraction | None
    packets: Mapping[int, int]
    cut: Mapping[int, int]

    @classmethod
    def of(
        cls, path: Path, span: VideoSpan, threads: DecoderThreads, container: InputContainer, copied: Iterable[int]
    ) -> FilePart:
        """Looks at a part.

        Args:
            path: the file.
            span: the part.
            threads: of the decoder.
            container: the file, opened.
            copied: numbers of the streams that are copied beside the pictures.

        Raises:
            UnreadableVideo: if no frame lies in it, or the file cannot be decoded up to its end.
        """
        chosen, frames = PartFrames(span), 0
        first = last = following = None
        for decoded in decoded_file(path, threads):
            if chosen.take(decoded) is not None:
                first, last, frames = first or decoded, decoded, frames + 1
            elif chosen.ended:
                following = decoded
                break
        if first is None or last is None:
            raise nothing_in(span)
        end = None if following is None else following.seconds
        packets, cut = dict.fromkeys(copied, 0), dict.fromkeys(copied, 0)
        for index, packet in copied_packets(container, list(packets)):
            packets[index] += _begins_between(packet, first.seconds, end)
            cut[index] += _stamp(packet) < first.seconds < _stamp(packet) + _duration(packet)
        shown = None if end is None else end - last.seconds
        return cls(span, frames, first.seconds, end, shown, packets, cut)

    def items(self, items: Iterable[Item]) -> Iterator[Item]:
        """The frames and packets of the part among those of the whole file, with times from the part's first frame.

        Reading ends when all of them have come. Packets of streams that are not in `packets` (cover pictures) are kept.
        """
        chosen, frames, left = PartFrames(self.span), self.frames, dict(self.packets)
        for item in items:
            if isinstance(item, DecodedFrame):
                taken = chosen.take(item) if frames else None
                if taken is not None:
                    frames -= 1
                    yield taken._replace(seconds=item.seconds - self.start)
            elif item.stream.index not in left:
                yield item
            elif _begins_between(item, self.start, self.end):
                left[item.stream.index] -= 1
                yield self._moved(item)
            if not frames and not any(left.values()):
                return

    def _moved(self, packet: Packet[Any]) -> Packet[Any]:
        tick = Fraction(packet.time_base)
        if self.end is not None and packet.stream.type == "subtitle" and packet.duration:
            packet.duration = min(packet.duration, int((self.end - _stamp(packet)) / tick))
        offset = round(self.start / tick)
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.dts = None if packet.dts is None else packet.dts - offset
        return packet


def nothing_in(span: VideoSpan) -> UnreadableVideo:
    """The error for a part without frames."""
    return UnreadableVideo(f"none of its frames lies in the part {span}: it ends before")


def _begins_between(packet: Packet[Any], start: Fraction, end: Fraction | None) -> bool:
    return start <= _stamp(packet) and (end is None or _stamp(packet) < end)


def _stamp(packet: Packet[Any]) -> Fraction:
    return (packet.pts if packet.pts is not None else packet.dts or 0) * Fraction(packet.time_base)


def _duration(packet: Packet[Any]) -> Fraction:
    return (packet.duration or 0) * Fraction(packet.time_base)
