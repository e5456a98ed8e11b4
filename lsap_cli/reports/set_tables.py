"""What `lsap datasets show` prints."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from lsap_cli.results.sets import ClassCount, SetFacts, Spread, ValueCount
from lsap_cli.results.text import printable

MOST_CLASSES = 30
MOST_VALUES = 5
MOST_LEFT_OUT = 10


def set_parts(facts: SetFacts) -> list[RenderableType]:
    """The parts of the answer, one below the other."""
    parts: list[RenderableType] = [_facts_table(facts), Text(""), _class_table(facts.classes)]
    if facts.left_out:
        parts += [Text(""), Text(f"left out: {len(facts.left_out)}", style="bold")]
        parts += [Text(printable(f"  {one.path}: {one.reason}")) for one in facts.left_out[:MOST_LEFT_OUT]]
        if len(facts.left_out) > MOST_LEFT_OUT:
            parts.append(Text(f"  and {len(facts.left_out) - MOST_LEFT_OUT} more (--json lists all)"))
    if facts.notes:
        parts += [Text(""), *(Text(printable(f"note  {note}")) for note in facts.notes)]
    return parts


def _facts_table(facts: SetFacts) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    some = (
        ""
        if facts.looked_at >= facts.videos + facts.unreadable
        else f" ({facts.looked_at} of {facts.videos + facts.unreadable} headers read; --all reads all)"
    )
    rows = {
        "set": f"{facts.source}, read as {facts.format}",
        "videos": f"{facts.videos}{some}",
        "unreadable": f"{facts.unreadable}, not counted among the videos; the reasons are below",
        "groups": f"recordings: {facts.groups}; videos of the largest: {facts.largest_group}",
        "frames": _range(facts.frames),
        "seconds": _range(facts.seconds),
        "sizes": _values(facts.sizes),
        "frames a second": _values(facts.rates),
        "codecs": _values(facts.codecs),
        "split of generate": _split(facts),
    }
    if not facts.unreadable:
        del rows["unreadable"]
    for name, text in rows.items():
        table.add_row(name, Text(printable(text)))
    return table


def _split(facts: SetFacts) -> str:
    split = facts.split
    if split is None:
        return "none: at least two recordings are needed"
    warning = "; one video verifies, which tells nothing" if split.verify == 1 else ""
    return (
        f"videos to learn from: {split.fit} (recordings: {split.fit_groups}); "
        f"to verify on: {split.verify} (recordings: {split.verify_groups}){warning}"
    )


def _range(spread: Spread | None) -> str:
    return "–" if spread is None else f"{spread.least:g} to {spread.most:g}, half of them up to {spread.median:g}"


def _values(values: Sequence[ValueCount]) -> str:
    shown = ", ".join(f"{one.value} ({one.videos})" for one in values[:MOST_VALUES])
    return (shown or "–") + (f", and {len(values) - MOST_VALUES} others" if len(values) > MOST_VALUES else "")


def _class_table(classes: Sequence[ClassCount]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title=Text(f"labels: {len(classes)}"), title_justify="left")
    table.add_column("label")
    table.add_column("videos", justify="right")
    with_model = any(one.known is not None for one in classes)
    if with_model:
        table.add_column("class of the model")
    ordered = sorted(classes, key=lambda one: one.known is not False)  # what found no class stands first
    for one in ordered[:MOST_CLASSES]:
        cells: list[RenderableType] = [Text(printable(one.label) or "no label"), str(one.videos)]
        if with_model:
            cells.append(Text(printable(one.model_class or "yes")) if one.known else Text("none", style="yellow"))
        table.add_row(*cells)
    if len(classes) > MOST_CLASSES:
        table.add_row(f"and {len(classes) - MOST_CLASSES} more", "", *([""] if with_model else []))
    return table
