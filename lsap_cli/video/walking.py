"""Finding the videos of a folder: by suffix, in a fixed order."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

VIDEO = """3g2 3gp apng asf avi divx dv f4v flv gif h264 h265 hevc ivf m2ts m2v m4v mjpeg mjpg mkv mov mp4 mpeg mpg mts
    mxf nut obu ogm ogv qt rm rmvb ts vob webm wmv y4m"""
SOUND = "aac flac m4a mka mp3 oga ogg opus wav wma"  # named as unusable, rather than passed over in silence
MEDIA_SUFFIXES = frozenset("." + suffix for suffix in (VIDEO + " " + SOUND).split())
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"})


@dataclass(frozen=True)
class FolderWalk:
    """What was found below a folder; each list is sorted by the path in it.

    Attributes:
        media: files by suffix.
        unreadable: files and folders that could not be looked at, and why.
        others: numbers of other files, by suffix.
    """

    media: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def find_media(root: Path) -> list[Path]:
    """The media files below a folder; see `walk_media`."""
    return walk_media(root).media


def walk_media(root: Path) -> FolderWalk:
    """Everything below a folder that may be a video.

    Hidden files and folders are passed over. Links to files are followed, as splits are often made of links, and links
    to folders where they lead out of the folder. What cannot be looked at (no permission, a path that is too long, a
    pipe, a link that leads nowhere) is named, and the rest is listed.
    """
    walk = FolderWalk()
    links = _FolderLinks(root.resolve())
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        _sort_in(walk, entry, folder, links, waiting)
        except OSError as error:
            walk.unreadable.append((folder, error.strerror or str(error)))
    walk.media.sort(key=lambda path: path.relative_to(root).as_posix())
    walk.unreadable.sort(key=lambda place: place[0].as_posix())
    return walk


class _FolderLinks:
    """Decides which links to folders are entered: each target once, and none that holds the walk's own root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entered: set[Path] = set()

    def enters(self, path: Path) -> bool:
        target = Path(os.path.realpath(path))
        if target.is_relative_to(self._root) or self._root.is_relative_to(target) or target in self._entered:
            return False
        self._entered.add(target)
        return True


def _sort_in(walk: FolderWalk, entry: os.DirEntry[str], folder: Path, links: _FolderLinks, waiting: list[Path]) -> None:
    path = folder / entry.name
    is_media = path.suffix.lower() in MEDIA_SUFFIXES
    try:
        if path.is_dir():  # entry.is_dir() raises where links go round
            if not entry.is_symlink() or links.enters(path):
                waiting.append(path)
        elif is_media and path.is_file():
            walk.media.append(path)
        elif not path.exists() and (is_media or not path.suffix):  # without a suffix, it may have led to a folder
            walk.unreadable.append((path, "a link that leads nowhere"))
        elif is_media:
            walk.unreadable.append((path, "no regular file"))
        else:
            walk.others[path.suffix.lower()] += 1
    except OSError as error:
        walk.unreadable.append((path, error.strerror or str(error)))
