"""The columns of the list of runs: what they show, and how wide they are."""

import time

from rich.text import Text

from lsap_cli.dashboard.formatting import BLUE, DASH, duration, moment, name_text, short_duration, spark, state_text
from lsap_cli.dashboard.summaries import RunSummary

# name and width at 80 columns; 0: on wider screens only
COLUMNS = (
    ("state", 9),
    ("run", 15),
    ("command", 8),
    ("model", 0),
    ("key figure", 24),
    ("curve", 6),
    ("start", 0),
    ("took", 5),
)
WIDER = (
    ("took", 2),
    ("command", 1),
    ("model", 14),
    ("start", 10),
    ("run", 14),
    ("key figure", 14),
    ("curve", 18),
    ("run", 10),
)


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
    name = f"{'● ' if marked else ''}{'└ ' if indented else ''}{one.name}{tags}"
    took = duration(seconds) if widths["took"] > 6 else short_duration(seconds)
    cells = {
        "state": state_text(snapshot.state),
        "run": name_text(name, widths["run"], "" if one.part else "bold"),
        "command": name_text(snapshot.command.removeprefix("models ") or DASH, widths["command"]),
        "model": name_text(snapshot.classifier or DASH, widths.get("model", 1)),
        "key figure": name_text(one.figure or DASH, widths["key figure"]),
        "curve": Text(spark(list(one.curve), widths["curve"]), style=BLUE),
        "start": Text(moment(snapshot.started)),
        "took": Text(took, justify="right"),
    }
    return [cells[name] for name in widths]


def column_widths(room: int) -> dict[str, int]:
    """Of the columns: what is beyond 80 goes to one after the other."""
    widths = dict(COLUMNS)
    left = room - 80
    for name, more in WIDER:
        gap = 0 if widths[name] else 2  # a column that appears brings its gap with it
        if widths[name] == 0 and left < more + gap:
            continue
        taken = min(more, max(0, left - gap))
        widths[name] += taken
        left -= taken + (gap if taken else 0)
    return {name: width for name, width in widths.items() if width}
