"""Pictures in pixels, by the graphics of kitty or by sixel, through textual-image."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from PIL import Image
from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from lsap_cli.dashboard.widgets.picture import PictureView, fitted, flattened

CLASSES = {"kitty": "TGPImage", "sixel": "SixelImage"}


def image_class(kind: str) -> Callable[[], Widget]:
    """The widget of textual-image, imported without its questions to the terminal.

    While it is imported it writes queries to `sys.__stdout__`, where that is a terminal, and reads the answers from the
    keyboard: keys that were typed ahead would be lost, and late answers would become keys.
    """
    own = sys.__stdout__
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        sys.__stdout__ = nothing  # type: ignore[misc]
        try:
            widgets = import_module("textual_image.widget")
        finally:
            sys.__stdout__ = own  # type: ignore[misc]
    return cast(Callable[[], Widget], getattr(widgets, CLASSES[kind]))


class PixelPictureView(PictureView):
    """One picture in pixels, as large as fits.

    Args:
        kind: `kitty` or `sixel`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._image = image_class(kind)()

    def compose(self) -> ComposeResult:
        yield self._image

    def show(self, picture: Image.Image | None, message: str = "", columns: int | None = None) -> None:
        super().show(picture, message, columns)
        self._image.display = picture is not None
        if picture is None:
            return
        width, height = fitted(picture.size, self._room(self.size))
        self._image.styles.width, self._image.styles.height = width, max(1, height // 2)
        self._image.styles.margin = (0, 0, 0, max(0, (self.size.width - width) // 2))
        self._image.image = flattened(picture)  # type: ignore[attr-defined]

    def render_line(self, y: int) -> Strip:
        return Strip.blank(self.size.width, self.rich_style) if self._picture is not None else super().render_line(y)
