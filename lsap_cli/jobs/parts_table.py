"""`python -m lsap_cli.jobs.parts_table`: writes `lsap_cli/known_parts.json` anew from the classes of all parts.

The range of a numeric setting is measured: the class is made with numbers farther and farther from its default, until
it refuses them. So the table cannot say anything else than the class does.
"""

import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from fractions import Fraction
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from defenses import DEFENSES
from defenses.certify import SMOOTHINGS
from defenses.detectors import DETECTORS
from lsap_cli.applying.adding import SEGMENTS
from lsap_cli.classifiers.families import FAMILIES as FAMILY_CLASSES
from lsap_cli.datasets.formats import FORMATS
from lsap_cli.known_models import FAMILIES
from lsap_cli.known_parts import TABLE, PartKind
from lsap_cli.specs import written_value
from lsap_cli.video.codecs import CODECS
from lsap_common import LARGEST_SETTING
from perturbations.attacks import ATTACKS
from perturbations.samplers import SAMPLERS

CLASSES: dict[PartKind, Mapping[str, type[Any]]] = {
    "attacks": ATTACKS,
    "defenses": DEFENSES,
    "detectors": DETECTORS,
    "samplers": SAMPLERS,
    "smoothings": SMOOTHINGS,
    "codecs": CODECS,
    "segments": SEGMENTS,
    "families": FAMILY_CLASSES,
    "formats": FORMATS,
}
KINDS = {int: "whole", float: "number", Fraction: "fraction", bool: "switch", str: "text"}
WORDS_ALLOWED = re.compile(r"(?:; use|it must be) (?:one of )?(?P<words>[\w, -]+)$")
LARGEST_NUMBER = 1e30
SWITCHES_OFF = (-1, 0)  # whole numbers that can have a meaning of their own outside of a setting's range
LONGEST_HOLE = 16
Refuses = Callable[[Any], ValueError | None]


def parts_table() -> dict[str, dict[str, Any]]:
    """Every part of lsap's own by kind and name: what it is, and its settings as `KnownSetting` has them."""
    return {
        kind: {
            name: {"about": about_part(kind, name, one), "settings": settings_of_class(one)}
            for name, one in table.items()
        }
        for kind, table in CLASSES.items()
    }


def about_part(kind: PartKind, name: str, part: type[Any]) -> str:
    """What a part is, in a line of its documentation."""
    if kind == "families":
        return FAMILIES[name]
    own = inspect.getdoc(part) or ""
    if kind == "attacks":  # each has a file of its own, which says it in words; the class gives the formula
        own = inspect.getdoc(sys.modules[part.__module__]) or own
    return own.split("\n\n")[0].replace("\n", " ").strip()


def settings_of_class(part: type[Any]) -> list[dict[str, Any]]:
    """A user's settings of a part, with the ranges that its class takes: the fields of `KnownSetting`."""
    return [*_settings(part)]


def _settings(part: type[Any]) -> Iterator[dict[str, Any]]:
    hints = get_type_hints(part)
    old: Mapping[str, str] = getattr(part, "old_settings", {})
    for one in fields(part):
        if one.default is MISSING or one.kw_only:
            continue
        facts = {"name": one.name} | _kind(hints[one.name], _refuses(part, one), one)
        facts |= {"default": written_value(one.default), "about": _about_setting(part, one.name)}
        other = [name for name, new in old.items() if new == one.name]
        yield facts | ({"other_names": other} if other else {})


def _refuses(part: type[Any], setting: Field[Any]) -> Refuses:
    def refuses(value: Any) -> ValueError | None:  # of any type
        try:
            part(**{setting.name: value})
        except ValueError as error:
            return error
        return None

    return refuses


def _kind(hint: Any, refuses: Refuses, setting: Field[Any]) -> dict[str, Any]:
    """What a setting takes."""
    if get_origin(hint) is Literal:
        return {"kind": "text", "choices": [str(word) for word in get_args(hint)]}
    if get_origin(hint) is tuple:
        return {"kind": "specs"}
    if isinstance(hint, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
    kind = KINDS.get(hint, "text")
    if kind == "text":
        return {"kind": kind} | _choices(refuses, str(setting.default))
    return {"kind": kind} | (_range(kind, refuses, setting.default) if kind != "switch" else {})


def _choices(refuses: Refuses, default: str) -> dict[str, Any]:
    """The words that the refusal of another word names, if the class takes all of them; else any word may do."""
    error = refuses("no such word")
    match = error and WORDS_ALLOWED.search(str(error))
    words = [word.strip() for word in re.split(r",| or ", match["words"])] if match else []
    return {} if default not in words or any(refuses(word) for word in words) else {"choices": words}


def _range(kind: str, refuses: Refuses, default: Any) -> dict[str, Any]:
    if kind == "whole":
        odd = bool(refuses(default + 1) and refuses(default - 1)) and refuses(default + 2) is None
        step = 2 if odd else 1
        low, high = (default + _last_taken(refuses, default, sign * step) for sign in (-1, 1))
        holes = [value for value in range(low, min(default, low + LONGEST_HOLE), step) if refuses(value)]
        low = max(holes, default=low - step) + step  # a number such as 0 can stand alone below the range
        found: dict[str, Any] = {"odd": True} if odd else {}
        found |= {} if low < -LARGEST_SETTING else {"least": low}
        found |= {} if high > LARGEST_SETTING else {"most": high}
        also = [value for value in SWITCHES_OFF if not low <= value <= high and not refuses(value)]
        return found | ({"also": also} if also else {})
    low, above = _last_number(refuses, float(default), -math.inf)
    high, below = _last_number(refuses, float(default), math.inf)
    found = {} if low == -math.inf else {"least": low} | ({"above": True} if above else {})
    return found | ({} if high == math.inf else {"most": high} | ({"below": True} if below else {}))


def _last_taken(refuses: Refuses, default: int, step: int) -> int:
    """How far the last whole number that is taken is from the default, in steps of `step`, which can be negative."""
    taken, refused = 0, 3 * LARGEST_SETTING // abs(step)
    while refused - taken > 1:
        middle = (taken + refused) // 2
        taken, refused = (taken, middle) if refuses(default + middle * step) else (middle, refused)
    return taken * step


def _last_number(refuses: Refuses, default: float, end: float) -> tuple[float, bool]:
    """Where the numbers that are taken end, and whether the end itself is refused."""
    farthest = math.copysign(LARGEST_NUMBER, end)
    if not refuses(farthest):
        return end, False
    taken, refused = default, farthest
    while True:
        middle = (taken + refused) / 2
        if middle in (taken, refused):
            break
        taken, refused = (taken, middle) if refuses(middle) else (middle, refused)
    return (refused + 0.0, True) if len(repr(refused)) < len(repr(taken)) else (taken + 0.0, False)  # no -0.0


def _about_setting(part: type[Any], name: str) -> str:
    """The entry of a setting in the documentation of the class, or of one that it inherits from."""
    for one in part.__mro__:
        text = inspect.cleandoc(one.__doc__ or "")
        match = re.search(rf"^    {name}: (?P<about>.+(?:\n {{8,}}.+)*)", text, re.MULTILINE)
        if match:
            return " ".join(match["about"].split()).rstrip(".")
    return ""


def parts_text() -> str:
    """The table as the file holds it."""
    return json.dumps(parts_table(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TABLE.write_text(parts_text(), encoding="utf-8")
