"""What is copied beside the pictures: sound, subtitles, cover pictures, attached files, chapters, metadata.

A stream that the copy cannot hold never refuses its video: it is left out and named.
"""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from lsap_cli.video.acm_copies import AcmCopy
from lsap_cli.video.codecs import Codec
from lsap_cli.video.demuxing import is_cover, video_tracks
from lsap_cli.video.matroska import rename_sound
from lsap_cli.video.parts import FilePart
from lsap_cli.video.sample_copies import has_samples
from lsap_cli.video.stream_copies import StreamCopy, is_held, make_stream_copy
from lsap_cli.video.stream_packets import (
    MUXERS,
    TEXT_OF_MP4,
    StreamSpan,
    codec_name,
    complete_packet,
    copied_packets,
    shift_packet,
)
from lsap_cli.video.stream_trials import NO_PACKET, try_streams

MP4 = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac", "mov_text"})  # what players take in it

# Metadata that is written anew with every file, or that describes the source file only.
STALE = """major_brand minor_version compatible_brands encoder duration bps number_of_frames number_of_bytes vendor_id
    _statistics_tags _statistics_writing_app _statistics_writing_date_utc"""
OF_THE_CONTAINER = frozenset(STALE.split())

# Metadata that mp4 has boxes for; others need a box of their own.
KNOWN_TO_MP4 = """title artist album_artist composer album date comment genre copyright grouping lyrics description
    synopsis show episode_id network keywords episode_sort season_number media_type track disc creation_time"""
OF_MP4 = frozenset(KNOWN_TO_MP4.split())
MOVIE_TICKS = "90000"  # a second, of an mp4's clock


