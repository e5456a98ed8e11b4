"""Packets of sound and subtitles, as they are copied: which, when, and into what stream."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from lsap_cli.video.demuxing import OPENING, file_of
from lsap_cli.video.timestamps import HiddenPackets, continuous_packets

MUXERS = {".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
MATROSKA_TICK = Fraction(1, 1000)
TEXT_OF_MP4 = "mov_text"


@dataclass
class StreamSpan:
    """When one copied stream begins and ends, in seconds of its file's clock.

    Attributes:
        kind: audio or subtitle.
        index: in its file.
        start: of its first packet.
        last: when its last packet begins.
        end: of its last packet.
        packets: how many there are.
        format: what its packets are in, and the description of them that a decoder needs; empty: not known.
    """

    kind: str
    index: int
    start: Fraction | None = None
    last: Fraction = Fraction(0)
    end: Fraction = Fraction(0)
    packets: int = 0
    format: tuple[str, bytes] = ("", b"")

    @classmethod
    def of(cls, stream: Stream) -> StreamSpan:
        """That of a stream of which no packet has been counted."""
        context = stream.codec_context
        description = bytes(context.extradata or b"") if context is not None else b""
        return cls(stream.type, stream.index, format=(codec_name(stream), description))

    def add(self, packet: Packet[Any]) -> None:
        """Counts one packet that has timestamps."""
        tick = Fraction(packet.time_base)
        stamp = (packet.pts if packet.pts is not None else packet.dts or 0) * tick
        self.start = stamp if self.start is None else min(self.start, stamp)
        self.last = max(self.last, stamp)
        self.packets += 1
        self.end = max(self.end, stamp + (packet.duration or 0) * tick)


def read_spans(container: InputContainer) -> list[StreamSpan]:
    """When each stream of sound and subtitles of an opened file begins and ends, in the order of the streams."""
    streams = [one for one in container.streams if one.type in ("audio", "subtitle")]
    spans = {one.index: StreamSpan.of(one) for one in streams}
    for index, packet in copied_packets(container, list(spans)):
        complete_packet(packet, 0)
        spans[index].add(packet)
    return list(spans.values())


def copied_packets(container: InputContainer, indices: Sequence[int]) -> Iterable[tuple[int, Packet[Any]]]:
    """Packets of some streams for a copy, by a second opening of the file; up to where it is damaged."""
    if not indices:
        return
    name = container.format.name.split(",")[0] if container.format.name == "mjpeg" else None
    with av.open(f"file:{file_of(container)}", format=name, metadata_errors="replace", options=OPENING) as again:
        hidden = HiddenPackets()
        try:
            for packet in continuous_packets(again, indices):
                if packet.size and not hidden.hides(packet):
                    yield packet.stream.index, packet
        except (av.FFmpegError, OSError):
            return  # what is damaged is named when the frames are decoded


def complete_packet(packet: Packet[Any], following: int) -> None:
    """Gives timestamps to a packet without: it follows the one before it."""
    if packet.dts is None:
        packet.dts = packet.pts if packet.pts is not None else following
    if packet.pts is None:
        packet.pts = packet.dts


def shift_packet(packet: Packet[Any], seconds: Fraction) -> None:
    """Moves a packet, to the nearest millisecond: what Matroska holds."""
    tick = Fraction(packet.time_base)
    pts, dts, duration = packet.pts or 0, packet.dts or 0, packet.duration or 0
    packet.pts = round((pts * tick + seconds) / MATROSKA_TICK)
    packet.dts = min(round((dts * tick + seconds) / MATROSKA_TICK), packet.pts)
    packet.duration = round(duration * tick / MATROSKA_TICK)
    packet.time_base = MATROSKA_TICK


def codec_name(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"
