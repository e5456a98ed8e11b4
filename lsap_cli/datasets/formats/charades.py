"""Charades: a video shows several actions, each for some time. One label is what takes more than half of that time."""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import first_line
from lsap_cli.datasets.label_files import read_text
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

ACTION = re.compile(r"(?P<code>c\d{3}) (?P<start>[\d.]+) (?P<end>[\d.]+)")
FOLDERS = ("Charades_v1_480", "Charades_v1", "videos")
CLASSES = "Charades_v1_classes.txt"


@dataclass(frozen=True)
class Charades(SetFormat):
    """`Charades_v1_test.csv`: videos of which one action takes more than half of the time; the rest is left out."""

    def fits(self, path: Path) -> bool:
        columns = first_line(path).split(",") if path.suffix.lower() == ".csv" else []
        return "id" in columns and "actions" in columns

    def read(self, source: SetSource) -> Listing:
        listing = Listing(noun="action", roots=roots_of(source, source.path.parent, FOLDERS))
        listing.notes.append(f"{source.path} is read as a list of Charades: a video's label is its longest action")
        names = _names(source.path.parent / CLASSES)
        rows = csv.DictReader(read_text(source.path).splitlines(keepends=True))
        if not {"id", "actions"} <= set(rows.fieldnames or ()):
            raise LsapError(f"{source.path} has no columns 'id' and 'actions', and so is no list of Charades")
        for row in rows:
            code, actions = _longest(row["actions"] or "")
            if code is None:
                what = f"shows {actions} actions, none of which takes more than half of their time"
                listing.leave_out(source.path, rows.line_num, f"({row['id']}) {what if actions else 'shows no action'}")
                continue
            labels = tuple(dict.fromkeys((names.get(code, code), code)))
            subject = row.get("subject") or ""
            group = f"subject {subject}" if subject else ""
            listing.entries.append(Entry((f"{row['id']}.mp4",), rows.line_num, labels, group=group))
        return listing


def _longest(text: str) -> tuple[str | None, int]:
    """The action that takes more than half of the time of all, and the number of different actions."""
    seconds: dict[str, float] = defaultdict(float)
    for part in text.split(";"):
        match = ACTION.fullmatch(part.strip())
        if match:
            try:
                seconds[match["code"]] += max(float(match["end"]) - float(match["start"]), 0.0)
            except ValueError:
                continue
    total = sum(seconds.values())
    longest = max(seconds, key=lambda code: seconds[code], default="")
    return (longest if total and seconds[longest] > total / 2 else None), len(seconds)


def _names(path: Path) -> dict[str, str]:
    """`c000 Holding some clothes` a line."""
    if not path.is_file():
        return {}
    pairs = (line.strip().partition(" ") for line in read_text(path).splitlines())
    return {code: name for code, _, name in pairs if name}
