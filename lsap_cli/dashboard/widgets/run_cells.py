"""The columns of the list of runs: what they show, and how wide they are."""

import time
from pathlib import Path

from rich.text import Text

from lsap_cli.dashboard.formatting import (
    BLUE,
    DASH,
    duration,
    name_text,
    short_duration,
    shortened,
    spark,
    state_text,
    when,
    whole_parts,
)
from lsap_cli.dashboard.summaries import RunSummary

MARK = ""  # the column that says whether a run is marked
# name and width at 80 columns, a space after each; 0: on wider screens only
COLUMNS = (
    (MARK, 1),
    ("state", 9),
    ("start", 5),
    ("command", 8),
    ("run", 18),
    ("key figure", 23),
    ("took", 5),
    ("model", 0),
    ("curve", 0),
)
WIDER = (
    ("run", 6),
    ("start", 6),
    ("curve", 10),
    ("model", 12),
    ("took", 2),
    ("run", 18),
    ("key figure", 16),
    ("curve", 10),
)
SCROLL_BAR = 2
PART_SIGN = "└"


class RunLines:
    """The lines of runs: each is made anew only where something in it has changed."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[object, list[Text]]] = {}

    def cells(self, one: RunSummary, widths: dict[str, int], marked: bool) -> list[Text]:
        """A run's line.

        Args:
            one: the run.
            widths: of the columns that are shown.
            marked: whether it is marked.
        """
        folder, today = one.snapshot.folder, time.localtime()[:3]  # a run of today is told by its time, others by date
        made_of = one, widths, marked, today
        kept = self._kept.get(folder)
        if kept is not None and kept[0] == made_of and not one.snapshot.live:
            return kept[1]
        cells = run_cells(one, widths, marked=marked, indented=one.part)
        self._kept[folder] = made_of, cells
        return cells


def run_cells(one: RunSummary, widths: dict[str, int], marked: bool, indented: bool) -> list[Text]:
    """A run's line.

    Args:
        one: the run.
        widths: of the columns that are shown.
        marked: whether it is marked for a comparison.
        indented: whether it stands below the run that it is a part of.
    """
    snapshot, seconds = one.snapshot, one.seconds
    if snapshot.live and snapshot.started is not None:
        seconds = max(seconds or 0.0, time.time() - snapshot.started)
    tags = "".join(f" #{tag}" for tag in one.labels.tags)
    name = f"{f'{PART_SIGN} ' if indented else ''}{one.title}{tags}"
    took = duration(seconds) if widths["took"] > 6 else short_duration(seconds)
    cells = {
        MARK: Text("●" if marked else "·", style=BLUE if marked else "dim"),
        "state": state_text(snapshot.state),
        "run": title_text(name, widths["run"], "" if one.part else "bold"),
        "command": name_text(snapshot.command.removeprefix("models ") or DASH, widths["command"]),
        "model": name_text(snapshot.classifier or DASH, widths.get("model", 1)),
        "key figure": figure_text(one, widths["key figure"]),
        "curve": Text(spark(list(one.curve), widths.get("curve", 1)), style=BLUE),
        "start": Text(when(snapshot.started, widths["start"])),
        "took": Text(took.rjust(widths["took"])),
    }
    return [cells[name] for name in widths]


def figure_text(one: RunSummary, width: int) -> Text:
    """A reason is cut where it does not fit, of a figure whole parts are left out."""
    is_reason = one.snapshot.state in ("failed", "damaged")
    return (shortened if is_reason else whole_parts)(one.figure or DASH, width)


def title_text(title: str, width: int, style: str = "") -> Text:
    """A run's title: its last words are left out where it does not fit, the middle of its first one where need be."""
    words = title.split(" ")
    while len(words) > 1 and len(" ".join(words)) > width:
        words.pop()
        while len(words) > 1 and (words[-1] == "·" or words[-1].isdigit()):  # of `2 def.`
            words.pop()
    return name_text(title if words == [PART_SIGN] else " ".join(words), width, style)


def column_widths(room: int) -> dict[str, int]:
    """Of the columns, without the space after each: what is left of the room goes to one after the other.

    Args:
        room: columns of the terminal for the whole table.
    """
    widths = dict(COLUMNS)
    left = room - SCROLL_BAR - sum(width + 1 for width in widths.values() if width)
    for name, more in WIDER:
        gap = 0 if widths[name] else 1  # a column that appears brings its gap with it
        if widths[name] == 0 and left < more + gap:
            continue
        taken = min(more, max(0, left - gap))
        widths[name] += taken
        left -= taken + (gap if taken else 0)
    return {name: width for name, width in widths.items() if width}
