"""Sound in a format that the copy's file does not hold: its samples are stored, every one as it is decoded."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from lsap_cli.video.stream_packets import codec_name, copied_packets

COUNTED_BY_LENGTH = frozenset({"tta"})
"""Formats whose number of samples readers of Matroska take from the file's length; one too many or few loses the last
packet, and the copy's length is that of its pictures, too."""
SAMPLES = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}


def has_samples(stream: Stream) -> bool:
    """Whether a stream is sound whose samples can be stored."""
    context = stream.codec_context
    return isinstance(context, AudioCodecContext) and context.format is not None and context.sample_rate > 0


def is_counted_by_length(stream: Stream) -> bool:
    """Whether a stream's packets can be read only where the file is as long as they are."""
    return codec_name(stream) in COUNTED_BY_LENGTH


def can_be_decoded(stream: Stream) -> bool:
    """Whether every packet of a stream of sound can be decoded; the file is read once more."""
    container = stream.container
    assert isinstance(container, InputContainer)  # the stream is a source's
    try:
        for _, packet in copied_packets(container, [stream.index]):
            packet.decode()
    except av.FFmpegError:
        return False
    return True


class SampleCopy:
    """One stream of sound, decoded and written as samples.

    Args:
        out: the output, whose header is not written yet.
        stream: the source's stream; see `has_samples`.
        suffix: of the output's file.
    """

    def __init__(self, out: OutputContainer, stream: Stream, suffix: str) -> None:
        context = stream.codec_context
        assert isinstance(context, AudioCodecContext)
        packed = context.format.packed.name
        target = out.add_stream(SAMPLES[packed], rate=context.sample_rate)
        assert isinstance(target, AudioStream)
        target.layout, target.format = context.layout.name, packed
        target.time_base = Fraction(1, context.sample_rate)
        self.target: Stream = target
        self._encoder = target
        reason = f"its format cannot be copied into {suffix[1:]} files here"
        if is_counted_by_length(stream):
            reason = "readers take the number of its samples from the file's length, which is another in the copy"
        self.remark = (
            f"stream {stream.index} (audio {codec_name(stream)}) is stored as samples ({target.name}): {reason}"
        )
        self._decoder: AudioCodecContext | None = None  # of the opening of the file that packets come from
        self._packer = AudioResampler(packed, context.layout.name, context.sample_rate)

    def packets(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """The samples of one packet; None: those that the decoder still holds."""
        if packet is not None:
            decoder = packet.stream.codec_context
            assert isinstance(decoder, AudioCodecContext)  # the stream is sound
            self._decoder = decoder
        if self._decoder is None:
            return
        for frame in self._decoder.decode(packet):
            assert isinstance(frame, AudioFrame)
            for packed in self._packer.resample(frame):
                yield from self._encoder.encode(packed)
