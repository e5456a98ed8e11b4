"""Files that a list names: below one of several folders, with another suffix, or in other capitals."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lsap_cli.video.walking import MEDIA_SUFFIXES


class Located(NamedTuple):
    """Where a file is that a list names.

    Attributes:
        path: the file; where none is there, the likeliest place.
        name: its path inside the set.
        other_name: whether it is called otherwise than in the list.
        there: whether it is there, as far as its folder's names tell; a folder that cannot be read tells nothing.
    """

    path: Path
    name: str
    other_name: bool = False
    there: bool = True


@dataclass
class _Folder:
    """The names in a folder, read once, so that a list of a million files takes seconds.

    Attributes:
        path: of the folder.
        names: of what is in it.
        is_read: whether these are all there are; false for a folder that is there and cannot be read.
    """

    path: Path
    names: frozenset[str]
    is_read: bool
    by_stem: dict[str, list[str]] = field(default_factory=dict)
    by_lower: dict[str, list[str]] = field(default_factory=dict)

    def alike(self, name: str) -> list[str]:
        """Videos with a name's stem, or with the name in other capitals; a frame folder that is called by the stem."""
        if not self.by_lower:
            for one in sorted(self.names):
                stem, suffix = split_suffix(one)
                if suffix.lower() in MEDIA_SUFFIXES:
                    self.by_stem.setdefault(stem, []).append(one)
                self.by_lower.setdefault(one.lower(), []).append(one)
        stem, suffix = split_suffix(name)
        if suffix.lower() not in MEDIA_SUFFIXES:
            stem = name
        frames = [stem] if stem in self.names else []
        return self.by_stem.get(stem) or self.by_lower.get(name.lower()) or frames


class _Place(NamedTuple):
    """The folder that the files of a list lie in, as one of the roots has it.

    Attributes:
        folder: the folder.
        prefix: its path inside the set, with a slash at the end; empty for the root itself.
        inside: whether it lies in the root; otherwise its prefix is its whole path, without the slash before it.
    """

    folder: _Folder
    prefix: str
    inside: bool = True

    def located(self, name: str, other_name: bool = False) -> Located:
        folder = self.folder
        path = folder.path / name  # parsing a whole path anew takes three times as long
        return Located(path, self.prefix + name, other_name, name in folder.names or not folder.is_read)


class Locator:
    """Finds the files of a list.

    Args:
        roots: folders where relative paths may begin, the likeliest first.

    Attributes:
        leaves_roots: whether a file has been looked for that lies in none of them.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [os.path.normpath(root.absolute()) for root in roots]
        self.leaves_roots = False
        self._folders: dict[str, _Folder] = {}
        self._places: dict[tuple[str, str], _Place] = {}  # by root and by what a list writes before a file's name

    def find(self, written: Sequence[str]) -> Located | str:
        """The file that one of some paths names, or a sentence why it is not clear which one.

        A path counts as it is written; where no such file is there, one whose suffix or whose capitals differ.
        """
        for root in self._roots:
            for text in written:
                place, name = self._split(root, text)
                if name in place.folder.names:
                    return self._chosen(place, name)
        for root in self._roots:
            for text in written:
                place, name = self._split(root, text.replace("\\", "/"))
                names = place.folder.names
                if not names:
                    continue
                alike = [name] if name in names else place.folder.alike(name)
                if len(alike) > 1:
                    return f"{text} may be {', '.join(alike[:3])}"
                if alike:
                    return self._chosen(place, alike[0], other_name=True)
        place, name = self._split(self._roots[0], written[0])
        return self._chosen(place, name)

    def exists(self, text: str) -> bool:
        """Whether a file has exactly that path below one of the roots."""
        places = (self._split(root, text) for root in self._roots)
        return any(name in place.folder.names for place, name in places)

    def _chosen(self, place: _Place, name: str, other_name: bool = False) -> Located:
        self.leaves_roots = self.leaves_roots or not place.inside
        return place.located(name, other_name)

    def _split(self, root: str, text: str) -> tuple[_Place, str]:
        """The folder and the name that a written path has below a root."""
        before, slash, name = text.rpartition("/")
        if name in ("", ".", "..") or (slash and not before):
            full = os.path.normpath(text if text.startswith("/") else f"{root}/{text}")
            before, _, name = full.rpartition("/")
            return self._place(root, before), name
        known = self._places.get((root, before))
        if known is None:
            folder = before if before.startswith("/") else f"{root}/{before}"
            known = self._places[root, before] = self._place(root, os.path.normpath(folder))
        return known, name

    def _place(self, root: str, folder: str) -> _Place:
        inside = folder == root or folder.startswith(f"{root.rstrip('/')}/")
        relative = folder[len(root) :] if inside else folder
        prefix = relative.strip("/")
        return _Place(self._folder(folder), f"{prefix}/" if prefix else "", inside)

    def _folder(self, folder: str) -> _Folder:
        known = self._folders.get(folder)
        if known is None:
            names, is_read = frozenset[str](), True
            try:
                with os.scandir(folder or "/") as found:
                    names = frozenset(one.name for one in found)
            except (FileNotFoundError, NotADirectoryError, ValueError):  # no such folder, or no name of one
                pass
            except OSError:  # its videos are named when they are read
                is_read = False
            known = self._folders[folder] = _Folder(Path(folder or "/"), names, is_read)
        return known


def named_in_common(places: Sequence[Located | str]) -> tuple[list[Located | str], str]:
    """Files with the names that they have in the folder that all of them lie in, and that folder."""
    found = [one for one in places if isinstance(one, Located)]
    common = os.path.commonpath({str(one.path.parent) for one in found})
    start = len(common.rstrip("/")) + 1
    return [one if isinstance(one, str) else one._replace(name=str(one.path)[start:]) for one in places], common


def split_suffix(path: str) -> tuple[str, str]:
    """A path without its suffix, and the suffix with its dot; five times as fast as pathlib."""
    stem, dot, suffix = path.rpartition(".")
    return (stem, dot + suffix) if stem and "/" not in suffix else (path, "")
