"""What a video's frames are read from: a file, a part of one, a folder of pictures, or a member of a tar archive."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from lsap_cli.hashing import content_hash, output_hash, readable_hash, text_hash
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.picture_folders import is_picture_folder
from lsap_cli.video.picture_sequences import PictureSequence

COPIED_BYTES = 2**20  # at a time


@dataclass(frozen=True)
class VideoSpan:
    """From where to where a part of a video goes.

    Attributes:
        start: seconds from the first frame, or the number of a frame, from 0.
        end: where the first frame is that does not belong to it; None: the end of the video.
        in_frames: whether both count frames.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    in_frames: bool = False

    def __str__(self) -> str:
        unit = "f" if self.in_frames else ""
        return f"{_written(self.start)}{unit}-" + ("end" if self.end is None else f"{_written(self.end)}{unit}")

    def holds(self, index: int, milliseconds: int) -> bool:
        """Whether a frame belongs to the part."""
        place = Fraction(index) if self.in_frames else Fraction(milliseconds, 1000)
        return place >= self.start and not self.is_past(index, milliseconds)

    def frames_of(self, frames: int, rate: Fraction) -> int:
        """About how many frames belong to the part of a video with so many, at a rate a second."""
        factor = 1 if self.in_frames else rate
        end = frames if self.end is None else min(int(self.end * factor), frames)
        return max(end - int(self.start * factor), 0)

    def is_past(self, index: int, milliseconds: int) -> bool:
        """Whether a frame, and so all that follow it, comes after the part."""
        place = Fraction(index) if self.in_frames else Fraction(milliseconds, 1000)
        return self.end is not None and place >= self.end


def _written(number: Fraction) -> str:
    """A number with all of its decimals, so that two parts never have one name."""
    text = format(Decimal(number.numerator) / Decimal(number.denominator), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class VideoPart:
    """A part of a video file."""

    path: Path
    span: VideoSpan


@dataclass(frozen=True)
class ArchivedVideo:
    """A video file inside of a tar archive that is not compressed.

    Attributes:
        path: the archive.
        offset: bytes before it.
        size: its bytes.
        suffix: of its name, such as `.mp4`.
    """

    path: Path
    offset: int
    size: int
    suffix: str


Media = Path | VideoPart | PictureSequence | ArchivedVideo


def absolute_media(media: Media) -> Media:
    """The same with an absolute path: for a process whose working folder is another."""
    return media.absolute() if isinstance(media, Path) else replace(media, path=media.path.absolute())


def media_hash(media: Media) -> str:
    """SHA-256 of what is read, in hexadecimal: what makes two of them the same video.

    Raises:
        OSError: if it cannot be read.
        UnreadableVideo: if a folder of pictures has not those that belong to it, or an archive has been cut.
    """
    match media:
        case VideoPart():
            return text_hash(f"{output_hash(media.path)} {media.span}")
        case PictureSequence():
            return media.content_hash()
        case ArchivedVideo():
            with local_file(media) as path:
                return content_hash(path)
    return output_hash(media)


def readable_media_hash(media: Media) -> str | None:
    """`media_hash`; None where nothing is there, it cannot be read, or is something else, such as a pipe."""
    if isinstance(media, Path):
        return readable_hash(media)
    try:
        return media_hash(media)
    except (OSError, UnreadableVideo):
        return None


def read_alike(path: Path, source: Media) -> Media:
    """How a copy of a video is read: a folder of pictures at the pace of the one that it was made from."""
    if isinstance(source, PictureSequence) and path.is_dir() and not is_picture_folder(path):
        return PictureSequence(path, source.fps)
    return path


@contextmanager
def local_file(media: Media) -> Iterator[Path]:
    """A file of its own for a video of an archive, removed afterwards; the file or folder itself for all others.

    Raises:
        UnreadableVideo: if the archive is shorter than it was.
    """
    if not isinstance(media, ArchivedVideo):
        yield media if isinstance(media, Path) else media.path
        return
    with tempfile.NamedTemporaryFile(prefix="lsap-archived-", suffix=media.suffix) as copy:
        try:
            with media.path.open("rb") as archive:
                archive.seek(media.offset)
                _copy(archive, copy, media.size)
        except OSError as error:
            raise UnreadableVideo(f"its archive {media.path} cannot be read ({error.strerror or error})") from None
        copy.flush()
        if copy.tell() != media.size:
            raise UnreadableVideo(f"its archive {media.path} ends in it: {copy.tell()} of {media.size} bytes are there")
        yield Path(copy.name)


def _copy(source: BinaryIO, target: "tempfile._TemporaryFileWrapper[bytes]", size: int) -> None:
    while size > 0 and (block := source.read(min(COPIED_BYTES, size))):
        target.write(block)
        size -= len(block)
