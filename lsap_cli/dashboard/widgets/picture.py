"""A picture in the terminal: two pixels a character, as half blocks in color; in pixels where the terminal can."""

from PIL import Image
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

HALF_BLOCK = "▀"
UNDRAWABLE = (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError)
BEHIND = (128, 128, 128)  # where a picture is transparent


class PictureView(Widget):
    """Shows one picture as large as fits, with its proportions kept; a sentence where there is none."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._picture: Image.Image | None = None
        self._message = ""
        self._columns: int | None = None
        self._strips: list[Strip] = []
        self._drawn: tuple[int, Size] | None = None

    def show(self, picture: Image.Image | None, message: str = "", columns: int | None = None) -> None:
        """Shows a picture.

        Args:
            picture: any size; None: the message stands instead.
            message: a sentence.
            columns: that it may take, so that pictures beside each other have one size.
        """
        self._picture, self._message, self._columns, self._drawn = picture, message, columns, None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        size = self.size
        if self._drawn != (id(self._picture), size):
            try:
                self._strips = self._draw(size)
            except UNDRAWABLE as error:
                self._strips = [Strip([Segment(f"it cannot be drawn: {error}"[: size.width], self.rich_style)])]
            self._drawn = (id(self._picture), size)
        if y < len(self._strips):
            return self._strips[y].adjust_cell_length(size.width, self.rich_style)
        return Strip.blank(size.width, self.rich_style)

    def _draw(self, size: Size) -> list[Strip]:
        if self._picture is None:
            return [Strip([Segment(self._message, self.rich_style)])]
        if size.width < 1 or size.height < 1:
            return []
        width, height = fitted(self._picture.size, self._room(size))
        flat = flattened(self._picture)
        small = flat.resize((width, height), Image.Resampling.BOX if width < flat.width else Image.Resampling.NEAREST)
        margin = " " * ((size.width - width) // 2)
        pixels = small.tobytes()
        strips = []
        for top in range(0, height, 2):
            segments = [Segment(margin, self.rich_style)]
            for column in range(width):
                upper = _color(pixels, top * width + column)
                lower = _color(pixels, (top + 1) * width + column) if top + 1 < height else None
                segments.append(Segment(HALF_BLOCK, Style(color=upper, bgcolor=lower)))
            strips.append(Strip(Segment.simplify(segments)))
        return strips

    def _room(self, size: Size) -> tuple[int, int]:
        """Pixels of half blocks that the picture may take."""
        return max(1, min(size.width, self._columns or size.width)), max(1, size.height * 2)


def flattened(picture: Image.Image) -> Image.Image:
    """The picture without transparency."""
    flat = Image.new("RGB", picture.size, BEHIND)
    whole = picture.convert("RGBA")
    flat.paste(whole, mask=whole.getchannel("A"))
    return flat


def fitted(picture: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest size in `room` with the picture's proportions: (width, height), both at least 1."""
    scale = min(room[0] / picture[0], room[1] / picture[1])
    return max(1, int(picture[0] * scale)), max(1, int(picture[1] * scale))


def _color(pixels: bytes, place: int) -> Color:
    red, green, blue = pixels[3 * place : 3 * place + 3]
    return Color.from_rgb(red, green, blue)
