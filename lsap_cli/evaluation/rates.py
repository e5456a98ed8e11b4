"""Rates as JSON objects, for callers that do not take typed ones yet; to be removed with the last of them."""

from collections.abc import Sequence
from typing import TypedDict

from msgspec import to_builtins

from lsap_cli.results import rates
from lsap_cli.results.rates import mcnemar

__all__ = ["Rate", "mcnemar", "rate", "rate_of"]


class Rate(TypedDict):
    """See `lsap_cli.results.rates.Rate`."""

    value: float
    count: int
    of: int
    low: float
    high: float


def rate(outcomes: Sequence[bool]) -> Rate | None:
    """See `lsap_cli.results.rates.rate`."""
    made: Rate | None = to_builtins(rates.rate(outcomes))
    return made


def rate_of(count: int, of: int) -> Rate | None:
    """See `lsap_cli.results.rates.rate_of`."""
    made: Rate | None = to_builtins(rates.rate_of(count, of))
    return made
