"""Arguments of public functions: what is of another kind or out of range is refused with one sentence."""

import functools
import inspect
import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any


def require_whole(name: str, value: Any, least: int | None = None) -> None:
    """Refuses what is no whole number.

    Args:
        name: of the argument, for the sentence.
        value: as it was given.
        least: the smallest that is allowed; None: any.

    Raises:
        ValueError: if it is something else, or smaller.
    """
    if not _is_number(value, Integral):
        raise ValueError(f"{name} is {value!r}; use a whole number" + ("" if least is None else f" from {least}"))
    if least is not None and value < least:
        raise ValueError(f"{name} is {value}; use a number from {least}")


def require_number(name: str, value: Any, allowed: str = "a number") -> None:
    """Refuses what is no finite number.

    Args:
        name: of the argument, for the sentence.
        value: as it was given.
        allowed: what would work, in words.

    Raises:
        ValueError: if it is something else.
    """
    if not _is_number(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; use {allowed}")


def require_kind(name: str, value: object, kind: type | tuple[type, ...], allowed: str) -> None:
    """Refuses an argument of another class.

    Args:
        name: of the argument with its verb, for the sentence: "the network is".
        value: as it was given.
        kind: what it must be.
        allowed: what would work, in words.

    Raises:
        ValueError: if it is of another class.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{name} {given_kind(value)}; {allowed}")  # noqa: TRY004 - wrong arguments are one kind of error


def given_kind(value: object) -> str:
    """What was given, in words: `a str`, `an int`, `the class Jpeg`."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def check_first_argument(kind: type[Any], method: str, check: Callable[[Any], None]) -> None:
    """Lets a method that a class defines check its first argument before anything else. For `__init_subclass__`.

    Args:
        kind: the class; nothing is done where it does not define the method itself.
        method: its name.
        check: called with the argument; raises for one that the method cannot take.
    """
    own: Callable[..., Any] | None = kind.__dict__.get(method)
    if own is None:
        return

    first = list(inspect.signature(own).parameters)[1]

    @functools.wraps(own)
    def checked(self: Any, *given: Any, **named: Any) -> Any:  # as the method itself is called
        if given or first in named:
            check(given[0] if given else named[first])
        return own(self, *given, **named)

    setattr(kind, method, checked)


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
