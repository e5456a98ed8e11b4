"""The base of all results: frozen, typed, by keyword; and numbers that have bounds."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Count", "Result", "UnsetType", "or_none"]

Value = TypeVar("Value")

LARGEST = 2**53  # a whole number that every JSON reader takes as it is
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A result of a run. Keys of the JSON are the fields; unknown keys are ignored when it is read.

    A field whose type has `UnsetType` is left out of the JSON where it does not apply; other fields are null there.
    """


def or_none(value: Value | UnsetType | None) -> Value | None:
    """A field's value; None where it is null or absent."""
    return None if isinstance(value, UnsetType) else value
