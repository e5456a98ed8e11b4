"""Kinetics' own lists: `label,youtube_id,time_start,time_end,split`, and videos that are called after them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import header_rows
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import has_column
from lsap_cli.set_sources import SetSource

FOLDERS = ("train", "val", "validate", "test", "videos", "clips")


@dataclass(frozen=True)
class Kinetics(SetFormat):
    """A CSV with `label,youtube_id,time_start,time_end,split`; videos `ID_000012_000022.mp4` or `ID.mp4`."""

    def fits(self, path: Path) -> bool:
        return path.suffix.lower() == ".csv" and has_column(path, "youtube_id")

    def read(self, source: SetSource) -> Listing:
        listing = Listing(roots=roots_of(source, source.path.parent, FOLDERS))
        listing.notes.append(f"{source.path} is read as a list of Kinetics")
        for line, row in header_rows(source.path, listing, ["youtube_id"], "a list of Kinetics"):
            identity, label = row.get("youtube_id", "").strip(), row.get("label", "").strip()
            stems = [*_timed(identity, row.get("time_start"), row.get("time_end")), identity]
            if not identity or not stems[:-1]:
                listing.leave_out(source.path, line, "has no youtube_id, time_start and time_end")
                continue
            folders = dict.fromkeys((label, label.replace(" ", "_"), "")) if label else {"": None}
            paths = tuple(f"{folder}/{stem}.mp4".lstrip("/") for stem in stems for folder in folders)
            listing.entries.append(Entry(paths, line, (label,) if label else (), group=identity))
        return listing


def _timed(identity: str, start: str | None, end: str | None) -> Iterator[str]:
    """The name of a video that says where it was cut from the whole one."""
    try:
        yield f"{identity}_{int(float(start or '')):06d}_{int(float(end or '')):06d}"
    except (ValueError, OverflowError):
        return
