"""Whether a stream can be copied: it is muxed for trial, by itself, into a file that is kept nowhere."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from lsap_cli.video.frames import reason_of
from lsap_cli.video.stream_copies import make_stream_copy
from lsap_cli.video.stream_packets import MUXERS, complete_packet, copied_packets

NO_PACKET = "it holds nothing"


class _Discarded(io.RawIOBase):
    """A file that is written and kept nowhere."""

    def __init__(self) -> None:
        self._place = self._size = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # any buffer, as RawIOBase has it
        self._place += len(data)
        self._size = max(self._size, self._place)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place


class StreamTrial:
    """One stream, muxed by itself to nowhere; its first failure is kept."""

    def __init__(self, suffix: str, stream: Stream) -> None:
        self._out: OutputContainer | None = av.open(_Discarded(), "w", format=MUXERS[suffix])
        self._next = 0
        self._last: int | None = None
        self.first: Fraction | None = None  # seconds
        self.problem: str | None = NO_PACKET
        try:
            self._copy = make_stream_copy(self._out, stream, suffix)
        except (ValueError, av.FFmpegError) as error:
            self._fail(f"{suffix[1:]} files do not hold it ({reason_of(error)})")

    def mux(self, packet: Packet[Any]) -> None:
        if self._out is None:
            return
        if self.problem == NO_PACKET:
            self.problem = None
        try:
            parts = list(self._copy.packets(packet))
        except (ValueError, OSError, av.FFmpegError) as error:
            self._fail(f"its samples cannot be stored ({reason_of(error)})")
            return
        for part in parts:
            self._write(part)

    def _write(self, packet: Packet[Any]) -> None:
        if self._out is None:
            return
        complete_packet(packet, self._next)
        if self.first is None:
            self.first = (packet.pts or 0) * Fraction(packet.time_base)
        self._next = (packet.dts or 0) + (packet.duration or 1)
        if self._last is not None and packet.dts is not None and packet.dts < self._last:
            self._fail("its clock steps back on the way")
            return
        self._last = packet.dts
        packet.stream = self._copy.target
        try:
            self._out.mux(packet)
        except (ValueError, OSError, av.FFmpegError) as error:
            self._fail(f"it cannot be written ({reason_of(error)})")

    def close(self) -> None:
        if self._out is not None and self.problem is None:
            try:
                self._out.close()
            except (ValueError, OSError, av.FFmpegError) as error:
                self.problem = f"it cannot be written ({reason_of(error)})"

    def _fail(self, problem: str) -> None:
        self.problem, self._out = problem, None


def try_streams(container: InputContainer, suffix: str, streams: Sequence[Stream]) -> dict[int, StreamTrial]:
    """What comes of muxing each stream by itself, by its index."""
    trials = {one.index: StreamTrial(suffix, one) for one in streams}
    for index, packet in copied_packets(container, list(trials)):
        trials[index].mux(packet)
    for trial in trials.values():
        trial.close()
    return trials
