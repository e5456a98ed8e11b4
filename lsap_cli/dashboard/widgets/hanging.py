"""Text whose lines go on below their own words where they are too long, beside a column of names."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

LEAST_ROOM = 20  # columns for the words; with less, lines go on at the left edge


@dataclass(frozen=True, eq=False)  # texts are compared by their words alone
class HangingText:
    """Draws a text in which names stand in a column at the left.

    Attributes:
        text: in lines.
        column: where the words of a line begin that starts with a blank.
    """

    text: Text
    column: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        for line in self.text.split("\n", allow_blank=True):
            if line.cell_len <= width or not line.plain.startswith(" ") or width - self.column < LEAST_ROOM:
                yield line
                continue
            name, words = line.divide([self.column])
            first, *rest = words.wrap(console, width - self.column)
            yield name + first
            for more in rest:
                yield Text(" " * self.column) + more
