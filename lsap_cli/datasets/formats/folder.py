"""A folder of videos, whose sub-folders' names are labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lsap_cli.datasets.base import UnreadablePlace
from lsap_cli.datasets.class_reading import folders_above
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.set_sources import SetSource
from lsap_cli.video.walking import walk_media


@dataclass(frozen=True)
class VideoFolder(SetFormat):
    """Videos at any depth; the nearest folder above a video whose name is a label gives its label."""

    said: ClassVar[bool] = False

    def fits(self, path: Path) -> bool:
        return path.is_dir()

    def read(self, source: SetSource) -> Listing:
        walk = walk_media(source.path)
        names = [path.relative_to(source.path).as_posix() for path in walk.media]
        listing = Listing(
            [Entry((name,), labels=folders_above(name)) for name in names], noun="sub-folder", roots=[source.path]
        )
        if not names and walk.others:
            found = ", ".join(f"{suffix or 'no suffix'} ({count})" for suffix, count in walk.others.most_common(3))
            listing.notes.append(f"its files end with {found}")
        listing.unreadable = [
            UnreadablePlace(path, path.relative_to(source.path).as_posix(), f"cannot be looked at ({reason})")
            for path, reason in walk.unreadable
        ]
        return listing
