"""What FFmpeg's Matroska muxer does not write through PyAV, added afterwards: display size, names of sound formats.

The track's description grows by some bytes. They are taken from the empty space that FFmpeg's muxer leaves behind the
list of positions (SeekHead), so that nothing behind the description moves (RFC 9559; EBML: RFC 8794).
"""

import zlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

SEGMENT, SEEK_HEAD, VOID, TRACKS, CLUSTER = 0x18538067, 0x114D9B74, 0xEC, 0x1654AE6B, 0x1F43B675
ENTRY, VIDEO, WIDTH, HEIGHT = 0xAE, 0xE0, 0xB0, 0xBA
DISPLAY_UNIT, DISPLAY_WIDTH, DISPLAY_HEIGHT = 0x54B2, 0x54B0, 0x54BA
AS_RATIO = 3  # the display unit where width and height are only a ratio
SEEK, SEEK_POSITION, CRC = 0x4DBB, 0x53AC, 0xBF
CROPS = {0x54AA: "bottom", 0x54BB: "top", 0x54CC: "left", 0x54DD: "right"}  # PixelCrop...
STEREO_MODE = 0x53B8
NUMBER, CODEC, AUDIO, BIT_DEPTH = 0xD7, 0x86, 0xE1, 0x6264
ACM = b"A_MS/ACM"  # sound as its description in Microsoft's way says
MOST_HEADER = 2**24  # bytes before the first cluster


class Element(NamedTuple):
    """One element: its place in the bytes that were looked at."""

    kind: int
    start: int
    body: int  # where its content begins
    end: int


def set_pixel_shape(path: Path, shape: Fraction) -> None:
    """Writes a sample aspect ratio into a Matroska file that FFmpeg's muxer wrote.

    Args:
        path: the file, complete.
        shape: a pixel's width over its height.

    Raises:
        OSError: if the file is not laid out as that muxer does.
    """
    with path.open("r+b") as file:
        head = file.read(MOST_HEADER)
        segment = next((one for one in _elements(head, 0, len(head)) if one.kind == SEGMENT), None)
        parts = {} if segment is None else _parts(head, segment)
        if segment is None or not {SEEK_HEAD, VOID, TRACKS} <= parts.keys():
            raise OSError(f"{path} has no room for its pixels' shape")
        seek_head, void, tracks = parts[SEEK_HEAD], parts[VOID], parts[TRACKS]
        described = _pack(TRACKS, _with_shape(head[tracks.body : tracks.end], shape))
        growth = len(described) - (tracks.end - tracks.start)
        room = void.end - void.start - growth
        if not seek_head.end == void.start < void.end <= tracks.start or room < 9:
            raise OSError(f"{path} has no room for its pixels' shape")
        positions = _shifted(head[seek_head.body : seek_head.end], tracks.start - segment.body, growth)
        file.seek(seek_head.body)
        file.write(positions)
        file.write(bytes([VOID, 0x01]) + (room - 9).to_bytes(7, "big") + bytes(room - 9))
        file.write(head[void.end : tracks.start] + described)


def rename_sound(path: Path, bits: Mapping[int, int]) -> None:
    """Lets tracks of sound be read by their descriptions in Microsoft's way, in a file that FFmpeg's muxer wrote.

    Nothing moves: the longer name of the format is followed by zeros, which EBML allows (RFC 8794, 7.4).

    Args:
        path: the file, complete.
        bits: of a sample, by the track's number; 0: not known.

    Raises:
        OSError: if the file is not laid out as that muxer does.
    """
    with path.open("r+b") as file:
        head = bytearray(file.read(MOST_HEADER))
        segment = next((one for one in _elements(head, 0, len(head)) if one.kind == SEGMENT), None)
        tracks = None if segment is None else _parts(head, segment).get(TRACKS)
        if tracks is None or tracks.end > len(head):
            raise OSError(f"{path} has no tracks that can be renamed")
        for entry in _elements(head, tracks.body, tracks.end):
            parts = {one.kind: one for one in _elements(head, entry.body, entry.end)} if entry.kind == ENTRY else {}
            number = int.from_bytes(head[parts[NUMBER].body : parts[NUMBER].end], "big") if NUMBER in parts else 0
            if number not in bits:
                continue
            name = parts[CODEC]
            head[name.body : name.end] = ACM.ljust(name.end - name.body, b"\0")
            for one in _elements(head, parts[AUDIO].body, parts[AUDIO].end):
                if one.kind == BIT_DEPTH and bits[number]:
                    head[one.body : one.end] = bits[number].to_bytes(one.end - one.body, "big")
        content = [
            bytes(head[one.start : one.end]) for one in _elements(head, tracks.body, tracks.end) if one.kind != CRC
        ]
        described = _with_crc(b"".join(content))
        if len(described) != tracks.end - tracks.body:
            raise OSError(f"{path} has no tracks that can be renamed")
        file.seek(tracks.body)
        file.write(described)


