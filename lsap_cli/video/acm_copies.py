"""Sound that Matroska holds in Microsoft's way (A_MS/ACM): μ-law, A-law, ADPCM, Windows Media Audio.

FFmpeg's muxer writes such tracks, but PyAV lets none be added. Packets are therefore written into a track of samples
whose description is Microsoft's, and the complete file gets the track's right name (see `matroska.rename_sound`).
"""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

STAND_IN = "pcm_u8"  # its packets are written as they are, and its description, too
BITS_PER_SAMPLE = slice(14, 16)  # of a WAVEFORMATEX
CHUNK_SIZE, CHUNK_START = slice(16, 20), 20  # of the first chunk of a wave file, which is the description


def wave_format(stream: Stream) -> bytes | None:
    """Microsoft's description of a stream of sound (WAVEFORMATEX), as FFmpeg writes it; None: it has none."""
    if not isinstance(stream.codec_context, AudioCodecContext):
        return None
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="wav", container_options={"fflags": "+bitexact"}) as out:
            out.add_stream_from_template(stream, opaque=True)
            out.start_encoding()
            header = file.getvalue()
    except (ValueError, OSError, av.FFmpegError):
        return None
    size = int.from_bytes(header[CHUNK_SIZE], "little")
    return header[CHUNK_START : CHUNK_START + size] or None


class AcmCopy:
    """One stream of sound, copied as it is into a track that is renamed when the file is complete.

    Args:
        out: the Matroska file, whose header is not written yet.
        stream: the source's stream.
        description: its `wave_format`.

    Attributes:
        bits: of a sample, for the track's description; 0 where the format has none.
    """

    remark = None

    def __init__(self, out: OutputContainer, stream: Stream, description: bytes) -> None:
        context = stream.codec_context
        assert isinstance(context, AudioCodecContext)  # it has a wave format
        target = out.add_stream(STAND_IN, rate=context.sample_rate)
        assert isinstance(target, AudioStream)
        target.layout = context.layout.name
        target.codec_context.extradata = description
        target.time_base = Fraction(stream.time_base or Fraction(1, context.sample_rate))
        self.target: Stream = target
        self.bits = int.from_bytes(description[BITS_PER_SAMPLE], "little")

    def packets(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """The packet itself."""
        if packet is not None:
            yield packet
