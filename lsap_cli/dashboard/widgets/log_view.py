"""A log that is wrapped at the width that is seen; it follows its end until someone scrolls up."""

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lsap_cli.dashboard.guard import Guarded
from lsap_cli.runs.history import LOG_LINES

INDENT = 9  # of a wrapped line's rest: below the words, not below the time


@dataclass(frozen=True)
class LogEntry:
    """A line of the log.

    Attributes:
        kind: of the event, or `console`.
        text: as it is shown.
    """

    kind: str
    text: Text


class LogView(Guarded, ScrollView, can_focus=True):
    """The newest lines, in bounded memory. Lines that do not fit the level or the search are left out.

    Lines that come in one go are laid out together, and drawn only where they are seen: wrapping and drawing one costs
    far more than keeping it.

    Attributes:
        follow: whether it stays at its end.
        search: lower-case words, all of which a line must have.
        kinds: of lines that are shown; None: all.
    """

    # the bar is always there: Textual tells nobody when one comes, lines are wrapped beside it, and it shows the end
    DEFAULT_CSS = "LogView { overflow-x: hidden; overflow-y: scroll; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.follow = True
        self.search = ""
        self.kinds: frozenset[str] | None = None
        self._entries: deque[LogEntry] = deque(maxlen=LOG_LINES)
        self._tail: Sequence[LogEntry] = ()
        self._blocks: deque[list[Text] | None] = deque(maxlen=LOG_LINES)  # None: not wrapped yet
        self._tail_block: list[Text] = []
        self._lines: list[Text] = []
        self._is_stale = False
        self._width = 0
        self._wrapper = Console(width=80, force_terminal=True, color_system="truecolor", legacy_windows=False)

    @property
    def shown_lines(self) -> list[str]:
        """What is shown, as text."""
        return [line.plain.rstrip() for line in self._lines]

    def clear(self) -> None:
        self._entries.clear()
        self._tail = ()
        self._wrap_all()

    def extend(self, entries: Iterable[LogEntry]) -> None:
        """Appends lines, all of them in one go."""
        new = list(entries)
        if not new:
            return
        self._entries.extend(new)
        self._blocks.extend([None] * len(new))
        self._lay_out_soon()

    def put_tail(self, entries: Sequence[LogEntry]) -> None:
        """What stands below all lines, such as the output of the process; it replaces what stood there."""
        if entries != self._tail:
            self._tail = entries
            self._tail_block = [line for one in entries for line in self._wrap(one)]
            self._lay_out_soon()

    def choose(self, search: str, kinds: frozenset[str] | None) -> None:
        """Shows the lines of some kinds that have all words."""
        self.search, self.kinds = search.lower(), kinds
        self._wrap_all()

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._width:
            self._wrap_all()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) != round(old_value):
            self.follow = new_value >= self.max_scroll_y

    def render_line(self, y: int) -> Strip:
        place = self.scroll_offset.y + y
        width = self.size.width
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        strip = Strip(self._lines[place].render(self._wrapper)).simplify()
        return strip.adjust_cell_length(width, self.rich_style).apply_style(self.rich_style)

    def _wrap_all(self) -> None:
        self._width = self.scrollable_content_region.width
        self._blocks = deque([None] * len(self._entries), maxlen=LOG_LINES)
        self._tail_block = [line for one in self._tail for line in self._wrap(one)]
        self._lay_out()

    def _lay_out_soon(self) -> None:
        """Once, for all lines that come before the next pause."""
        if not self._is_stale:
            self._is_stale = True
            self.call_later(self._lay_out)

    def _lay_out(self) -> None:
        self._is_stale = False
        wrapped = [
            self._wrap(entry) if block is None else block
            for entry, block in zip(self._entries, self._blocks, strict=True)
        ]
        self._blocks = deque(wrapped, maxlen=LOG_LINES)
        self._lines = [*itertools.chain.from_iterable(wrapped), *self._tail_block]
        self.virtual_size = Size(self._width, len(self._lines))
        if self.follow:
            self.call_after_refresh(self._to_end)
        self.refresh()

    def _to_end(self) -> None:
        if self.follow:
            self.scroll_end(animate=False, immediate=True)

    def _wrap(self, entry: LogEntry) -> list[Text]:
        if self._width < 1 or not self._is_chosen(entry):
            return []
        first, *rest = entry.text.wrap(self._wrapper, self._width)
        if rest and self._width > 3 * INDENT:
            words = entry.text[len(first.plain) :]
            words.plain = words.plain.lstrip()
            rest = [Text(" " * INDENT).append_text(line) for line in words.wrap(self._wrapper, self._width - INDENT)]
        return [first, *rest]

    def _is_chosen(self, entry: LogEntry) -> bool:
        if self.kinds is not None and entry.kind not in self.kinds:
            return False
        plain = entry.text.plain.lower()
        return all(word in plain for word in self.search.split())
