"""The file with a network's classes that a model card names."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsap_cli.errors import LsapError

NUMBERED = re.compile(r"(\d+)[\s,;:]+(\S.*)")


def read_labels(path: Path) -> list[str]:
    """The classes in the order of the scores.

    A text file has one class a line; where every line begins with its number, as those of UCF101's classInd.txt do,
    the numbers are no part of the names. A JSON file has a list of them, or numbers and names, as the id2label of a
    config.json has.

    Raises:
        LsapError: if the file is empty, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LsapError(f"the labels {path} cannot be read as text ({error})") from None
    if path.suffix == ".json":
        return _from_json(path, text)
    labels = [line.strip() for line in text.splitlines()]
    while labels and not labels[-1]:
        labels.pop()
    if not labels:
        raise LsapError(f"the labels {path} are empty; give one class a line, in the order of the logits")
    return _without_numbers(labels)


def _without_numbers(lines: list[str]) -> list[str]:
    """The lines without the numbers before them, where these count from 0 or 1."""
    numbered = [NUMBERED.fullmatch(line) for line in lines]
    found = [(int(one.group(1)), one.group(2)) for one in numbered if one]
    first = found[0][0] if found else -1
    if len(lines) < 2 or first not in (0, 1) or [one for one, _ in found] != [*range(first, first + len(lines))]:
        return lines
    return [name for _, name in found]


def _from_json(path: Path, text: str) -> list[str]:
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LsapError(f"the labels {path} are not JSON ({error})") from None
    if isinstance(data, Mapping) and isinstance(data.get("id2label"), Mapping):
        data = data["id2label"]
    if isinstance(data, Mapping) and data:
        names = {str(key): value for key, value in data.items()}
        if all(isinstance(value, int) for value in names.values()):
            names = {str(value): key for key, value in names.items()}
        if {*names} == {*map(str, range(len(names)))}:
            data = [names[str(index)] for index in range(len(names))]
    if isinstance(data, list) and data and all(isinstance(one, str) for one in data):
        return data
    raise LsapError(
        f"the labels {path} must be a list of names, or names with the numbers 0 to classes-1 (as id2label has them)"
    )
