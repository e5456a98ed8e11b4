"""How things are written on the screens: names, states, durations, rates, sizes.

Names come from files and other people: they reach a screen as `name_text`, never as markup.
"""

import itertools
from collections.abc import Iterable
from datetime import datetime

from rich.text import Text

from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NOISE
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import RunState

LONGEST_SECONDS = 1e9  # about 30 years: no run takes longer
DASH = "–"
# readable on dark and on light, and different for any color vision
BLUE, ORANGE, OCHER = "#2a8fd4", "#d2691e", "#b8860b"
# a sign and a word for each state, so that no state is shown by its color alone
STATES: dict[RunState, tuple[str, str, str]] = {
    "queued": ("⋯", "queued", BLUE),
    "starting": ("…", "starting", BLUE),
    "running": ("▶", "live", f"bold {BLUE}"),
    "done": ("✓", "done", ""),
    "failed": ("✗", "failed", f"bold {ORANGE}"),
    "interrupted": ("■", "stopped", OCHER),
    "killed": ("!", "killed", f"bold {OCHER}"),
    "damaged": ("?", "damaged", f"bold {ORANGE}"),
}
ATTACK_NAMES = {NO_ATTACK: "no attack", NOISE: "noise"}
BLOCKS = "▁▂▃▄▅▆▇█"


def state_text(state: RunState) -> Text:
    sign, word, style = STATES[state]
    return Text(f"{sign} {word}", style=style)


def duration(seconds: float | None) -> str:
    """`0:42`, `12:05`, `3:07:09`."""
    if seconds is None or seconds > LONGEST_SECONDS:
        return DASH
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def short_duration(seconds: float | None) -> str:
    """`0:42`, `12:05`, `3h07`, `52h`: at most five characters."""
    whole = duration(seconds)
    if seconds is None or len(whole) <= 5:
        return whole
    hours, minutes = divmod(round(seconds) // 60, 60)
    return f"{hours}h{minutes:02d}" if hours < 100 else f"{hours}h"


def moment(seconds: float | None) -> str:
    """When it was: the time today, or the date."""
    then = _local_time(seconds)
    if then is None:
        return DASH
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d}"


def when(seconds: float | None, width: int) -> str:
    """When it was, in a column: `15:42` today, else `11-30`; with both where there is room."""
    then = _local_time(seconds)
    if then is None:
        return DASH
    if width >= 10:
        return f"{then:%m-%d %H:%M}" if then.year == datetime.now().year else f"{then:%Y-%m-%d}"
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%m-%d}"


def clock_time(seconds: float | None) -> str:
    """`14:05:59`."""
    then = _local_time(seconds)
    return DASH if then is None else f"{then:%H:%M:%S}"


def _local_time(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds)
    except (ValueError, OverflowError, OSError):  # too far away for a calendar
        return None


def megabytes(size: float | None) -> str:
    """`312 B`, `3.2 KB`, `640 MB`, `1.5 GB`."""
    if size is None:
        return DASH
    if size >= 2**30:
        return f"{size / 2**30:.1f} GB"
    if size >= 2**20:
        return f"{size / 2**20:.0f} MB" if size >= 10 * 2**20 else f"{size / 2**20:.1f} MB"
    return f"{size / 2**10:.1f} KB" if size >= 2**10 else f"{size:.0f} B"


def figure(value: float | None, digits: int = 2) -> str:
    if value is None:
        return DASH
    return f"{value:.{digits}g}" if value and abs(value) < 10**-digits else f"{value:.{digits}f}"


def short_rate(rate: Rate | None) -> str:
    """`0.74 (0.59–0.85)`."""
    return DASH if rate is None else f"{rate.value:.2f} ({rate.interval})"


def one_line(text: object, width: int) -> str:
    """Safe to show, in at most `width` characters: the middle is left out."""
    whole = str(text)
    shown = printable(whole if len(whole) <= 4 * width else f"{whole[: 2 * width]}{whole[-2 * width :]}")
    if len(shown) <= width:
        return shown
    head = (width - 1) // 2
    return f"{shown[:head]}…{shown[len(shown) - (width - 1 - head) :]}"


def name_text(name: object, width: int, style: str = "") -> Text:
    """A name as a piece of text, in at most `width` characters."""
    return Text(one_line(name, width), style=style)


def shortened(text: str, width: int) -> Text:
    """A sentence in at most `width` characters: its end is left out."""
    shown = printable(text[: 4 * width])
    return Text(shown if len(shown) <= width else f"{shown[: width - 1]}…")


def whole_parts(text: str, width: int) -> Text:
    """As many parts of a list with commas as fit in `width` characters; the first one always, shortened."""
    parts = text.split(", ")
    while len(parts) > 1 and len(", ".join(parts)) > width:
        parts.pop()
    return shortened(", ".join(parts), width)


def attack_name(attack: str) -> str:
    return ATTACK_NAMES.get(attack, attack)


def short_spec(spec: str, width: int) -> str:
    """A defense's spec; where it is too long, its settings without their names: `temporal-mean:3`."""
    if len(spec) <= width:
        return printable(spec)
    name, _, settings = spec.partition(":")
    values = ",".join(part.partition("=")[2] or part for part in settings.split(","))
    return one_line(f"{name}:{values}" if values else name, width)


def joined(parts: Iterable[str | Text], separator: str = " · ") -> Text:
    """Pieces of text with a separator between those that are not empty."""
    return Text(separator).join([part if isinstance(part, Text) else Text(part) for part in parts if part])


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
