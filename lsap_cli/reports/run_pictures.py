"""Pictures of a run folder as a page embeds them: none from outside of it, none without bounds; the rest is named."""

import base64
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from lsap_cli.results.files import open_regular
from lsap_cli.results.text import printable

LARGEST_PICTURE = 16 * 2**20  # bytes
LARGEST_SUM = 128 * 2**20  # bytes of all pictures on one page
MOST_PIXELS = 2**26  # 8192 x 8192, as of a video's frame: a browser would set memory aside for whatever a header claims
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
NAMED = 3  # pictures in a sentence about those that are left out


class RunPictures:
    """The pictures of one run.

    Args:
        run: its folder.

    Attributes:
        left_out: what is wrong with each picture that is not embedded, by its name.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._bytes = 0
        self.left_out: dict[str, str] = {}

    def uri(self, name: str) -> str | None:
        """A picture as a data: URI; None when it is missing, no picture, too large, or outside the run folder."""
        if not name:
            return None
        try:
            content, media_type = self._read(name)
        except OSError as error:
            self.left_out[name] = (
                "it is missing" if isinstance(error, FileNotFoundError) else str(error.strerror or error)
            )
            return None
        self._bytes += len(content)
        return f"data:{media_type};base64,{base64.b64encode(content).decode()}"

    def notes(self) -> Iterator[str]:
        """A sentence on all that are left out; none where there are none."""
        if not self.left_out:
            return
        named = [f"{printable(name)} ({what})" for name, what in self.left_out.items()]
        more = f", and {len(named) - NAMED} more" if len(named) > NAMED else ""
        yield f"{len(named)} of the run's pictures are not on the page: {'; '.join(named[:NAMED])}{more}"

    def _read(self, name: str) -> tuple[bytes, str]:
        with open_picture(self._run, name) as (file, media_type):
            size = os.fstat(file.fileno()).st_size
            if self._bytes + size > LARGEST_SUM:
                raise OSError(0, f"it is one too many: all pictures of a page may have {LARGEST_SUM // 2**20} MB")
            return file.read(size), media_type


@contextmanager
def open_picture(run: Path, name: str) -> Iterator[tuple[BinaryIO, str]]:
    """A picture of a run folder, opened, and its media type. Its header alone has been read.

    Raises:
        OSError: if it is missing, lies outside, is no picture or too large; `strerror` says which.
    """
    try:
        opened = open_regular(run / name, within=run)
    except ValueError:
        raise OSError(0, "it has no name of a file") from None
    with opened as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_PICTURE:
            raise OSError(0, f"it has {size / 2**20:.0f} MB, and {LARGEST_PICTURE // 2**20} are the most")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
                with Image.open(file, formats=list(MEDIA_TYPES)) as picture:
                    (width, height), form = picture.size, picture.format
        except Image.DecompressionBombError:
            raise OSError(0, "it claims more pixels than are believed") from None
        except (OSError, ValueError, SyntaxError):
            raise OSError(0, "it is no PNG, JPEG or WebP picture") from None
        if width * height > MOST_PIXELS:
            raise OSError(0, f"it claims {width} x {height} pixels, and {MOST_PIXELS / 1e6:.0f} million are the most")
        file.seek(0)
        yield file, MEDIA_TYPES[form or ""]
