"""How a part is written on the command line, `name:key=value,key=value`, taken apart without knowing the part."""

import re
from typing import NamedTuple

COMMAS_OUTSIDE_OF_BRACKETS = re.compile(r",(?![^\[]*\])")
PLUS = re.compile(r"\s\+\s")  # between the members of a chain
LIST_OF_PARTS = re.compile(r"\[(.+)\]")


class SettingText(NamedTuple):
    """One setting as it was typed.

    Attributes:
        key: left of the sign of equality.
        value: right of it; None where there is no such sign.
        whole: all of it, for error sentences.
    """

    key: str
    value: str | None
    whole: str


def split_spec(spec: str) -> tuple[str, list[SettingText]]:
    """The name and the settings of a spec."""
    name, _, rest = spec.strip().partition(":")
    return name, [_setting(part) for part in COMMAS_OUTSIDE_OF_BRACKETS.split(rest)] if rest else []


def listed_specs(text: str) -> list[str]:
    """The specs of a list in brackets, `[first | second]`.

    Raises:
        ValueError: if it is no such list.
    """
    match = LIST_OF_PARTS.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return [part.strip() for part in match.group(1).split("|")]


def _setting(part: str) -> SettingText:
    key, equals, value = (piece.strip() for piece in part.partition("="))
    return SettingText(key, value if equals else None, part)
