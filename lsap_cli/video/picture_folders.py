"""A video as a folder of PNG pictures: 000000.png and on, their moments, and what else was in the file."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = ".frames"  # the suffix of such a folder
MOMENTS = "moments.json"
OTHERS = "others.mks"  # Matroska; a suffix that is not looked for when a folder is searched for videos
SCHEMA = "lsap.frames/1"


class PictureFolder:
    """Writes such a folder.

    Args:
        path: the folder, which must not exist.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path
        self._moments: list[int] = []

    @property
    def count(self) -> int:
        """Of the frames so far."""
        return len(self._moments)

    @property
    def others(self) -> Path:
        """Where sound, subtitles and metadata belong."""
        return self._path / OTHERS

    def add(self, picture: NDArray[np.uint8], milliseconds: int) -> None:
        """Writes one (H, W, 3) picture."""
        Image.fromarray(picture).save(self._path / f"{self.count:06d}.png", compress_level=1)
        self._moments.append(milliseconds)

    def finish(self) -> None:
        """Writes the moments: without them a folder is not complete."""
        document = {"schema": SCHEMA, "milliseconds": self._moments}
        (self._path / MOMENTS).write_text(json.dumps(document) + "\n", encoding="utf-8")


def is_picture_folder(path: Path) -> bool:
    """Whether a complete folder of frames lies there."""
    return path.is_dir() and (path / MOMENTS).is_file()


def read_pictures(path: Path) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Each frame (H, W, 3) and its milliseconds from the first.

    Raises:
        ValueError: if the list of moments is damaged.
        OSError: if a picture is missing or damaged.
    """
    document = json.loads((path / MOMENTS).read_text(encoding="utf-8"))
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"its {MOMENTS} is not of {SCHEMA}")
    for number, milliseconds in enumerate(document["milliseconds"]):
        with Image.open(path / f"{number:06d}.png", formats=["PNG"]) as picture:
            yield np.asarray(picture.convert("RGB")), int(milliseconds)
