"""Writing a folder of pictures again: lossless PNGs under the same names, and copies of what else lies there."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lsap_cli.video.picture_sequences import NUMBER, PictureSequence

COMPRESSION = 1  # of PNG: the fastest


@dataclass(frozen=True)
class SequenceTail:
    """Frames that follow a sequence's own.

    Attributes:
        frames: how many.
        make: the frame (3, H, W) uint8 to write, from one of its size and the place in the tail.
    """

    frames: int
    make: Callable[[Tensor, int], Tensor]


def write_sequence(
    source: PictureSequence, target: Path, change: Callable[[Tensor, int], Tensor], tail: SequenceTail
) -> list[str]:
    """Writes the pictures of a folder again with every frame changed; other files are copied as they are.

    Args:
        source: the folder to read; never touched.
        target: the folder to write, which must not exist.
        change: gets a frame (3, H, W) uint8 and its index; gives the frame to write, of that size.
        tail: frames that follow the source's own; their numbers go on.

    Returns:
        Sentences on what is not in the copy as it was in the source.

    Raises:
        UnreadableVideo: if a picture cannot be read.
        OSError: if the target cannot be written.
    """
    target.mkdir(parents=True)
    pictures = source.pictures()
    pixels = torch.empty(0)
    for index, (picture, array) in enumerate(zip(pictures, source.read(), strict=True)):
        pixels = torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)
        _save(change(pixels, index), target / f"{picture.path.stem}.png")
    last = pictures[-1]
    for place in range(tail.frames):
        _save(tail.make(pixels, place), target / f"{_renumbered(last.path.stem, last.number + place + 1)}.png")
    own = {picture.path.name for picture in PictureSequence(source.path, Fraction(1)).pictures()}
    folders = 0
    for path in sorted(source.path.iterdir()):
        if path.is_file() and path.name not in own:
            shutil.copyfile(path, target / path.name)
        folders += path.is_dir()
    return [f"{folders} folders that lie beside its pictures are not copied"] if folders else []


def _save(pixels: Tensor, path: Path) -> None:
    array = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    Image.fromarray(array).save(path, compress_level=COMPRESSION)


def _renumbered(stem: str, number: int) -> str:
    """A name with another number, of as many digits."""
    return NUMBER.sub(lambda match: f"{number:0{len(match.group(1))}d}", stem)
