"""How things are written on the screens: states, durations, rates, sizes."""

import itertools
import time
from datetime import datetime

from rich.text import Text

from lsap_cli.reports.rows import Rate, printable
from lsap_cli.runs.reading import State

DASH = "–"
# readable on dark and on light, and different for any color vision
BLUE, ORANGE, OCHER = "#2a8fd4", "#d2691e", "#b8860b"
# a sign and a word for each state, so that none is told by its color alone
STATES: dict[State, tuple[str, str, str]] = {
    "starting": ("…", "starting", BLUE),
    "running": ("▶", "live", f"bold {BLUE}"),
    "done": ("✓", "done", ""),
    "failed": ("✗", "failed", f"bold {ORANGE}"),
    "interrupted": ("■", "stopped", OCHER),
    "killed": ("!", "killed", f"bold {OCHER}"),
    "damaged": ("?", "damaged", f"bold {ORANGE}"),
}
BLOCKS = "▁▂▃▄▅▆▇█"


def state_text(state: State) -> Text:
    sign, word, style = STATES[state]
    return Text(f"{sign} {word}", style=style)


def duration(seconds: float | None) -> str:
    """`0:42`, `12:05`, `3:07:09`."""
    if seconds is None:
        return DASH
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment(seconds: float | None) -> str:
    """When it was: the time today, or the date."""
    if seconds is None:
        return DASH
    then = datetime.fromtimestamp(seconds)
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d}"


def ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    passed = max(0.0, time.time() - seconds)
    return "now" if passed < 2 else f"{duration(passed)} ago"


def megabytes(size: float | None) -> str:
    if size is None:
        return DASH
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"


def figure(value: float | None, digits: int = 2) -> str:
    if value is None:
        return DASH
    return f"{value:.{digits}g}" if value and abs(value) < 10**-digits else f"{value:.{digits}f}"


def short_rate(rate: Rate | None) -> str:
    """`0.74 (0.59–0.85)`."""
    return DASH if rate is None else f"{rate.value:.2f} ({rate.interval})"


def one_line(text: object, width: int) -> str:
    """Safe to show, in at most `width` characters: the middle is left out."""
    shown = printable(text)
    if len(shown) <= width:
        return shown
    head = (width - 1) // 2
    return f"{shown[:head]}…{shown[len(shown) - (width - 1 - head) :]}"


def escaped(text: object, width: int) -> str:
    """Likewise, for a place where markup is read: names of folders and files are shown as they are."""
    return one_line(text, width).replace("[", "\\[")


def spark(values: list[float], width: int) -> str:
    """A curve in one line of blocks; shorter than `width` where there are fewer values."""
    if not values:
        return ""
    if len(values) > width:
        edges = [round(place * len(values) / width) for place in range(width + 1)]
        parts = [values[a : max(b, a + 1)] for a, b in itertools.pairwise(edges)]
        values = [sum(part) / len(part) for part in parts]
    low, high = min(values), max(values)
    span = high - low or 1.0
    return "".join(BLOCKS[min(7, int((value - low) / span * 8))] for value in values)
