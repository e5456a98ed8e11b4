"""Timestamps of a file whose clock may start again on the way, and packets that are not to be shown."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.packet import Packet

MAY_START_AGAIN = 0x200  # AVFMT_TS_DISCONT: transport and program streams, whose clock can be set
BACKWARD_SECONDS = Fraction(1, 10)  # FFmpeg's own limits: a clock that steps back by more, or forward, was set
FORWARD_SECONDS = Fraction(10)
LEAD_IN_SECONDS = Fraction(1, 10)  # that audio decoders need before the first audible sample


class ContinuousClock:
    """Lets each stream's timestamps go on where the clock of its file starts again.

    All streams of a file share its clock, so that the same shift is given to each: what was simultaneous stays so.

    Args:
        container: the file that packets come from.
    """

    def __init__(self, container: InputContainer) -> None:
        self._active = bool(container.format.flags & MAY_START_AGAIN)
        self._shifts = [Fraction(0)]  # seconds, for each time that the clock was set
        self._times_set: dict[int, int] = {}
        self._next: dict[int, Fraction] = {}  # where a stream goes on, in seconds of the continuous clock
        self._last: dict[int, Fraction] = {}  # its last timestamp, in seconds of the file's clock

    def correct(self, packet: Packet[Any]) -> None:
        """Shifts a packet's timestamps, in place."""
        if not self._active or packet.dts is None or packet.time_base is None:
            return
        index, tick = packet.stream.index, Fraction(packet.time_base)
        stamp = packet.dts * tick
        last = self._last.get(index)
        if last is not None and not -BACKWARD_SECONDS <= stamp - last <= FORWARD_SECONDS:
            times = self._times_set[index] = self._times_set.get(index, 0) + 1
            if times == len(self._shifts):
                self._shifts.append(self._next[index] - stamp)
        shift = round(self._shifts[self._times_set.get(index, 0)] / tick)
        self._last[index] = stamp
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
