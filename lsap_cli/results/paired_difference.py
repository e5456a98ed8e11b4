"""The difference of two rates on the same videos, with its interval and the paired test."""

import math
from collections.abc import Sequence

from lsap_cli.results.base import Count, Result
from lsap_cli.results.rates import paired, rate_of


class PairedDifference(Result, frozen=True, kw_only=True):
    """The second rate less the first, over the videos that both have.

    Attributes:
        value: the difference.
        low: lower end of its 95 % interval.
        high: upper end.
        gained: videos for which only the second outcome is true.
        lost: videos for which only the first is.
        of: videos that both have.
        p: exact two-sided p of McNemar's test; null where no pair differs.
    """

    value: float
    low: float
    high: float
    gained: Count
    lost: Count
    of: Count
    p: float | None

    @property
    def interval(self) -> str:
        """The interval as text, `-0.05–+0.35`."""
        return f"{self.low:+.2f}–{self.high:+.2f}"

    def __str__(self) -> str:
        return f"{self.value:+.2f} ({self.interval})"


def paired_difference(first: Sequence[bool], second: Sequence[bool]) -> PairedDifference | None:
    """Compares paired outcomes; None where there is no pair.

    The interval is Newcombe's hybrid of two Wilson intervals with the correlation of the pairs, in the form with a
    continuity-corrected correlation (Newcombe, 1998, Statistics in Medicine 17:2635-2650, method 10).

    Args:
        first: outcomes of one condition, video by video.
        second: of the other, in the same order.
    """
    pairs = paired(first, second)
    one, two = rate_of(sum(first), pairs.of), rate_of(sum(second), pairs.of)
    if one is None or two is None:
        return None
    both = sum(a and b for a, b in zip(first, second, strict=True))
    neither = pairs.of - both - pairs.gained - pairs.lost
    phi = _correlation(both, pairs.lost, pairs.gained, neither)
    value = two.value - one.value
    below = _reach(two.value - two.low, one.high - one.value, phi)
    above = _reach(two.high - two.value, one.value - one.low, phi)
    return PairedDifference(
        value=value, low=max(-1.0, value - below), high=min(1.0, value + above), gained=pairs.gained, lost=pairs.lost,
        of=pairs.of, p=pairs.p,
    )  # fmt: skip


def _reach(second: float, first: float, phi: float) -> float:
    return math.sqrt(max(0.0, second**2 - 2 * phi * second * first + first**2))


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Of the pairs; a positive one is taken for smaller, by half a pair of each (Newcombe's correction)."""
    product = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if product == 0:
        return 0.0
    cross: float = both * neither - only_first * only_second
    total = both + only_first + only_second + neither
    cross = max(cross - total / 2, 0.0) if cross > 0 else cross
    return cross / math.sqrt(product)
