"""Frames as pictures in a folder, one file each: `img_00001.jpg` and on. Times come from a pace that the user gives."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lsap_cli.errors import missing_text
from lsap_cli.hashing import content_hash
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.memory_limit import require_believable_size
from lsap_cli.video.walking import PICTURE_SUFFIXES

NUMBER = re.compile(r"(\d+)(?=\D*$)")
FLOW = re.compile(r"(flow|tvl1)[_-]?[xy]?|[xyuv]_", re.IGNORECASE)
FORMATS = ["JPEG", "PNG", "BMP", "WEBP", "PPM", "TIFF"]


class NumberedPicture(NamedTuple):
    """A picture of a sequence."""

    path: Path
    number: int


@dataclass(frozen=True)
class PictureSequence:
    """The numbered pictures of a folder in the order of their numbers, or some of them.

    Attributes:
        path: the folder.
        fps: pictures a second.
        first: how many pictures come before it.
        count: of pictures; None: to the end of the folder.
    """

    path: Path
    fps: Fraction
    first: int = 0
    count: int | None = None

    def pictures(self) -> list[NumberedPicture]:
        """The pictures that belong to it.

        Raises:
            UnreadableVideo: if the folder cannot be read, holds no numbered picture, has two with one number, or fewer
                than belong to it.
        """
        try:
            with os.scandir(self.path) as found:
                entries = list(found)
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise UnreadableVideo(f"it {missing_text(self.path)}") from None
            raise UnreadableVideo(f"its folder cannot be read ({error.strerror or error})") from None
        numbered = numbered_pictures([one.name for one in entries])
        links = {one.name for one in entries if one.is_symlink()}
        if not numbered:
            raise UnreadableVideo("it is a folder without numbered pictures")
        twice = next((one for one, other in pairwise(numbered) if one[0] == other[0]), None)
        if twice is not None:
            raise UnreadableVideo(f"two of its pictures have the number {twice[0]}, such as {twice[1]}")
        end = None if self.count is None else self.first + self.count
        chosen = numbered[self.first : end]
        if not chosen or (self.count is not None and len(chosen) < self.count):
            wanted = "" if self.count is None else f" of {self.count}"
            raise UnreadableVideo(
                f"its folder has {len(numbered)} pictures, so that {len(chosen)}{wanted} are there after {self.first}"
            )
        pictures = [NumberedPicture(self.path / name, number) for number, name in chosen]
        for picture in pictures:
            if picture.path.name in links and not picture.path.exists():
                raise UnreadableVideo(f"its picture {picture.path.name} {missing_text(picture.path)}")
        return pictures

    def read(self) -> Iterator[NDArray[np.uint8]]:
        """Each picture, (H, W, 3), in order.

        Raises:
            UnreadableVideo: see `pictures`; also if one is damaged, too large, or of another size than the first.
        """
        first: tuple[int, int] | None = None
        for picture, _ in self.pictures():
            pixels = _read(picture)
            size = (pixels.shape[0], pixels.shape[1])
            first = first or size
            _require_size(first, size, picture.name)
            yield pixels

    def require_one_size(self) -> None:
        """Compares the sizes in the pictures' headers; nothing is decoded.

        Raises:
            UnreadableVideo: see `read`, as far as headers tell.
        """
        first: tuple[int, int] | None = None
        for picture, _ in self.pictures():
            size = _header_size(picture)
            first = first or size
            _require_size(first, size, picture.name)

    def size(self) -> tuple[int, int]:
        """(H, W) of the first picture.

        Raises:
            UnreadableVideo: see `read`.
        """
        pixels = next(self.read())
        return pixels.shape[0], pixels.shape[1]

    def milliseconds(self, index: int) -> int:
        """When a picture is shown, from the first."""
        return round(index * 1000 / self.fps)

    def content_hash(self) -> str:
        """SHA-256 over the pictures, in hexadecimal: equal for folders with equal pictures, whatever their names."""
        digest = hashlib.sha256()
        for picture, _ in self.pictures():
            digest.update(bytes.fromhex(content_hash(picture)))
        return digest.hexdigest()

    def gaps(self) -> list[int]:
        """Numbers that are missing between the first picture and the last, ten at most.

        Raises:
            UnreadableVideo: see `pictures`.
        """
        return missing_numbers([number for _, number in self.pictures()])


def numbered_pictures(names: Sequence[str]) -> list[tuple[int, str]]:
    """(number, name) of the names that are those of numbered pictures, in the order of the numbers.

    Pictures of optical flow (`flow_x_00001.jpg`) that lie beside others are none of them.
    """
    numbered: dict[bool, list[tuple[int, str]]] = {False: [], True: []}
    for name in names:
        stem, _, suffix = name.rpartition(".")
        if stem and "." + suffix.lower() in PICTURE_SUFFIXES and (match := NUMBER.search(stem)):
            numbered[bool(FLOW.match(name))].append((int(match.group(1)), name))
    return sorted(numbered[False] or numbered[True])


def missing_numbers(numbers: Sequence[int], most: int = 10) -> list[int]:
    """The first few numbers that are missing among ascending ones."""
    missing: list[int] = []
    for one, other in pairwise(numbers):
        missing += range(one + 1, min(other, one + 1 + most - len(missing)))
        if len(missing) == most:
            break
    return missing


def _require_size(first: tuple[int, int], size: tuple[int, int], name: str) -> None:
    """Refuses a picture whose (H, W) is not that of the first."""
    if size != first:
        raise UnreadableVideo(f"its pictures change from {first[1]} x {first[0]} to {size[1]} x {size[0]} at {name}")


def _header_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            return picture.height, picture.width
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UnreadableVideo(f"its picture {path.name} cannot be read ({error})") from None


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            require_believable_size(picture.width, picture.height, path.name)
            return np.array(picture.convert("RGB"))  # a copy that can be written, as torch asks
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UnreadableVideo(f"its picture {path.name} cannot be read ({error})") from None
