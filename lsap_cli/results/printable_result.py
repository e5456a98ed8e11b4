"""Results whose every text is safe to show."""

from typing import Any, TypeVar

import msgspec

from lsap_cli.results.base import Result
from lsap_cli.results.text import printable

Shown = TypeVar("Shown", bound=Result)


def printable_result(result: Shown) -> Shown:
    """The same result, every text in it safe to show; equal texts stay equal."""
    return msgspec.convert(_printable_value(msgspec.to_builtins(result)), type(result))


def _printable_value(value: Any) -> Any:  # any JSON value
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _printable_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_printable_value(one) for one in value]
    return value
