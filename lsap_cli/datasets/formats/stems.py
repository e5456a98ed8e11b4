"""Lists whose videos stand without their suffix: `v_001`, `v_001 3` or `v_001 tai chi`, as the files show."""

from collections.abc import Callable, Sequence

from lsap_cli.datasets.locating import Locator
from lsap_cli.video.picture_sequences import numbered_pictures
from lsap_cli.video.walking import MEDIA_SUFFIXES

FEWEST = 2  # pictures of a frame folder


def names_videos(paths: Sequence[str], locator: Locator) -> bool:
    """Whether more than half of some lines of a list name videos, or frame folders, that are there."""
    return bool(paths) and 2 * sum(_is_a_video(path, locator) for path in paths) > len(paths)


def _is_a_video(text: str, locator: Locator) -> bool:
    found = locator.find((text,))
    if isinstance(found, str) or not found.there:
        return False
    try:
        if found.path.is_dir():
            return len(numbered_pictures([one.name for one in found.path.iterdir()])) >= FEWEST
    except OSError:  # no file can have that path, or the folder cannot be read
        return False
    return found.path.suffix.lower() in MEDIA_SUFFIXES


def name_behind_path(line: str, is_there: Callable[[str], bool]) -> tuple[str, str] | None:
    """The path and the label of a line whose label is a name; None: no file is there before a separator.

    Args:
        line: without a video's suffix in it.
        is_there: whether a file or folder has a path, or one with a suffix.
    """
    for place in [at for at, letter in enumerate(line) if letter in "\t,; "][::-1]:
        path, label = line[:place].strip(), line[place + 1 :].strip()
        if path and label and is_there(path):
            return path, label
    return None
