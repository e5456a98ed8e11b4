"""Settings of a part: the fields of its dataclass. A value of another type is refused when the part is made."""

import dataclasses
import types
from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction
from functools import cache
from numbers import Integral, Rational, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    Fraction: "a number",
    bool: "true or false",
    str: "text",
}
LARGEST_SETTING = 2**31 - 1  # whole number of a part's setting: sums and products with frames stay below 2**63
LARGEST_COUNT = 2**63 - 1  # of bytes, steps and the like, which no part multiplies
NUMBERS: dict[Any, tuple[type, ...]] = {int: (Integral,), float: (Real,), Fraction: (Rational, float)}


def check_settings_when_made(kind: type[Any]) -> None:
    """Lets a dataclass check the types of its fields before its own `__post_init__`. For `__init_subclass__`.

    Args:
        kind: the class; Any: a dataclass that is made only after this call.
    """
    own: Callable[[Any], None] | None = kind.__dict__.get("__post_init__")

    def __post_init__(self: Any) -> None:
        check_types(self, LARGEST_SETTING)
        if own is not None:
            own(self)
        else:
            inherited = getattr(super(kind, self), "__post_init__", None)
            if inherited is not None:
                inherited()

    kind.__post_init__ = __post_init__


def check_types(part: object, largest: int = LARGEST_COUNT) -> None:
    """Refuses fields whose value is of another type than their annotation, and whole numbers of absurd size.

    Args:
        part: of a dataclass.
        largest: whole number, of either sign.

    Raises:
        ValueError: naming the first such field, its value and what would work.
    """
    types_of_fields = _field_types(type(part))  # type: ignore[arg-type]  # a class can be hashed
    for name, kind in types_of_fields.items():
        value = getattr(part, name)
        if not _fits(value, kind):
            shown = value if get_origin(kind) is Literal else repr(value)
            raise ValueError(f"{name} is {shown}; use {kind_in_words(kind)}")
        if isinstance(value, Integral) and abs(int(value)) > largest:
            raise ValueError(f"{name} is {value}; use a whole number of at most {largest}")


def check_least(part: object, least: Mapping[str, float]) -> None:
    """Refuses numbers below the smallest that is allowed.

    Args:
        part: of a dataclass; fields that are None are left to whoever uses it.
        least: the smallest value of each field, by name.

    Raises:
        ValueError: naming the first field that is smaller.
    """
    for name, smallest in least.items():
        value = getattr(part, name)
        if value is not None and not value >= smallest:  # NaN, too
            raise ValueError(f"{name} is {value}; use a number from {smallest:g}")


def kind_in_words(kind: Any) -> str:
    """A field's type in words.

    Args:
        kind: an annotation, which is of no common type.
    """
    if get_origin(kind) is Literal:
        *most, last = map(str, get_args(kind))
        return f"{', '.join(most)} or {last}" if most else last
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(kind_in_words(one) for one in get_args(kind) if one is not types.NoneType)
    if get_origin(kind) is tuple:
        return f"a tuple, whose members are each {kind_in_words(get_args(kind)[0])}"
    return WORDS.get(kind) or f"an object of the class {getattr(kind, '__name__', kind)}"


@cache
def _field_types(kind: Hashable) -> dict[str, Any]:
    """The fields of a dataclass and their types; none for a class that is no dataclass."""
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return {}
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of a type; types that say nothing of their values at runtime take any."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return isinstance(value, str | int) and value in inner
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return isinstance(value, tuple) and all(_fits(one, inner[0]) for one in value)
    if kind in (int, float, Fraction):
        return isinstance(value, NUMBERS[kind]) and not isinstance(value, bool)
    return not isinstance(kind, type) or getattr(kind, "_is_protocol", False) or isinstance(value, kind)