def shown_differently(path: Path) -> list[str]:
    """Sentences on how a player is to show the pictures of a Matroska file other than as they are stored."""
    with path.open("rb") as file:
        head = file.read(MOST_HEADER)
    sentences: list[str] = []
    try:
        for video in _videos(head):
            values = {one.kind: int.from_bytes(head[one.body : one.end], "big") for one in video}
            cropped = [f"{values[kind]} at the {side}" for kind, side in CROPS.items() if values.get(kind)]
            if cropped:
                sentences.append(
                    f"its pictures are to be cropped when shown ({', '.join(cropped)}), the copy's are not"
                )
            if values.get(STEREO_MODE):
                sentences.append(
                    f"its pictures are stereoscopic (mode {values[STEREO_MODE]}), the copy does not say so"
                )
    except OSError:
        return []  # it is not laid out as expected: FFmpeg, which reads it, reports what it can
    return sentences


def _videos(head: bytes) -> Iterator[list[Element]]:
    """The content of each track's description of its pictures."""
    segment = next((one for one in _elements(head, 0, len(head)) if one.kind == SEGMENT), None)
    tracks = None if segment is None else _parts(head, segment).get(TRACKS)
    if tracks is None or tracks.end > len(head):
        return
    for entry in _elements(head, tracks.body, tracks.end):
        if entry.kind == ENTRY:
            for one in _elements(head, entry.body, entry.end):
                if one.kind == VIDEO:
                    yield list(_elements(head, one.body, one.end))


def _parts(head: bytes | bytearray, segment: Element) -> dict[int, Element]:
    """The segment's elements before its first cluster: the first of each kind."""
    parts: dict[int, Element] = {}
    for one in _elements(head, segment.body, min(segment.end, len(head))):
        if one.kind == CLUSTER:
            break
        parts.setdefault(one.kind, one)
    return parts


def _with_shape(tracks: bytes, shape: Fraction) -> bytes:
    entries = [_described(tracks, one, shape) for one in _elements(tracks, 0, len(tracks)) if one.kind != CRC]
    return _with_crc(b"".join(entries))


def _described(tracks: bytes, entry: Element, shape: Fraction) -> bytes:
    children = list(_elements(tracks, entry.body, entry.end))
    if entry.kind != ENTRY or not any(one.kind == VIDEO for one in children):
        return tracks[entry.start : entry.end]
    parts = [
        _pack(VIDEO, _sized(tracks, one, shape)) if one.kind == VIDEO else tracks[one.start : one.end]
        for one in children
    ]
    return _pack(ENTRY, b"".join(parts))


def _sized(tracks: bytes, video: Element, shape: Fraction) -> bytes:
    children = {one.kind: one for one in _elements(tracks, video.body, video.end)}
    width, height = (int.from_bytes(tracks[one.body : one.end], "big") for one in (children[WIDTH], children[HEIGHT]))
    kept = [tracks[one.start : one.end] for one in children.values() if one.kind != DISPLAY_UNIT]
    wide, high = (width * shape, Fraction(height)) if shape >= 1 else (Fraction(width), height / shape)
    unit = [] if wide.denominator == high.denominator == 1 else [_pack(DISPLAY_UNIT, bytes([AS_RATIO]))]
    if unit:  # in whole pixels the shape would be rounded
        wide, high = (Fraction(part) for part in (wide / high).as_integer_ratio())
    sizes = ((DISPLAY_WIDTH, int(wide)), (DISPLAY_HEIGHT, int(high)))
    return b"".join([*kept, *(_pack(kind, size.to_bytes(4, "big")) for kind, size in sizes), *unit])


def _shifted(seek_head: bytes, tracks: int, growth: int) -> bytes:
    """The list of positions, of the same length, with everything up to the tracks moved forward by the growth."""
    data = bytearray(seek_head)
    for seek in _elements(seek_head, 0, len(seek_head)):
        for one in _elements(seek_head, seek.body, seek.end) if seek.kind == SEEK else ():
            position = int.from_bytes(data[one.body : one.end], "big")
            if one.kind == SEEK_POSITION and position <= tracks:
                data[one.body : one.end] = (position - growth).to_bytes(one.end - one.body, "big")
    first = next(_elements(seek_head, 0, len(seek_head)))
    return _with_crc(bytes(data[first.end :])) if first.kind == CRC else bytes(data)


def _with_crc(content: bytes) -> bytes:
    return _pack(CRC, zlib.crc32(content).to_bytes(4, "little")) + content


def _pack(kind: int, content: bytes) -> bytes:
    size = len(content)
    length = next(length for length in range(1, 9) if size < 2 ** (7 * length) - 1)
    marked = size | 1 << (7 * length)
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + marked.to_bytes(length, "big") + content


def _elements(data: bytes | bytearray, start: int, end: int) -> Iterator[Element]:
    while start < end:
        kind, place = _number(data, start, keep_marker=True)
        size, body = _number(data, place, keep_marker=False)
        unknown = size == 2 ** (7 * (body - place)) - 1
        stop = end if unknown else body + size
        yield Element(kind, start, body, stop)
        start = stop


def _number(data: bytes | bytearray, place: int, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and the place behind it."""
    if place >= len(data) or data[place] == 0:
        raise OSError("an element of the Matroska file cannot be read")
    length = 9 - data[place].bit_length()
    value = int.from_bytes(data[place : place + length], "big")
    return (value if keep_marker else value & (1 << (7 * length)) - 1), place + length
