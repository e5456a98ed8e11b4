"""The last line of a screen: keys that fit whole, in the order in which they are needed, and the way to all of them."""

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

ALL_KEYS = "all"  # what the key of the command palette is called: it lists every key of the screen


class ShortFooter(Footer):
    """No key is cut. Keys that do not fit are left out, the last ones first; the palette has them all."""

    def __init__(self) -> None:
        super().__init__(compact=True)

    def compose(self) -> ComposeResult:
        keys = [one for one in super().compose() if isinstance(one, FooterKey)]
        *named, last = keys if keys else (None,)
        if last is None:
            return
        palette = last if last.has_class("-command-palette") else None
        room = self.app.size.width
        if palette is not None:
            palette.description = ALL_KEYS
            room -= _width(palette) + 1
        else:
            named = keys
        for key in named:
            room -= _width(key)
            if room < -1:  # nothing need stand behind the last one
                break
            yield key
        if palette is not None:
            yield palette

    @on(Resize)
    def fit_again(self) -> None:
        self.refresh(recompose=True)


def _width(key: FooterKey) -> int:
    return cell_len(key.key_display) + cell_len(key.description) + 2
