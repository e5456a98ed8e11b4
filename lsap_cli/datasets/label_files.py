"""Files that give the numbers of a list their names: `classInd.txt`, `labels.json`, a name a line, `id,name`."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lsap_cli.errors import LsapError

NUMBER = re.compile(r"[0-9]{1,9}")
NUMBERED = re.compile(r"(\d{1,9})\s*[\s,;:]\s*(\S.*)")
NUMBERED_BEHIND = re.compile(r"(.*\S)\s*[\s,;:]\s*(\d{1,9})")
LARGEST_BYTES = 2**24


def read_text(path: Path) -> str:
    """A text file's content, without a byte order mark.

    Raises:
        LsapError: if it cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise LsapError(f"{path} is not UTF-8 text, and so no list") from None
    except OSError as error:
        raise LsapError(f"the list {path} cannot be read ({error.strerror})") from None


def read_json(path: Path) -> object:
    """A JSON file's content.

    Raises:
        LsapError: if it cannot be read, or is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise LsapError(f"{path} is not JSON that can be read ({error})") from None


def read_json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a file with one a line, and their lines' numbers; what is no object counts as an empty one.

    Raises:
        LsapError: if it cannot be read, or a line is no JSON.
    """
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError) as error:
            raise LsapError(f"{path}, line {number} is not JSON that can be read ({error})") from None
        if line.strip():
            yield number, row if isinstance(row, dict) else {}


def label_text(value: object) -> str:
    """A cell as a label. Numbers are floats where others of their column are missing."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else ""
    return "" if value is None else str(value)


def read_label_names(path: Path, numbers: Iterable[int] = ()) -> dict[int, str]:
    """The names in a file, by number.

    Args:
        path: a name a line, `number name` or `name number` a line, a CSV with the columns `id,name`, a JSON list, or a
            JSON object of names and numbers.
        numbers: that a list uses. Where names have no numbers of their own, they show whether these count from 1.

    Raises:
        LsapError: if it cannot be read, is of another shape, or gives a number twice.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise LsapError(f"--labels {path} is larger than a list of names can be")
    if path.suffix.lower() == ".json":
        return _from_json(path, numbers)
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if lines and re.fullmatch(r"(id|index|label)\s*[,;\t]\s*(name|label|class)", lines[0], re.IGNORECASE):
        lines = [" ".join(row) for row in csv.reader(lines[1:], delimiter="," if "," in lines[0] else ";")]
    for pattern, number, name in ((NUMBERED, 1, 2), (NUMBERED_BEHIND, 2, 1)):
        matches = [pattern.fullmatch(line) for line in lines]
        if lines and all(matches):
            return _by_number(path, [(int(one.group(number)), one.group(name)) for one in matches if one])
    return _in_order(path, lines, numbers)


def _from_json(path: Path, numbers: Iterable[int]) -> dict[int, str]:
    document = read_json(path)
    if isinstance(document, list):  # Diving48 has a list of words for each of its labels
        document = [" ".join(map(str, one)) if isinstance(one, list) else one for one in document]
    if isinstance(document, list) and all(isinstance(one, str) for one in document):
        return _in_order(path, document, numbers)
    if isinstance(document, dict):
        pairs: list[tuple[int, str]] = []
        for key, value in document.items():
            if NUMBER.fullmatch(key) and isinstance(value, str) and not NUMBER.fullmatch(value):
                pairs.append((int(key), value))
            elif NUMBER.fullmatch(str(value)):
                pairs.append((int(value), str(key)))
        if pairs and len(pairs) == len(document):
            return _by_number(path, pairs)
    raise LsapError(f"--labels {path} holds no names of labels; give a list of them, or an object of names and numbers")


def _by_number(path: Path, pairs: Iterable[tuple[int, str]]) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, name in pairs:
        if names.setdefault(number, name) != name:
            raise LsapError(f"--labels {path} gives the number {number} to '{names[number]}' and to '{name}'")
    return names


def _in_order(path: Path, names: list[str], numbers: Iterable[int]) -> dict[int, str]:
    if not names:
        raise LsapError(f"--labels {path} is empty; give a label's name a line")
    used = sorted(set(numbers))
    first = 1 if used and used[0] >= 1 and used[-1] == len(names) else 0
    return {first + place: name for place, name in enumerate(names)}
