"""Jester and Something-Something V1: lines `id;label` without a header, and a folder of pictures for each id."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import first_line
from lsap_cli.datasets.label_files import read_text
from lsap_cli.set_sources import SetSource

LINE = re.compile(r"(?P<id>[0-9]+)\s*(?:;\s*(?P<label>.*))?")
FOLDERS = ("20bn-jester-v1", "20bn-something-something-v1", "20bn-something-something-v2", "frames", "videos")
FPS = Fraction(12)  # at which both sets were cut into pictures


@dataclass(frozen=True)
class Jester(SetFormat):
    """Lines `id;label` of Jester or Something-Something V1, and frame folders called by id (12 pictures a second)."""

    def fits(self, path: Path) -> bool:
        match = LINE.fullmatch(first_line(path)) if path.suffix.lower() == ".csv" else None
        return bool(match and match["label"])

    def read(self, source: SetSource) -> Listing:
        listing = Listing(roots=roots_of(source, source.path.parent, FOLDERS), fps=FPS)
        listing.notes.append(f"{source.path} is read as a list of lines 'id;label' (Jester), {FPS} pictures a second")
        for number, text in enumerate(read_text(source.path).splitlines(), 1):
            match = LINE.fullmatch(text.strip())
            if match is None:
                if text.strip():
                    listing.leave_out(source.path, number, "is no line 'id;label'")
                continue
            label = (match["label"] or "").strip()
            listing.entries.append(Entry((match["id"],), number, (label,) if label else ()))
        return listing
