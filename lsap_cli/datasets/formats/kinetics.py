"""Kinetics' own lists: `label,youtube_id,time_start,time_end,split`, and videos that are called after them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import header_rows
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import beginning, has_column
from lsap_cli.datasets.label_files import read_json
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

FOLDERS = ("train", "val", "validate", "test", "videos", "clips")


@dataclass(frozen=True)
class Kinetics(SetFormat):
    """A CSV with `label,youtube_id,time_start,time_end,split`, or JSON; videos `ID_000012_000022.mp4` or `ID.mp4`."""

    def fits(self, path: Path) -> bool:
        if path.suffix.lower() == ".json":
            start = beginning(path)
            return '"segment"' in start and '"subset"' in start and '"database"' not in start  # ActivityNet's has one
        return path.suffix.lower() == ".csv" and has_column(path, "youtube_id")

    def read(self, source: SetSource) -> Listing:
        listing = Listing(roots=roots_of(source, source.path.parent, FOLDERS))
        listing.notes.append(f"{source.path} is read as a list of Kinetics")
        is_json = source.path.suffix.lower() == ".json"
        listing.unit = "entry" if is_json else "line"
        for line, row in _json_rows(source.path) if is_json else _csv_rows(source.path, listing):
            stems = [*_timed(row), row.identity]
            if not row.identity or not stems[:-1]:
                listing.leave_out(source.path, line, "has no youtube_id, time_start and time_end")
                continue
            folders = dict.fromkeys((row.label, row.label.replace(" ", "_"), "")) if row.label else {"": None}
            paths = tuple(f"{folder}/{stem}.mp4".lstrip("/") for stem in stems for folder in folders)
            labels = (row.label,) if row.label else ()
            listing.entries.append(Entry(paths, line, labels, group=row.identity))
        return listing


class _Cut(NamedTuple):
    """What is cut from a YouTube video, in seconds as written."""

    identity: str
    label: str
    start: object
    end: object


def _csv_rows(path: Path, listing: Listing) -> Iterator[tuple[int, _Cut]]:
    for line, row in header_rows(path, listing, ["youtube_id"], "a list of Kinetics"):
        identity, label = (row.get(name, "").strip() for name in ("youtube_id", "label"))
        yield line, _Cut(identity, label, row.get("time_start"), row.get("time_end"))


def _json_rows(path: Path) -> Iterator[tuple[int, _Cut]]:
    """An object of videos by their identity; of the test set, they have no label."""
    document = read_json(path)
    if not isinstance(document, dict):
        raise LsapError(f"{path} is no list of Kinetics: it holds no object of videos")
    for number, (identity, one) in enumerate(document.items(), 1):
        found = one.get("annotations") if isinstance(one, dict) else None
        about = found if isinstance(found, dict) else {}
        segment = about.get("segment")
        start, end = segment if isinstance(segment, list) and len(segment) == 2 else (None, None)
        yield number, _Cut(identity, str(about.get("label") or ""), start, end)


def _timed(cut: _Cut) -> Iterator[str]:
    """The name of a video that says where it was cut from the whole one."""
    try:
        yield f"{cut.identity}_{int(float(str(cut.start))):06d}_{int(float(str(cut.end))):06d}"
    except (ValueError, OverflowError):
        return
