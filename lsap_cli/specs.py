"""Words of the command line to objects: `name:key=value,key=value` names a plug-in and its settings.

uniform      dense:stride=4      jpeg:quality=50      h264:crf=23,preset=fast
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from fractions import Fraction
from typing import Any, Literal, TypeVar, get_origin, get_type_hints

from lsap_cli.errors import LsapError

Thing = TypeVar("Thing")


def build(spec: str, table: Mapping[str, type[Thing]], what: str) -> Thing:
    """The object that a spec describes.

    Args:
        spec: as typed by the user.
        table: the names that are known, each with a dataclass.
        what: the kind of thing, for error sentences: "sampler", "defense", "codec".

    Raises:
        LsapError: if the name, a key or a value is not known.
    """
    name, _, rest = spec.strip().partition(":")
    if name not in table:
        raise LsapError(f"the {what} '{spec}' is unknown; use one of: {', '.join(describe(table))}")
    kind = table[name]
    hints = get_type_hints(kind)
    settings: dict[str, Any] = {}
    known = {field.name: hints[field.name] for field in _fields(kind)}
    for part in rest.split(",") if rest else []:
        key, equals, text = (piece.strip() for piece in part.partition("="))
        if not equals or key not in known:
            raise LsapError(f"the {what} '{spec}' has no setting '{part}'; write it as {describe({name: kind})[0]}")
        if key in settings:
            raise LsapError(f"the {what} '{spec}' gives {key} twice; give it once")
        try:
            settings[key] = _value(text, known[key])
        except (ValueError, ZeroDivisionError):
            raise LsapError(f"the {what} '{spec}': {key} is '{text}', which is not {_noun(known[key])}") from None
    try:
        return kind(**settings)
    except ValueError as error:
        raise LsapError(f"the {what} '{spec}': {error}") from None


def describe(table: Mapping[str, type[Any]]) -> list[str]:
    """How each name of a table is written with its default settings."""
    return [
        ":".join([name, ",".join(f"{field.name}={field.default}" for field in _fields(kind))])
        if _fields(kind)
        else name
        for name, kind in table.items()
    ]


def _fields(kind: type[Any]) -> list[Field[Any]]:
    return [field for field in fields(kind) if field.default is not MISSING]


def _value(text: str, wanted: Any) -> Any:
    if wanted is bool:
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    if get_origin(wanted) is Literal:  # the class itself says which words it knows
        wanted = str
    if isinstance(wanted, types.UnionType):
        wanted = next(part for part in wanted.__args__ if part is not types.NoneType)
    if wanted is Fraction and (len(text) > 40 or "e" in text.lower()):
        raise ValueError(text)
    return wanted(text)


def _noun(wanted: Any) -> str:
    return {int: "a whole number", float: "a number", Fraction: "a number", bool: "true or false"}.get(wanted, "valid")
