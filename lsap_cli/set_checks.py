"""Sets of videos that cannot be used, told from the names of files alone: no decoder is imported for it."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.plugins import SET_FORMATS
from lsap_cli.set_sources import SETS, split_source
from lsap_cli.video.walking import MEDIA_SUFFIXES, PICTURE_SUFFIXES

OF_SETS = frozenset({".tar", ".parquet", ".csv", ".jsonl"})  # of shards and of metadata, which folders of sets hold
OF_LISTS = "_test_split"  # HMDB51's lists in a folder
SHORT_LIST = 2**16  # bytes of a file that is looked at for being empty


def check_set(text: str | Path) -> None:
    """Refuses a folder without anything that can be a video, and a file that is empty or cannot be read.

    Args:
        text: `PATH` or `FORMAT:PATH`.

    Raises:
        LsapError: naming what would work.
    """
    name, place = split_source(str(text))
    if place.is_dir():
        if name is None and not SET_FORMATS.added:
            _check_folder(place)
    elif place.is_file():
        _check_file(place)
    elif place.exists():
        raise LsapError(f"{place} is neither a folder nor a file; give {SETS}")


def _check_folder(folder: Path) -> None:
    seen: Counter[str] = Counter()
    refused: list[OSError] = []
    for file in _files(folder, refused):
        suffix = Path(file).suffix.lower()
        if suffix in MEDIA_SUFFIXES | PICTURE_SUFFIXES | OF_SETS or OF_LISTS in file:
            return
        seen[suffix] += 1
    if refused:
        raise LsapError(f"{refused[0].filename} cannot be looked at ({refused[0].strerror}); give {SETS}")
    if not seen:
        raise LsapError(f"{folder} is empty; give {SETS}")
    found = ", ".join(f"{suffix or 'no suffix'} ({count})" for suffix, count in seen.most_common(3))
    raise LsapError(f"{folder} holds no video (its files end with {found}); give {SETS}")


def _files(folder: Path, refused: list[OSError]) -> Iterator[str]:
    """Names of files below a folder, hidden ones left out; each target of links is entered once."""
    entered: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=refused.append):
        yield from (file for file in files if not file.startswith("."))
        kept = []
        for name in folders:
            target = os.path.realpath(Path(place, name))
            if not name.startswith(".") and target not in entered:
                entered.add(target)
                kept.append(name)
        folders[:] = kept


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            begin = file.read(SHORT_LIST)
    except OSError as error:
        raise LsapError(f"{path} cannot be read ({error.strerror}); give {SETS}") from None
    if not begin.removeprefix(b"\xef\xbb\xbf").strip() and len(begin) < SHORT_LIST:
        raise LsapError(f"{path} is empty; give {SETS}")
