"""A run's verdict and its figures, as text."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from lsap_cli.dashboard.formatting import BLUE, DASH, OCHER, ORANGE, short_spec
from lsap_cli.results.text import printable

if TYPE_CHECKING:  # all classes of results: the list of runs is there before they are needed
    from lsap_cli.results.verdict import KeyFigure, Verdict

LEVELS = {"good": ("✓", BLUE), "bad": ("✗", ORANGE), "open": ("?", OCHER)}
FIGURE_WIDTHS = 19, 30  # least and most columns of a figure


def verdict_text(verdict: "Verdict") -> Text:
    """The answer: a sign and a word, then the sentence."""
    sign, color = LEVELS[verdict.level]
    return Text().append(f"{sign} {verdict.word}  ", style=f"bold {color}").append(printable(verdict.sentence))


def figures_text(figures: "Sequence[KeyFigure]", room: int, about: str = "") -> Text:
    """The figures beside each other, as many in a row as fit: name, value with count, interval with what it is of.

    What they are of has a line of its own where it does not fit beside the intervals.
    """
    in_a_row = max(1, room // FIGURE_WIDTHS[0])
    rows = [figures[first : first + in_a_row] for first in range(0, len(figures), in_a_row)]
    return Text("\n").join(_row_text(row, room, "" if number else about) for number, row in enumerate(rows))


def _row_text(figures: "Sequence[KeyFigure]", room: int, about: str) -> Text:
    width = max(FIGURE_WIDTHS[0], min(FIGURE_WIDTHS[1], room // len(figures)))
    intervals = [f"{one.rate.low:.2f}–{one.rate.high:.2f}" if one.rate else "" for one in figures]
    beside = [" ".join(filter(None, (interval, one.note))) for interval, one in zip(intervals, figures, strict=True)]
    lines = [
        [one.name for one in figures],
        [f"{one.rate.value:.2f}  {one.rate.count}/{one.rate.of}" if one.rate else one.text or DASH for one in figures],
    ]
    lines += [beside] if max(map(cell_len, beside)) < width else [intervals, [one.note for one in figures]]
    names, values, *rest = (
        "".join(short_spec(part, width - 1).ljust(width) for part in line).rstrip() for line in lines
    )
    text = Text().append(names, style="dim")
    text.append(f"   {about}" if len(text) + len(about) + 3 <= room else "", style="dim")
    text.append(f"\n{values}", style="bold")
    return text.append("".join(f"\n{line}" for line in rest if line), style="dim")


def figure_lines(figures: "Sequence[KeyFigure]") -> Iterator[str]:
    """The figures, a short line each: name, value, count, interval."""
    for one in figures:
        rate = one.rate
        value = f"{rate.value:.2f} {rate.count}/{rate.of} {rate.interval}" if rate else one.text
        if value:
            yield f"{one.name.removeprefix('worst '):<12} {value}"
