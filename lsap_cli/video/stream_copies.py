"""How one stream of sound or subtitles is copied: its packets as they are, or what can be held in their place."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from lsap_cli.video.acm_copies import AcmCopy, wave_format
from lsap_cli.video.frames import reason_of
from lsap_cli.video.sample_copies import SampleCopy, can_be_decoded, has_samples, is_counted_by_length
from lsap_cli.video.stream_packets import MUXERS, TEXT_OF_MP4, codec_name


class StreamCopy(Protocol):
    """One stream on its way into an output."""

    @property
    def target(self) -> Stream:
        """The output's stream."""
        ...

    @property
    def remark(self) -> str | None:
        """A sentence on what is not byte for byte the same; None: nothing."""
        ...

    def packets(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """The packets to write for one of the source; None: those that are still held at its end."""
        ...


class PacketCopy:
    """Every packet as it is."""

    def __init__(self, out: OutputContainer, stream: Stream) -> None:
        self.target: Stream = out.add_stream_from_template(stream, opaque=True)
        self.remark: str | None = None
        if is_counted_by_length(stream):
            self.remark = (
                f"stream {stream.index} (audio {codec_name(stream)}) is copied as it is: readers of the source cannot "
                "decode all of it, and those of the copy may decode less"
            )

    def packets(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        if packet is not None:
            yield packet


class TextCopy:
    """3GPP timed text (TS 26.245: length, text, style boxes) as its text alone."""

    def __init__(self, out: OutputContainer, stream: Stream) -> None:
        self.target = out.add_mux_stream("subrip")
        self.target.time_base = Fraction(stream.time_base or Fraction(1, 1000))
        self.remark = f"stream {stream.index} (mov_text) is copied as plain text, without its styles"

    def packets(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        if packet is None:
            return
        data = bytes(packet)
        text = Packet(data[2 : 2 + int.from_bytes(data[:2], "big")])
        text.pts, text.dts, text.duration, text.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
        if text.size:
            yield text


def make_stream_copy(out: OutputContainer, stream: Stream, suffix: str) -> StreamCopy:
    """Adds a stream to an output whose header is not written yet.

    Args:
        out: the output.
        stream: the source's stream of sound or subtitles.
        suffix: of the output's file.

    Raises:
        ValueError: if it cannot be held in any way.
    """
    if codec_name(stream) == TEXT_OF_MP4 and suffix != ".mp4":
        return TextCopy(out, stream)
    problem = refusal(suffix, stream)
    if is_counted_by_length(stream) and has_samples(stream) and can_be_decoded(stream):
        return SampleCopy(out, stream, suffix)
    if problem is None:
        return PacketCopy(out, stream)
    description = wave_format(stream) if suffix == ".mkv" else None
    if description is not None:
        return AcmCopy(out, stream, description)
    if has_samples(stream):
        return SampleCopy(out, stream, suffix)
    raise ValueError(problem)


def is_held(suffix: str, stream: Stream) -> bool:
    """Whether a file holds a stream's packets as they are."""
    return refusal(suffix, stream) is None or (suffix == ".mkv" and wave_format(stream) is not None)


def refusal(suffix: str, stream: Stream) -> str | None:
    """Why PyAV adds no stream like this one to a file; None: it does."""
    with av.open(io.BytesIO(), "w", format=MUXERS[suffix]) as out:
        try:
            out.add_stream_from_template(stream, opaque=True)
        except (ValueError, av.FFmpegError) as error:
            return reason_of(error)
    return None
