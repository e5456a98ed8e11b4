"""Pictures for people: a perturbation as a grid of slots; a frame before, after, and what changed."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lsap_cli.results.files import write_errors_named

MAX_WIDTH = 480  # pixels
SMALL_WIDTH = 112  # pixels: of pictures for a terminal, where a character is one pixel wide
GAP = 4  # pixels between slots, transparent
MIDDLE = 128  # the level that stands for no change


class FrameDrawing(NamedTuple):
    """One frame before and after, and after minus before, multiplied by `factor` around mid-gray."""

    before: Image.Image
    after: Image.Image
    difference: Image.Image
    factor: int


def perturbation_picture(delta: npt.ArrayLike, full_scale: float | None = None) -> Image.Image:
    """All slots of a perturbation, left to right and top to bottom; mid-gray is zero.

    Args:
        delta: (P, 3, h, w) float, in any unit.
        full_scale: the |value| that becomes black or white, in the unit of `delta`; by default the largest
            |value| there is, which for an linf perturbation is its budget.

    Returns:
        An RGBA picture, at most 480 pixels wide.
    """
    slots = np.asarray(delta, dtype=np.float32)
    count, channels, height, width = slots.shape
    if channels != 3:
        raise ValueError(f"delta has {channels} channels; a picture needs 3 (red, green, blue)")
    scale = float(np.abs(slots).max()) if full_scale is None else full_scale
    columns = _columns(count, height, width)
    cell_width = max(1, min(width, (MAX_WIDTH - GAP * (columns - 1)) // columns))
    cell_height = max(1, round(height * cell_width / width))
    rows = math.ceil(count / columns)
    size = (columns * (cell_width + GAP) - GAP, rows * (cell_height + GAP) - GAP)
    grid = Image.new("RGBA", size, (MIDDLE, MIDDLE, MIDDLE, 0))
    for number, slot in enumerate(slots):
        row, column = divmod(number, columns)
        cell = _picture(_around_gray(slot / scale * (MIDDLE - 1) if scale > 0 else slot))
        place = (column * (cell_width + GAP), row * (cell_height + GAP))
        grid.paste(cell.resize((cell_width, cell_height), Image.Resampling.BOX), place)
    return grid


def draw_frame(
    before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], factor: int | None = None, most: int = MAX_WIDTH
) -> FrameDrawing:
    """A frame before and after, and their amplified difference; gray means that nothing changed.

    Args:
        before: (3, H, W) uint8.
        after: (3, H, W) uint8, the same frame with the perturbation in it.
        factor: of the difference; None: the largest whole number that keeps 99.5 % of the differences in range. What
            is out of range is clipped.
        most: the largest width, in pixels.

    Returns:
        Three RGB pictures of one size, and the factor.
    """
    if before.shape != after.shape:
        raise ValueError(f"the frame is {before.shape} before and {after.shape} after; the two must be alike")
    change = after.astype(np.float32) - before.astype(np.float32)
    factor = _fitting_factor(change) if factor is None else factor
    difference = _around_gray(change * factor)
    shrunk = [_shrunk(_picture(image), most) for image in (before, after, difference)]
    return FrameDrawing(shrunk[0], shrunk[1], shrunk[2], factor)


def _fitting_factor(change: npt.NDArray[np.float32]) -> int:
    usual = float(np.quantile(np.abs(change), 0.995))
    largest = usual or float(np.abs(change).max())
    return max(1, int((MIDDLE - 1) / largest)) if largest > 0 else 1


def slot_picture(slot: npt.ArrayLike, full_scale: float) -> Image.Image:
    """One slot of a perturbation, small; mid-gray is zero.

    Args:
        slot: (3, h, w) float, in any unit.
        full_scale: the |value| that becomes black or white, in the unit of `slot`.

    Returns:
        An RGB picture, at most 112 pixels wide.
    """
    levels = np.asarray(slot, dtype=np.float32)
    shown = _around_gray(levels / full_scale * (MIDDLE - 1) if full_scale > 0 else levels)
    return _shrunk(_picture(shown), SMALL_WIDTH)


def strip_picture(small: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size below each other."""
    width, height = small[0].size
    strip = Image.new("RGB", (width, height * len(small)))
    for number, picture in enumerate(small):
        strip.paste(picture, (0, number * height))
    return strip


def save_picture(picture: Image.Image, path: Path) -> None:
    """Writes a picture without losing anything (PNG or lossless WebP).

    PNG is compressed at zlib's level 6: level 9 takes four times as long and saves 2 % of a film's strip.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_errors_named(path):
        if path.suffix.lower() == ".webp":
            picture.save(path, lossless=True, method=6)
        else:
            picture.save(path, compress_level=6)


def _columns(count: int, height: int, width: int) -> int:
    """How many slots stand side by side: a grid that is about 4:3, with as few empty places as can be."""
    ideal = math.sqrt(count * (4 / 3) * height / width)
    candidates = range(max(1, math.floor(0.7 * ideal)), min(count, max(1, math.ceil(1.5 * ideal))) + 1)
    return min(candidates or [count], key=lambda columns: (-count % columns, abs(columns - ideal)))


def _around_gray(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Signed levels, 0 = no change, to 8-bit levels around mid-gray."""
    eight_bit: npt.NDArray[np.uint8] = np.clip(np.rint(levels) + MIDDLE, 0, 255).astype(np.uint8)
    return eight_bit


def _picture(image: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))


def _shrunk(picture: Image.Image, most: int) -> Image.Image:
    if picture.width <= most:
        return picture
    height = max(1, round(picture.height * most / picture.width))
    return picture.resize((most, height), Image.Resampling.BOX)
