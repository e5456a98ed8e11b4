"""One picture of many videos: a frame of each, with its label."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lsap_cli.errors import LsapError
from lsap_cli.results.text import printable

COLUMNS = 4
WIDTH, HEIGHT, LINE = 224, 168, 30  # pixels of a cell, and of the text below it
LONGEST = 36  # characters of a line


class SheetFrame(NamedTuple):
    """A frame and what stands below it."""

    pixels: npt.NDArray[np.uint8]  # (H, W, 3)
    label: str
    name: str


def draw_contact_sheet(frames: Sequence[SheetFrame], path: Path) -> None:
    """Writes the picture.

    Args:
        frames: at least one.
        path: a file, by whose suffix the format is chosen; its folder is made where it is not there.

    Raises:
        LsapError: if it cannot be written.
    """
    rows = -(-len(frames) // COLUMNS)
    sheet = Image.new("RGB", (min(len(frames), COLUMNS) * WIDTH, rows * (HEIGHT + LINE)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, frame in enumerate(frames):
        left, top = number % COLUMNS * WIDTH, number // COLUMNS * (HEIGHT + LINE)
        picture = Image.fromarray(frame.pixels)
        picture.thumbnail((WIDTH - 4, HEIGHT - 4))
        sheet.paste(picture, (left + (WIDTH - picture.width) // 2, top + (HEIGHT - picture.height) // 2))
        for row, text in enumerate((frame.label or "no label", frame.name)):
            shown = printable(text)[-LONGEST:].encode("latin-1", "replace").decode("latin-1")  # what the font has
            draw.text((left + 4, top + HEIGHT + 14 * row), shown, fill="black")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise LsapError(f"the picture {path} cannot be written ({error}); give a name such as set.png", 1) from None
