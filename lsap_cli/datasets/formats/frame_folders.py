"""A folder of frame folders: each video is a folder of numbered pictures."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.base import UnreadablePlace, few
from lsap_cli.datasets.class_reading import folders_above
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.locating import split_suffix
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.picture_folders import TIMES
from lsap_cli.video.picture_sequences import missing_numbers, numbered_pictures
from lsap_cli.video.walking import MEDIA_SUFFIXES, PICTURE_SUFFIXES

FEWEST = 2  # pictures, so that a folder with one picture beside videos is no video


@dataclass(frozen=True)
class FrameFolders(SetFormat):
    """Folders of numbered pictures (`img_00001.jpg`), at any depth; folders above them are labels."""

    def fits(self, path: Path) -> bool:
        if not path.is_dir():
            return False
        found = False
        for _, names in _folders(path):
            if any(split_suffix(name)[1].lower() in MEDIA_SUFFIXES for name in names):
                return False  # a folder of videos, which may have pictures beside them
            found = found or _is_video(names)
        return found

    def read(self, source: SetSource) -> Listing:
        if not source.path.is_dir():
            raise LsapError(f"{source.path} is not a folder; frames: takes a folder of folders of pictures")
        found: list[str] = []
        gaps: list[str] = []
        single: list[UnreadablePlace] = []
        refused: list[OSError] = []
        for folder, names in _folders(source.path, refused.append):
            name = os.path.relpath(folder, source.path)
            unused = _why_unused(names)
            if unused and name != ".":
                single.append(UnreadablePlace(Path(folder), name, unused))
            if _is_video(names):
                found.append(name)
                missing = missing_numbers([number for number, _ in numbered_pictures(names)])
                gaps += [f"{name} (such as {missing[0]})"] if missing else []
        listing = Listing(noun="sub-folder", roots=[source.path], unreadable=single)
        for error in refused:
            place = Path(os.fsdecode(error.filename))
            name = os.path.relpath(place, source.path)
            listing.unreadable.append(UnreadablePlace(place, name, f"cannot be looked at ({error.strerror})"))
        if gaps:
            listing.warnings.append(f"{source.path}: numbers of pictures are missing in {few(gaps)}; the rest is used")
        if found == ["."]:
            whole = source.path.resolve()
            listing.entries, listing.roots = [Entry((whole.name,))], [whole.parent]
            return listing
        listing.entries = [Entry((name,), labels=folders_above(name)) for name in sorted(found) if name != "."]
        return listing


def _folders(root: Path, refuse: Callable[[OSError], object] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Every folder that is not hidden, and the names of its files, in a fixed order; `refuse` gets what is not open."""
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=False):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        yield folder, names


def _is_video(names: list[str]) -> bool:
    return TIMES in names or len(numbered_pictures(names)) >= FEWEST


def _why_unused(names: list[str]) -> str:
    """Why a folder with pictures is no video; empty: it is one, or holds no picture."""
    if TIMES in names:
        return ""
    numbered = len(numbered_pictures(names))
    if 0 < numbered < FEWEST:
        return f"has a single numbered picture, and a video has {FEWEST} or more"
    if not numbered and any(split_suffix(name)[1].lower() in PICTURE_SUFFIXES for name in names):
        return "has pictures without numbers in their names, so that their order is not known"
    return ""
