"""A run's verdict and its figures, as text."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from lsap_cli.dashboard.formatting import BLUE, DASH, OCHER, ORANGE, one_line
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
    """The figures beside each other: name, value with count, interval with what it is of."""
    if not figures:
        return Text()
    width = max(FIGURE_WIDTHS[0], min(FIGURE_WIDTHS[1], room // len(figures)))
    lines: list[list[str]] = [[], [], []]
    for one in figures:
        rate = one.rate
        value = f"{rate.value:.2f}  {rate.count}/{rate.of}" if rate else one.text or DASH
        interval = f"{rate.low:.2f}–{rate.high:.2f} " if rate else ""
        for line, part in zip(lines, (one.name, value, f"{interval}{printable(one.note)}"), strict=True):
            line.append(one_line(part, width - 1).ljust(width))
    text = Text().append("".join(lines[0]).rstrip(), style="dim")
    text.append(f"   {about}" if len(text) + len(about) + 3 <= room else "", style="dim")
    return text.append(f"\n{''.join(lines[1])}", style="bold").append(f"\n{''.join(lines[2])}", style="dim")


def figure_lines(figures: "Sequence[KeyFigure]") -> Iterator[str]:
    """The figures, a short line each: name, value, count, interval."""
    for one in figures:
        rate = one.rate
        value = f"{rate.value:.2f} {rate.count}/{rate.of} {rate.interval}" if rate else one.text
        if value:
            yield f"{one.name.removeprefix('worst '):<12} {value}"