class CopiedStreams:
    """The streams of a file that are copied as they are.

    Args:
        container: the source.
        video: the stream whose pictures are written anew.

    Attributes:
        copied: streams of sound and subtitles.
        remarks: sentences on what is not copied byte for byte, or not at all.
        left_out: whether a stream is not copied.
        spans: of the copied streams, as far as they have been copied.
        earliest: seconds at which the first of the copied streams begins, after `drop_what_cannot_travel`.
    """

    def __init__(self, container: InputContainer, video: VideoStream) -> None:
        self._container = container
        self.copied: list[Stream] = []
        self._covers = [one for one in container.streams.video if is_cover(one)]
        self._files = [one for one in container.streams if isinstance(one, AttachmentStream)]
        self.remarks: list[str] = []
        self.left_out = False
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
        self._chapters = container.chapters()
        self._copies: dict[int, StreamCopy] = {}
        self._cover_targets: dict[int, Stream] = {}
        self._next: dict[int, int] = {}
        self._shift = Fraction(0)

    def __bool__(self) -> bool:
        """Whether there is anything beside the video's pictures."""
        return bool(self.copied or self._covers or self._files or self._chapters or self.tags)

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
        trials = try_streams(self._container, suffix, self.copied)
        for one in list(self.copied):
            trial = trials[one.index]
            if trial.problem is not None:
                self.copied.remove(one)
                self._leave_out(one, trial.problem)
            elif trial.first is not None:
                self.earliest = trial.first if self.earliest is None else min(self.earliest, trial.first)

    def keep_part(self, part: FilePart) -> None:
        """Keeps what belongs to a part of the file, whose times begin at 0; names what cannot be cut.

        Sound is cut at its packets: it begins and ends up to one packet after the pictures.
        """
        self.earliest = None  # none of the packets that begin in the part precedes its first frame
        for one in list(self.copied):
            cut = part.cut[one.index] if one.type == "subtitle" else 0
            if cut:
                named = f"stream {one.index} ({one.type} {codec_name(one)})"
                self.remarks.append(f"{cut} of the texts of {named} begin before the part and are not copied")
            if not part.packets[one.index]:
                self.copied.remove(one)
                self._leave_out(one, "none of its packets begins in the part")
        if self._chapters:
            self._chapters = []
            self.remarks.append("its chapters are not copied: they are those of the whole")

    def add_to(self, out: OutputContainer, suffix: str, shift: Fraction = Fraction(0)) -> None:
        """Adds a stream for each of them, and the file's metadata, to an output that has nothing but its video yet.

        Args:
            out: the output.
            suffix: of its file.
            shift: seconds that are added to each timestamp.
        """
        self._shift = shift
        for one in self.copied:  # a trial has shown that each can be added
            copy = self._copies[one.index] = make_stream_copy(out, one, suffix)
            if copy.remark is not None:
                self.remarks.append(copy.remark)
            copy.target.metadata.update(_kept(one.metadata))
            copy.target.disposition = one.disposition
            self.spans[one.index] = StreamSpan.of(one)
        for one in self._covers:
            self._add_cover(out, one, suffix)
        for file in self._files:
            out.add_attachment(file.name or "attachment", file.mimetype or "application/octet-stream", file.data)
        out.metadata.update(self.tags)
        out.set_chapters([chapter | {"id": number + 1} for number, chapter in enumerate(self._chapters)])

    def mux(self, out: OutputContainer, packet: Packet[Any]) -> None:
        """Copies one packet."""
        index = packet.stream.index
        if index in self._copies:
            copy = self._copies[index]
            for part in copy.packets(packet):
                self._write(out, part, index, copy.target)
        elif index in self._cover_targets:
            self._write(out, packet, index, self._cover_targets[index])

    def finish(self, out: OutputContainer) -> None:
        """Writes what is still held of the streams."""
        for index, copy in self._copies.items():
            for part in copy.packets(None):
                self._write(out, part, index, copy.target)

    def complete(self, path: Path) -> None:
        """Gives tracks their names that the muxer could not, in the complete file.

        Raises:
            OSError: if the file is not laid out as the muxer does.
        """
        bits = {one.target.index + 1: one.bits for one in self._copies.values() if isinstance(one, AcmCopy)}
        if bits:
            rename_sound(path, bits)

    def _write(self, out: OutputContainer, packet: Packet[Any], index: int, target: Stream) -> None:
        complete_packet(packet, self._next.get(index, 0))
        if index in self.spans:
            self.spans[index].add(packet)
        self._next[index] = (packet.dts or 0) + (packet.duration or 1)
        if self._shift:
            shift_packet(packet, self._shift)
        packet.stream = target
        out.mux(packet)

    def _holds_chapters(self, stream: Stream) -> bool:
        return bool(self._container.chapters()) and stream.name == "bin_data"  # mp4 keeps its chapters in one

    def _leave_out(self, stream: Stream, reason: str | None) -> None:
        named = f"stream {stream.index} ({stream.type} {codec_name(stream)}".removesuffix(" unknown") + ")"
        self.remarks.append(f"{named} is not copied" + (f": {reason}" if reason else ""))
        self.left_out = True

    def _fits(self, suffix: str) -> bool:
        held = [
            one for one in self.copied if has_samples(one) or is_held(".mkv", one) or codec_name(one) == TEXT_OF_MP4
        ]
        if suffix == ".mp4":
            return not self._files and all(codec_name(one) in MP4 for one in held)
        if suffix == ".webm":
            return not (self._files or self._covers) and all(is_held(suffix, one) for one in held)
        return True

    def _add_cover(self, out: OutputContainer, cover: VideoStream, suffix: str) -> None:
        if suffix == ".mp4":
            target = out.add_stream_from_template(cover, opaque=True)
            target.disposition = cover.disposition
            self._cover_targets[cover.index] = target
            return
        kind = {"png": "png", "mjpeg": "jpeg"}.get(codec_name(cover), codec_name(cover))
        name = cover.metadata.get("filename", f"cover.{'jpg' if kind == 'jpeg' else kind}")
        out.add_attachment(name, cover.metadata.get("mimetype", f"image/{kind}"), self._picture(cover))

    def _picture(self, cover: VideoStream) -> bytes:
        """A cover's bytes: looked up in a second opening, since they must be known before the header is written."""
        for _, packet in copied_packets(self._container, [cover.index]):
            return bytes(packet)
        return b""


def muxer_options(suffix: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Options of the muxer that keep metadata, and when streams begin.

    mp4 drops keys without a box unless an option forbids it, and lets streams begin at a whole millisecond otherwise.
    """
    if suffix != ".mp4":
        return {}
    without_box = {key.lower() for key in metadata} - OF_MP4 - OF_THE_CONTAINER
    kept = {"movflags": "use_metadata_tags"} if without_box else {}
    return kept | {"movie_timescale": MOVIE_TICKS}


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower().split("-")[0] not in OF_THE_CONTAINER}
