"""Rates with their count and interval (law 7), and the paired test for two of them."""

import math
from collections.abc import Sequence
from typing import TypedDict

Z = 1.959963984540054  # two-sided 95 %


class Rate(TypedDict):
    """A share: value = count / of, with its 95 % Wilson interval."""

    value: float
    count: int
    of: int
    low: float
    high: float


def rate(outcomes: Sequence[bool]) -> Rate | None:
    """The share of outcomes that are true; None where there are none.

    Source: Wilson, 1927: the interval's ends are the two p for which a binomial of mean p lies Z deviations off.
    """
    return rate_of(sum(outcomes), len(outcomes))


def rate_of(count: int, of: int) -> Rate | None:
    """The rate count / of; None where `of` is 0."""
    if of == 0:
        return None
    share = count / of
    center = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z / (1 + Z * Z / of) * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    low, high = max(center - half, 0.0), min(center + half, 1.0)
    return {
        "value": share,
        "count": count,
        "of": of,
        "low": 0.0 if count == 0 else low,
        "high": 1.0 if count == of else high,
    }


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float | None:
    """Exact two-sided p of McNemar's test for paired outcomes; None where no pair differs.

    Args:
        first: outcomes of one condition, video by video.
        second: of the other, in the same order.
    """
    gained = sum(b and not a for a, b in zip(first, second, strict=True))
    lost = sum(a and not b for a, b in zip(first, second, strict=True))
    pairs = gained + lost
    if pairs == 0:
        return None
    ways: int = sum(math.comb(pairs, k) for k in range(min(gained, lost) + 1))
    tail: float = ways / 2**pairs
    return min(1.0, 2 * tail)
