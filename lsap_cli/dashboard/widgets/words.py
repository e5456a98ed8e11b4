"""Text that comes again and again, several times a second."""

from rich.cells import cell_len
from textual.widgets import Static


class Words(Static):
    """A `Static` that is drawn only when its text is new, and makes the screen lay itself out only when it grows or shrinks.

    Laying out a screen costs far more than drawing a line of it, and `Static.update` asks for it every time.
    """

    def put(self, text: str) -> None:
        """Shows a text, in Textual's markup unless the widget has none."""
        before = getattr(self, "_text", None)
        if text == before:
            return
        self._text = text
        grows = before is None or self._heights(before) != self._heights(text)
        self.update(text, layout=grows)
        if grows:  # a layout that was asked for before this text came may have been made with the one before
            self.call_after_refresh(self.refresh, layout=True)

    def _heights(self, text: str) -> list[int]:
        """About how many rows each line takes; enough to tell when that changes, since markup does not."""
        width = max(1, self.size.width)
        return [-(-max(1, cell_len(line)) // width) for line in text.split("\n")]
