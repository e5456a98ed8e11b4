"""Finding the videos of a folder: by suffix, in a fixed order, never outside of it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

VIDEO = """3g2 3gp asf avi divx dv f4v flv gif h264 h265 hevc ivf m2ts m2v m4v mjpeg mjpg mkv mov mp4 mpeg mpg mts mxf nut
    obu ogm ogv qt rm rmvb ts vob webm wmv y4m"""
SOUND = "aac flac m4a mka mp3 oga ogg opus wav wma"  # named as unusable, rather than passed over in silence
MEDIA_SUFFIXES = frozenset("." + suffix for suffix in (VIDEO + " " + SOUND).split())


def find_media(root: Path) -> list[Path]:
    """The media files below a folder, sorted by their path in it.

    Hidden files and folders are passed over, links that lead out of the folder are not followed.
    """
    return _sorted(root, (path for path, leads_out in _walk(root, root.resolve()) if not leads_out))


def find_outside_links(root: Path) -> list[Path]:
    """The links to media files or folders that `find_media` does not follow, sorted likewise."""
    return _sorted(root, (path for path, leads_out in _walk(root, root.resolve()) if leads_out))


def _sorted(root: Path, paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.relative_to(root).as_posix())


def _walk(folder: Path, root: Path) -> Iterator[tuple[Path, bool]]:
    """Media files, and links that lead out of the root; whether it is such a link."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                if path.is_dir() or path.suffix.lower() in MEDIA_SUFFIXES:
                    yield path, True
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(path, root)
            elif path.is_file() and path.suffix.lower() in MEDIA_SUFFIXES:
                yield path, False
