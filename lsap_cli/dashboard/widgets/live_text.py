"""Text that comes again and again, several times a second."""

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static


class LiveText(Static):
    """A `Static` that redraws only for a new text, and asks for a new layout only for a new size.

    Laying out a screen costs far more than drawing a line of it, and `Static.update` asks for it every time.
    """

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._text: Text | None = None

    def put(self, text: Text | str) -> None:
        """Shows a text; a string is shown as it is, never as markup."""
        new = Text(text) if isinstance(text, str) else text
        before = self._text
        if new == before:
            return
        self._text = new
        grows = before is None or self._heights(before) != self._heights(new)
        self.update(new, layout=grows)
        if grows:  # a layout that was asked for before this text came may have been made with the one before
            self.call_after_refresh(self.refresh, layout=True)

    def _heights(self, text: Text) -> list[int]:
        """About how many rows each line takes."""
        width = max(1, self.size.width)
        return [-(-max(1, cell_len(line)) // width) for line in text.plain.split("\n")]
