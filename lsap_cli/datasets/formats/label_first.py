"""Lists whose label stands before the path: `0 a.mp4` may be that, or the name of a file with a blank in it."""

import re
from collections.abc import Callable, Sequence

LOOKED_AT = 20  # lines, to tell which order a list has
FIRST_CELL = (re.compile(r"([^\t]+)\t(.+)"), re.compile(r"([^,;]+)[,;](.+)"), re.compile(r"(\S+)\s+(.+)"))
INTEGER = re.compile(r"-?[0-9]{1,9}")


def label_before_path(line: str) -> tuple[str, str] | None:
    """The label and the path of a line `label path`, with a tab, `,`, `;` or blank between; None: there is none."""
    for pattern in FIRST_CELL:
        match = pattern.fullmatch(line.strip())
        if match and match.group(1).strip() and match.group(2).strip():
            return match.group(1).strip(), match.group(2).strip()
    return None


def labels_come_first(lines: Sequence[str], is_there: Callable[[str], bool]) -> bool | None:
    """Whether a list without anything behind its paths holds `label path`.

    Args:
        lines: of the list, without header and comments.
        is_there: whether a file or folder has a path.

    Returns:
        None where the files do not tell, since none is there either way, and every line begins with a number.
    """
    looked_at = lines[:LOOKED_AT]
    pairs = [label_before_path(line) for line in looked_at]
    if not looked_at or any(pair is None for pair in pairs) or any(map(is_there, looked_at)):
        return False
    if any(is_there(pair[1]) for pair in pairs if pair):
        return True
    return None if all(INTEGER.fullmatch(pair[0]) for pair in pairs if pair) else False
