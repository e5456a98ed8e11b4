"""What is copied beside the pictures: sound, subtitles, cover pictures, attached files, chapters, metadata.

A stream that the copy cannot hold never refuses its video: it is left out and named.
"""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from lsap_cli.video.codecs import Codec
from lsap_cli.video.demuxing import OPENING, file_of, is_cover, video_tracks
from lsap_cli.video.frames import reason_of
from lsap_cli.video.sample_copies import SampleCopy, has_samples
from lsap_cli.video.timestamps import ContinuousClock, HiddenPackets

MUXERS = {".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
MP4 = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac", "mov_text"})  # what players take in it
TEXT_OF_MP4 = "mov_text"
MATROSKA_TICK = Fraction(1, 1000)
NO_PACKET = "it holds nothing"

# Metadata that is written anew with every file, or that is said of the very file it came from.
STALE = """major_brand minor_version compatible_brands encoder duration bps number_of_frames number_of_bytes vendor_id
    _statistics_tags _statistics_writing_app _statistics_writing_date_utc"""
OF_THE_CONTAINER = frozenset(STALE.split())

# Metadata that mp4 has boxes for; others need a box of their own.
KNOWN_TO_MP4 = """title artist album_artist composer album date comment genre copyright grouping lyrics description
    synopsis show episode_id network keywords episode_sort season_number media_type track disc creation_time"""
OF_MP4 = frozenset(KNOWN_TO_MP4.split())


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
    """

    kind: str
    index: int
    start: Fraction | None = None
    last: Fraction = Fraction(0)
    end: Fraction = Fraction(0)
    packets: int = 0

    def add(self, packet: Packet[Any]) -> None:
        """Counts one packet that has timestamps."""
        tick = Fraction(packet.time_base)
        stamp = (packet.pts if packet.pts is not None else packet.dts or 0) * tick
        self.start = stamp if self.start is None else min(self.start, stamp)
        self.last = max(self.last, stamp)
        self.packets += 1
        self.end = max(self.end, stamp + (packet.duration or 0) * tick)


class CopiedStreams:
    """The streams of a file that are copied as they are.

    Args:
        container: the source.
        video: the stream whose pictures are written anew.

    Attributes:
        copied: streams of sound and subtitles.
        remarks: sentences on what is not copied byte for byte, or not at all.
        spans: of the copied streams, as far as they have been copied.
        earliest: seconds at which the first of the copied streams begins, after `drop_what_cannot_travel`.
    """

    def __init__(self, container: InputContainer, video: VideoStream) -> None:
        self._container = container
        self.copied: list[Stream] = []
        self._covers = [one for one in container.streams.video if is_cover(one)]
        self._files = [one for one in container.streams if isinstance(one, AttachmentStream)]
        self.remarks: list[str] = []
        self.spans: dict[int, StreamSpan] = {}
        self.earliest: Fraction | None = None
        for one in container.streams:
            if one.type in ("audio", "subtitle") and one.codec_context is not None:
                self.copied.append(one)
            elif one.type in ("audio", "subtitle"):
                self._leave_out(one, "its format is not known here")
            elif one.type in ("data", "unknown") and not self._holds_chapters(one):
                self._leave_out(one, None)
        for track in video_tracks(container):
            if track.index != video.index:  # two with pictures are refused before
                self._leave_out(track, NO_PACKET)
        self._texts: set[int] = set()
        self._samples: dict[int, SampleCopy] = {}
        self._targets: dict[int, Stream] = {}
        self._next: dict[int, int] = {}
        self._shift = Fraction(0)

    def __bool__(self) -> bool:
        """Whether there is anything beside the video's pictures."""
        return bool(self.copied or self._covers or self._files or self._container.chapters() or self.tags)

    @property
    def tags(self) -> dict[str, str]:
        """The metadata of the whole file that is copied."""
        return _kept(self._container.metadata)

    @property
    def streams(self) -> list[Stream]:
        """Those whose packets `mux` takes."""
        return [*self.copied, *self._covers]

    def suffix(self, codec: Codec) -> str:
        """Of the first file that the codec can be in and that holds all of them, or most where none holds all."""
        for suffix in codec.suffixes:
            if suffix not in MUXERS or self._fits(suffix):
                return suffix
        return codec.suffixes[-1]

    def drop_what_cannot_travel(self, suffix: str) -> None:
        """Leaves out each stream that the muxer refuses, or whose packets it refuses, and says why.

        The source's packets are read once and muxed for trial: a muxer says of some streams only then that it cannot
        take them, when a part of the file is written.
        """
        trials = _trials(self._container, suffix, self.copied)
        for one in list(self.copied):
            trial = trials[one.index]
            if trial.problem is not None:
                self.copied.remove(one)
                self._leave_out(one, trial.problem)
            elif trial.first is not None:
                self.earliest = trial.first if self.earliest is None else min(self.earliest, trial.first)

    def add_to(self, out: OutputContainer, suffix: str, shift: Fraction = Fraction(0)) -> None:
        """Adds a stream for each of them, and the file's metadata, to an output that has nothing but its video yet.

        Args:
            out: the output.
            suffix: of its file.
            shift: seconds that are added to each timestamp.
        """
        self._shift = shift
        for one in self.copied:
            if _name(one) == TEXT_OF_MP4 and suffix != ".mp4":
                target = _plain_text(out, one)
                self._texts.add(one.index)
                self.remarks.append(f"stream {one.index} (mov_text) is copied as plain text, without its styles")
            elif _refusal(suffix, one) is not None:  # a trial has shown that its samples can be stored
                copy = self._samples[one.index] = SampleCopy(out, one)
                target = copy.target
                self.remarks.append(
                    f"stream {one.index} (audio {_name(one)}) is stored as samples ({target.name}): {suffix[1:]} files do "
                    "not hold its format"
                )
            else:
                target = _like(out, one)
            target.metadata.update(_kept(one.metadata))
            target.disposition = one.disposition
            self._targets[one.index] = target
            self.spans[one.index] = StreamSpan(one.type, one.index)
        for one in self._covers:
            self._add_cover(out, one, suffix)
        for file in self._files:
            out.add_attachment(file.name or "attachment", file.mimetype or "application/octet-stream", file.data)
        out.metadata.update(self.tags)
        out.set_chapters([chapter | {"id": number + 1} for number, chapter in enumerate(self._container.chapters())])

    def mux(self, out: OutputContainer, packet: Packet[Any]) -> None:
        """Copies one packet."""
        source = packet.stream
        target = self._targets.get(source.index)
        if target is None:
            return
        if source.index in self._texts:
            packet = _as_plain_text(packet)
            if not packet.size:
                return
        if source.index in self._samples:
            for part in self._samples[source.index].packets(packet):
                self._write(out, part, source.index, target)
        else:
            self._write(out, packet, source.index, target)

    def finish(self, out: OutputContainer) -> None:
        """Writes what decoders still hold of sound that is stored as samples."""
        for index, copy in self._samples.items():
            for part in copy.packets(None):
                self._write(out, part, index, copy.target)

    def _write(self, out: OutputContainer, packet: Packet[Any], index: int, target: Stream) -> None:
        _complete(packet, self._next.get(index, 0))
        if index in self.spans:
            self.spans[index].add(packet)
        self._next[index] = (packet.dts or 0) + (packet.duration or 1)
        if self._shift:
            _shift_packet(packet, self._shift)
        packet.stream = target
        out.mux(packet)

    def _holds_chapters(self, stream: Stream) -> bool:
        return bool(self._container.chapters()) and stream.name == "bin_data"  # mp4 keeps its chapters in one

    def _leave_out(self, stream: Stream, reason: str | None) -> None:
        named = f"stream {stream.index} ({stream.type} {_name(stream)}".removesuffix(" unknown") + ")"
        self.remarks.append(f"{named} is not copied" + (f": {reason}" if reason else ""))

    def _fits(self, suffix: str) -> bool:
        held = [
            one for one in self.copied if has_samples(one) or _refusal(".mkv", one) is None or _name(one) == TEXT_OF_MP4
        ]
        if suffix == ".mp4":
            return not self._files and all(_name(one) in MP4 for one in held)
        if suffix == ".webm":
            return not (self._files or self._covers) and all(_refusal(suffix, one) is None for one in held)
        return True

    def _add_cover(self, out: OutputContainer, cover: VideoStream, suffix: str) -> None:
        if suffix == ".mp4":
            target = _like(out, cover)
            target.disposition = cover.disposition
            self._targets[cover.index] = target
            return
        kind = {"png": "png", "mjpeg": "jpeg"}.get(_name(cover), _name(cover))
        name = cover.metadata.get("filename", f"cover.{'jpg' if kind == 'jpeg' else kind}")
        out.add_attachment(name, cover.metadata.get("mimetype", f"image/{kind}"), self._picture(cover))

    def _picture(self, cover: VideoStream) -> bytes:
        """A cover's bytes: looked up in a second opening, since they must be known before the header is written."""
        for _, packet in _packets(self._container, [cover.index]):
            return bytes(packet)
        return b""


def read_spans(container: InputContainer) -> list[StreamSpan]:
    """When each stream of sound and subtitles of an opened file begins and ends, in the order of the streams."""
    streams = [one for one in container.streams if one.type in ("audio", "subtitle")]
    spans = {one.index: StreamSpan(one.type, one.index) for one in streams}
    for index, packet in _packets(container, list(spans)):
        _complete(packet, 0)
        spans[index].add(packet)
    return list(spans.values())


def muxer_options(suffix: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Options of the muxer that keep metadata: mp4 drops keys that it has no box for unless it is told not to."""
    without_box = {key.lower() for key in metadata} - OF_MP4 - OF_THE_CONTAINER
    return {"movflags": "use_metadata_tags"} if suffix == ".mp4" and without_box else {}


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


class _Trial:
    """One stream, muxed by itself to nowhere; its first failure is kept."""

    def __init__(self, suffix: str, stream: Stream) -> None:
        self._text = _name(stream) == TEXT_OF_MP4 and suffix != ".mp4"
        self._out: OutputContainer | None = av.open(_Discarded(), "w", format=MUXERS[suffix])
        self._next = 0
        self._last: int | None = None
        self.first: Fraction | None = None  # seconds
        self.problem: str | None = NO_PACKET
        self._samples: SampleCopy | None = None
        try:
            if self._text:
                self._target = _plain_text(self._out, stream)
            elif _refusal(suffix, stream) is not None and has_samples(stream):
                self._samples = SampleCopy(self._out, stream)
                self._target = self._samples.target
            else:
                self._target = _like(self._out, stream)
        except (ValueError, av.FFmpegError) as error:
            self.problem = f"{suffix[1:]} files do not hold it ({reason_of(error)})"
            self._out = None

    def mux(self, packet: Packet[Any]) -> None:
        if self._out is None:
            return
        if self.problem == NO_PACKET:
            self.problem = None
        if self._text:
            packet = _as_plain_text(packet)
            if not packet.size:
                return
        if self._samples is not None:
            try:
                parts = list(self._samples.packets(packet))
            except (ValueError, OSError, av.FFmpegError) as error:
                self._fail(f"its samples cannot be stored ({reason_of(error)})")
                return
            for part in parts:
                self._write(part)
            return
        self._write(packet)

    def _write(self, packet: Packet[Any]) -> None:
        if self._out is None:
            return
        _complete(packet, self._next)
        if self.first is None:
            self.first = (packet.pts or 0) * Fraction(packet.time_base)
        self._next = (packet.dts or 0) + (packet.duration or 1)
        if self._last is not None and packet.dts is not None and packet.dts < self._last:
            self._fail("its clock steps back on the way")
            return
        self._last = packet.dts
        packet.stream = self._target
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


def _trials(container: InputContainer, suffix: str, streams: Sequence[Stream]) -> dict[int, _Trial]:
    """What comes of muxing each stream by itself, by its index."""
    trials = {one.index: _Trial(suffix, one) for one in streams}
    for index, packet in _packets(container, list(trials)):
        trials[index].mux(packet)
    for trial in trials.values():
        trial.close()
    return trials


def _packets(container: InputContainer, indices: Sequence[int]) -> Iterable[tuple[int, Packet[Any]]]:
    """The packets of some streams that belong into a copy, by a second opening of the file; up to where it is damaged."""
    if not indices:
        return
    name = container.format.name.split(",")[0] if container.format.name == "mjpeg" else None
    with av.open(f"file:{file_of(container)}", format=name, metadata_errors="replace", options=OPENING) as again:
        clock, hidden = ContinuousClock(again), HiddenPackets()
        try:
            for packet in again.demux([again.streams[index] for index in indices]):
                clock.correct(packet)
                if packet.size and not hidden.hides(packet):
                    yield packet.stream.index, packet
        except (av.FFmpegError, OSError):
            return  # what is damaged is named when the frames are decoded


def _complete(packet: Packet[Any], following: int) -> None:
    """Gives timestamps to a packet without: it follows the one before it."""
    if packet.dts is None:
        packet.dts = packet.pts if packet.pts is not None else following
    if packet.pts is None:
        packet.pts = packet.dts


def _shift_packet(packet: Packet[Any], seconds: Fraction) -> None:
    """Moves a packet, to the nearest millisecond: what Matroska holds."""
    tick = Fraction(packet.time_base)
    pts, dts, duration = packet.pts or 0, packet.dts or 0, packet.duration or 0
    packet.pts = round((pts * tick + seconds) / MATROSKA_TICK)
    packet.dts = min(round((dts * tick + seconds) / MATROSKA_TICK), packet.pts)
    packet.duration = round(duration * tick / MATROSKA_TICK)
    packet.time_base = MATROSKA_TICK


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower().split("-")[0] not in OF_THE_CONTAINER}


def _name(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"


def _refusal(suffix: str, stream: Stream) -> str | None:
    """Why FFmpeg's muxer does not take a stream as it is; None: it does."""
    with av.open(_Discarded(), "w", format=MUXERS[suffix]) as out:
        try:
            _like(out, stream)
        except (ValueError, av.FFmpegError) as error:
            return reason_of(error)
    return None


def _like(out: OutputContainer, stream: Stream) -> Stream:
    return out.add_stream_from_template(stream, opaque=True)


def _plain_text(out: OutputContainer, stream: Stream) -> Stream:
    target = out.add_mux_stream("subrip")
    target.time_base = Fraction(stream.time_base or Fraction(1, 1000))
    return target


def _as_plain_text(packet: Packet[Any]) -> Packet[Any]:
    """A packet of 3GPP timed text (TS 26.245: length, text, style boxes) as its text alone."""
    data = bytes(packet)
    text = Packet(data[2 : 2 + int.from_bytes(data[:2], "big")])
    text.pts, text.dts, text.duration, text.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    return text
