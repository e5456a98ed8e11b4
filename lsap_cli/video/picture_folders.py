"""A video as a folder of PNG pictures: 000000.png and on, their times, and what else was in the file."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.memory_limit import require_believable_size

FOLDER = ".frames"  # the suffix of such a folder
TIMES = "moments.json"
OTHERS = "others.mks"  # Matroska; a suffix that is not looked for when a folder is searched for videos
SCHEMA = "lsap.frames/1"
LARGEST_TIMES = 2**28  # bytes of the list of times
LAST_MILLISECOND = 2**53


class FolderPicture(NamedTuple):
    """One frame of a folder."""

    pixels: NDArray[np.uint8]  # (H, W, 3)
    milliseconds: int  # from the first frame
    shown_milliseconds: int | None  # of the last frame, where the folder says it


class PictureFolder:
    """Writes such a folder.

    Args:
        path: the folder, which must not exist.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path
        self._times: list[int] = []

    @property
    def count(self) -> int:
        """Of the frames so far."""
        return len(self._times)

    @property
    def others(self) -> Path:
        """Where sound, subtitles and metadata belong."""
        return self._path / OTHERS

    def add(self, picture: NDArray[np.uint8], milliseconds: int) -> None:
        """Writes one (H, W, 3) picture."""
        Image.fromarray(picture).save(self._path / f"{self.count:06d}.png", compress_level=1)
        self._times.append(milliseconds)

    def finish(self, last_duration: Fraction | None, others_start: int) -> None:
        """Writes the times: without them a folder is not complete.

        Args:
            last_duration: seconds that the last frame is shown, where it is known.
            others_start: the millisecond of the others' file at which the first frame is shown.
        """
        document: dict[str, Any] = {"schema": SCHEMA, "milliseconds": self._times}
        if last_duration is not None and self._times:
            document["end_milliseconds"] = self._times[-1] + round(last_duration * 1000)
        if others_start:
            document["others_start_milliseconds"] = others_start
        (self._path / TIMES).write_text(json.dumps(document) + "\n", encoding="utf-8")


def is_picture_folder(path: Path) -> bool:
    """Whether a complete folder of frames lies there."""
    try:
        return path.is_dir() and (path / TIMES).is_file()
    except OSError:  # no file can have that path, or it cannot be looked at
        return False


def others_start(path: Path) -> Fraction:
    """Seconds into the others' file at which the first frame is shown.

    Raises:
        UnreadableVideo: if the list of times is damaged.
    """
    return Fraction(_checked_time(_read_times(path).get("others_start_milliseconds", 0)), 1000)


def read_pictures(path: Path) -> Iterator[FolderPicture]:
    """Each frame, with its time.

    Raises:
        UnreadableVideo: if the list of times or a picture is missing, damaged, or larger than is believed.
    """
    try:
        document = _read_times(path)
        times = [_checked_time(one) for one in document["milliseconds"]]
        if times != sorted(times) or times[:1] not in ([], [0]):
            raise UnreadableVideo(f"the times in its {TIMES} do not begin at 0 and rise")
        end = document.get("end_milliseconds")
        shown = None if end is None or not times else max(_checked_time(end) - times[-1], 0)
        first: tuple[int, ...] | None = None
        for index, milliseconds in enumerate(times):
            pixels = _read_picture(path / f"{index:06d}.png")
            first = first or pixels.shape
            if pixels.shape != first:
                raise UnreadableVideo(
                    f"its frames change from {first[1]} x {first[0]} "
                    f"to {pixels.shape[1]} x {pixels.shape[0]} on the way"
                )
            yield FolderPicture(pixels, milliseconds, shown if index == len(times) - 1 else None)
    except (ValueError, TypeError, KeyError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableVideo(f"its frames cannot be read ({error})") from None


def _read_picture(path: Path) -> NDArray[np.uint8]:
    with Image.open(path, formats=["PNG"]) as picture:
        require_believable_size(picture.width, picture.height, path.name)
        return np.asarray(picture.convert("RGB"))


def _read_times(path: Path) -> dict[str, Any]:
    file = path / TIMES
    if file.stat().st_size > LARGEST_TIMES:
        raise UnreadableVideo(f"its {TIMES} is larger than is believed")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnreadableVideo(f"its {TIMES} is damaged ({error})") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UnreadableVideo(f"its {TIMES} is not of {SCHEMA}")
    return document


def _checked_time(value: Any) -> int:  # any JSON value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= LAST_MILLISECOND:  # also not a number, and infinity
        raise UnreadableVideo(f"its {TIMES} holds the time {str(value)[:20]}, which cannot be")
    return int(value)
