"""What an mp4 or QuickTime file says of showing that FFmpeg passes over: the clean aperture (ISO 14496-12, `clap`)."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}  # boxes that hold nothing but boxes
ENTRY_FIELDS = 78  # bytes of a video's sample entry before its own boxes
SIZE_IN_ENTRY = 24  # where width and height stand in them
MOST_DESCRIPTION = 2**20  # bytes of a sample description that is looked at
MOST_BOXES = 100_000


class _Box(NamedTuple):
    kind: bytes
    body: int  # where its content begins
    end: int


def cropped_by_aperture(path: Path) -> list[str]:
    """Sentences on pictures of which a player is to show a part only; none where the file cannot be understood."""
    sentences: list[str] = []
    try:
        with path.open("rb") as file:
            for description in _descriptions(file, 0, path.stat().st_size):
                sentences += _cropped(description)
    except (struct.error, ZeroDivisionError, ValueError):
        return []  # damaged: FFmpeg, which reads it, reports what it can
    return sentences


def _descriptions(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The content of each track's sample description."""
    for box in _boxes(file, start, end):
        if box.kind in HOLDERS:
            yield from _descriptions(file, box.body, box.end)
        elif box.kind == b"stsd":
            file.seek(box.body)
            yield file.read(min(box.end - box.body, MOST_DESCRIPTION))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        body = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            body += 8
        stop = end if size == 0 else start + size
        if stop < body:
            return
        yield _Box(kind, body, min(stop, end))
        start = stop


def _cropped(description: bytes) -> Iterator[str]:
    place = 8  # behind the version and the number of entries
    while place + 8 + ENTRY_FIELDS <= len(description):
        (size,) = struct.unpack_from(">I", description, place)
        entry = description[place + 8 : place + size]
        width, height = struct.unpack_from(">HH", entry, SIZE_IN_ENTRY)
        at = entry.find(b"clap", ENTRY_FIELDS)
        if at >= 0:
            wide, of_wide, high, of_high = struct.unpack_from(">4I", entry, at + 4)
            shown = wide / of_wide, high / of_high
            if shown != (width, height):
                yield (
                    f"its pictures of {width} x {height} are to be cropped to {shown[0]:g} x {shown[1]:g} when shown, "
                    "the copy's are not"
                )
        if size < 8:
            return
        place += size
