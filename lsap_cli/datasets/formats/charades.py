"""Charades: a video shows several actions, each for some time. One label is what takes more than half of that time."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import header_rows
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import has_column
from lsap_cli.datasets.label_files import read_text
from lsap_cli.set_sources import SetSource

ACTION = re.compile(r"(?P<code>c\d{3}) (?P<start>[\d.]+) (?P<end>[\d.]+)")
FOLDERS = ("Charades_v1_480", "Charades_v1", "videos")
CLASSES = "Charades_v1_classes.txt"


@dataclass(frozen=True)
class Charades(SetFormat):
    """`Charades_v1_test.csv`: videos of which one action takes more than half of the time; the rest is left out."""

    def fits(self, path: Path) -> bool:
        return path.suffix.lower() == ".csv" and has_column(path, "id") and has_column(path, "actions")

    def read(self, source: SetSource) -> Listing:
        listing = Listing(noun="action", roots=roots_of(source, source.path.parent, FOLDERS))
        listing.notes.append(f"{source.path} is read as a list of Charades: a video's label is its longest action")
        names = _names(source.path.parent / CLASSES)
        for line, row in header_rows(source.path, listing, ["actions"], "a list of Charades"):
            identity, text = row.get("id", ""), row.get("actions", "")
            code, actions = _longest(text)
            if code is None:
                listing.leave_out(source.path, line, f"({identity}) {_without_label(text, actions)}")
                continue
            labels = tuple(dict.fromkeys((names.get(code, code), code)))
            subject = row.get("subject", "")
            group = f"subject {subject}" if subject else ""
            listing.entries.append(Entry((f"{identity}.mp4",), line, labels, group=group))
        return listing


def _without_label(text: str, actions: int) -> str:
    """Why a video has no label."""
    if actions:
        return f"shows {actions} actions, none of which takes more than half of their time"
    if text:
        return f"has '{text[:40]}' for its actions, and not code, start and end, as in 'c092 11.90 21.20'"
    return "shows no action"


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
