"""Timestamps: of a file whose clock may start again on the way, of packets that are not shown, of a whole source."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.packet import Packet

MAY_START_AGAIN = 0x200  # AVFMT_TS_DISCONT: transport and program streams, whose clock can be set
BACKWARD_SECONDS = Fraction(1, 10)  # FFmpeg's own limits: a clock that steps back by more, or forward, was set
FORWARD_SECONDS = Fraction(10)
LONGEST_WAIT = Fraction(1)  # seconds behind a new start, until which other streams have come to it, too
MOST_HELD = 4096  # packets meanwhile
LEAD_IN_SECONDS = Fraction(1, 10)  # that audio decoders need before the first audible sample
NANOSECONDS = 10**9


def continuous_packets(container: InputContainer, indices: Iterable[int]) -> Iterator[Packet[Any]]:
    """The packets of some streams in order; where the clock of the file starts again, their timestamps go on.

    All streams of a file share its clock, so that the same shift is given to each: what was simultaneous stays so. No
    stream of pictures or sound steps back: the one that ended last decides where all go on. A file's times are the
    same whichever of its streams are read, since the packets of all are looked at.

    Args:
        container: the file; from its beginning.
        indices: of the streams.
    """
    wanted = set(indices)
    if not container.format.flags & MAY_START_AGAIN:
        yield from container.demux([container.streams[index] for index in sorted(wanted)])
        return
    clock = _Clock()
    for packet in container.demux():
        yield from (ready for ready in clock.add(packet) if ready.stream.index in wanted)
    yield from (ready for ready in clock.release() if ready.stream.index in wanted)


class _Clock:
    """Shifts the packets of all streams of one file, and holds them back while a shift is not known yet."""

    def __init__(self) -> None:
        self._shifts = [Fraction(0)]  # seconds, for each time that the clock was set
        self._times_set: dict[int, int] = {}  # of each stream: how often, up to its last packet
        self._next: dict[int, Fraction] = {}  # where a stream goes on, in seconds of the continuous clock
        self._last: dict[int, tuple[Fraction, Fraction]] = {}  # when its last packet begins and ends, by the file's
        self._shown: set[int] = set()  # streams of pictures and sound
        self._starts: dict[int, Fraction] = {}  # by the file's clock, since it was set; empty: all shifts are known
        self._held: list[tuple[Packet[Any], bool]] = []  # each with whether it is still to be shifted

    def add(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """Takes a packet; gives those whose times are known, shifted in place."""
        if packet.dts is None or packet.time_base is None:
            if not self._starts:
                return [packet]
            self._held.append((packet, False))
            return []
        index, tick = packet.stream.index, Fraction(packet.time_base)
        stamp = packet.dts * tick
        ready: list[Packet[Any]] = []
        if self._is_set_before(packet, stamp):
            if index in self._starts:
                ready = self.release()
            self._times_set[index] += 1
        self._times_set.setdefault(index, len(self._shifts) - (0 if self._starts else 1))
        self._last[index] = stamp, stamp + (packet.duration or 0) * tick
        if packet.stream.type in ("video", "audio"):
            self._shown.add(index)
        unknown = self._times_set[index] == len(self._shifts)
        if unknown:
            self._starts.setdefault(index, stamp)
        else:
            self._shift(packet)
        if not self._starts:
            return [*ready, packet]
        self._held.append((packet, unknown))
        enough = unknown and stamp - self._starts[index] > LONGEST_WAIT
        if enough or len(self._held) > MOST_HELD or self._all_started():
            ready += self.release()
        return ready

    def release(self) -> list[Packet[Any]]:
        """The packets that are held: the stream that ended last decides where all of them go on."""
        if self._starts:
            ends = [self._next[index] - start for index, start in self._starts.items() if index in self._next]
            self._shifts.append(max(ends))
        held, self._held, self._starts = self._held, [], {}
        for packet, unknown in held:
            if unknown:
                self._shift(packet)
        return [packet for packet, _ in held]

    def _is_set_before(self, packet: Packet[Any], stamp: Fraction) -> bool:
        """Whether the clock was set between a stream's last packet and this one; texts may be far apart."""
        index = packet.stream.index
        if index not in self._last:
            return False
        begins, ends = self._last[index]
        return stamp < begins - BACKWARD_SECONDS or (index in self._shown and stamp > ends + FORWARD_SECONDS)

    def _all_started(self) -> bool:
        return all(self._times_set[index] == len(self._shifts) for index in self._shown)

    def _shift(self, packet: Packet[Any]) -> None:
        index, tick = packet.stream.index, Fraction(packet.time_base)
        assert packet.dts is not None  # only packets with timestamps are shifted
        shift = round(self._shifts[self._times_set[index]] / tick)
        packet.dts += shift
        if packet.pts is not None:
            packet.pts += shift
        self._next[index] = (packet.dts + (packet.duration or 0)) * tick


class HiddenPackets:
    """Which packets of a file are decoded but not shown: what lies before a cut that was made without coding again.

    What a decoder needs before the first sample of a stream is hidden, too, but belongs to the stream.
    """

    def __init__(self) -> None:
        self._keeps: dict[int, bool] = {}  # of each stream: whether hidden packets that come next are its lead-in

    def hides(self, packet: Packet[Any]) -> bool:
        """Whether a packet does not belong into a copy."""
        index = packet.stream.index
        if not packet.is_discard:
            self._keeps[index] = False
            return False
        if index not in self._keeps:
            early = packet.pts is None or packet.pts * Fraction(packet.time_base) < -LEAD_IN_SECONDS
            self._keeps[index] = not early
        return not self._keeps[index]


class SourceTimes:
    """When the frames of a source are shown, in seconds of its clock: eight bytes for each, to the nanosecond."""

    def __init__(self) -> None:
        self._nanoseconds = array("q")

    def add(self, seconds: Fraction) -> None:
        """The next frame's timestamp."""
        self._nanoseconds.append(round(seconds * NANOSECONDS))

    def __len__(self) -> int:
        return len(self._nanoseconds)

    def __getitem__(self, number: int) -> Fraction:
        return Fraction(self._nanoseconds[number], NANOSECONDS)
