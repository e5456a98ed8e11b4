"""What travels beside the video: sound, subtitles, cover pictures, attached files, chapters, metadata."""

from __future__ import annotations  # av.Packet takes a type argument in its stubs only

import io
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from lsap_cli.video.codecs import Codec
from lsap_cli.video.reading import UnreadableVideo, is_cover

MUXERS = {".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
MP4 = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac", "mov_text"})  # what players take in it
TEXT_OF_MP4 = "mov_text"

# Metadata that is written anew with every file, or that is said of the very file it came from.
STALE = """major_brand minor_version compatible_brands encoder duration bps number_of_frames number_of_bytes vendor_id
    _statistics_tags _statistics_writing_app _statistics_writing_date_utc"""
OF_THE_CONTAINER = frozenset(STALE.split())

# Metadata that mp4 has boxes for; others need a box of their own.
KNOWN_TO_MP4 = """title artist album_artist composer album date comment genre copyright grouping lyrics description
    synopsis show episode_id network keywords episode_sort season_number media_type track disc creation_time"""
OF_MP4 = frozenset(KNOWN_TO_MP4.split())


class CopiedStreams:
    """The streams of a file that are copied as they are.

    Attributes:
        copied: streams of sound and subtitles.
        remarks: sentences on what is not copied byte for byte, or not at all.
    """

    LEFT_OUT: ClassVar[tuple[str, ...]] = ("data", "unknown")

    def __init__(self, container: InputContainer, video: VideoStream) -> None:
        self._container = container
        self._video = video
        self.copied = [one for one in container.streams if one.type in ("audio", "subtitle")]
        self._covers = [one for one in container.streams.video if is_cover(one)]
        self._files = [one for one in container.streams if isinstance(one, AttachmentStream)]
        chapters = bool(container.chapters())
        self.remarks = [
            f"stream {one.index} ({one.type} {one.name or ''}".rstrip() + ") is not copied"
            for one in container.streams
            if one.type in self.LEFT_OUT and not (chapters and one.name == "bin_data")  # mp4 keeps its chapters in one
        ]
        self._texts: set[int] = set()
        self._targets: dict[int, Stream] = {}
        self._last: dict[int, int] = {}

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
        """Of the first file that the codec can be in and that holds all of them.

        Raises:
            UnreadableVideo: if there is none.
        """
        for suffix in codec.suffixes:
            if suffix not in MUXERS or self._fits(suffix):
                return suffix
        strange = [f"stream {one.index} ({one.type} {_name(one)})" for one in self.copied if not _takes(".mkv", one)]
        raise UnreadableVideo(
            f"no {codec.suffixes[-1]} file holds its {', '.join(strange)}; convert it, or take it out"
        )

    def add_to(self, out: OutputContainer, suffix: str) -> None:
        """Adds a stream for each of them, and the file's metadata, to an output that has nothing but its video yet."""
        for one in self.copied:
            if _name(one) == TEXT_OF_MP4 and suffix != ".mp4":
                target = _plain_text(out, one)
                self._texts.add(one.index)
                self.remarks.append(f"stream {one.index} (mov_text) is copied as plain text, without its styles")
            else:
                target = _like(out, one)
            target.metadata.update(_kept(one.metadata))
            target.disposition = one.disposition
            self._targets[one.index] = target
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
        if packet.dts is None:  # a packet without a timestamp follows the one before it
            packet.dts = packet.pts if packet.pts is not None else self._last.get(source.index, 0)
        if packet.pts is None:
            packet.pts = packet.dts
        self._last[source.index] = packet.dts + (packet.duration or 1)
        packet.stream = target
        out.mux(packet)

    def _fits(self, suffix: str) -> bool:
        if suffix == ".mp4":
            return not self._files and all(_name(one) in MP4 for one in self.copied)
        if suffix == ".webm":
            return not (self._files or self._covers) and all(_takes(suffix, one) for one in self.copied)
        return all(_takes(suffix, one) or _name(one) == TEXT_OF_MP4 for one in self.copied)

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
        with av.open(self._container.name, metadata_errors="replace") as again:
            return next((bytes(packet) for packet in again.demux(again.streams[cover.index]) if packet.size), b"")


def muxer_options(suffix: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Options of the muxer that keep metadata: mp4 drops keys that it has no box for unless it is told not to."""
    strange = {key.lower() for key in metadata} - OF_MP4 - OF_THE_CONTAINER
    return {"movflags": "use_metadata_tags"} if suffix == ".mp4" and strange else {}


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower().split("-")[0] not in OF_THE_CONTAINER}


def _name(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"


def _takes(suffix: str, stream: Stream) -> bool:
    """Whether FFmpeg's muxer takes a stream as it is."""
    with av.open(io.BytesIO(), "w", format=MUXERS[suffix]) as out:
        try:
            _like(out, stream)
        except (ValueError, av.FFmpegError):
            return False
    return True


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
