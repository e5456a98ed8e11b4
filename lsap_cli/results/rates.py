"""Rates with their count and interval (law 7), and paired tests."""

import math
from collections.abc import Mapping, Sequence

from lsap_cli.results.base import Count, Result

Z = 1.959963984540054  # two-sided 95 %
SIGNIFICANCE = 0.05  # largest p, corrected where several are asked, of what counts as shown


class Rate(Result, frozen=True, kw_only=True):
    """A share of videos with its 95 % Wilson interval.

    Attributes:
        value: count / of.
        count: videos that have the property.
        of: number of videos measured; at least 1.
        low: lower end of the interval.
        high: upper end.
    """

    value: float
    count: Count
    of: Count
    low: float
    high: float

    @property
    def interval(self) -> str:
        """The interval as text, `0.55–0.95`."""
        return f"{self.low:.2f}–{self.high:.2f}"

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.count}/{self.of}, {self.interval})"

    def overlaps(self, other: "Rate") -> bool:
        """Whether the two intervals have a value in common."""
        return self.low <= other.high and other.low <= self.high


class Estimate(Result, frozen=True, kw_only=True):
    """A figure with its 95 % interval, by the bootstrap over recordings.

    Attributes:
        value: the figure.
        low: lower end of the interval.
        high: upper end.
    """

    value: float
    low: float
    high: float

    @property
    def interval(self) -> str:
        """The interval as text, `0.55–0.95`."""
        return f"{self.low:.2f}–{self.high:.2f}"


class Paired(Result, frozen=True, kw_only=True):
    """Two conditions on the same videos.

    Attributes:
        gained: videos for which only the second outcome is true.
        lost: videos for which only the first is.
        of: videos that both conditions have.
        p: exact two-sided p of McNemar's test; null where no pair differs.
    """

    gained: Count
    lost: Count
    of: Count
    p: float | None


def rate(outcomes: Sequence[bool]) -> Rate | None:
    """The share of outcomes that are true; None where there are none."""
    return rate_of(sum(outcomes), len(outcomes))


def rate_of(count: int, of: int) -> Rate | None:
    """The rate count / of with its Wilson interval; None where `of` is 0.

    The interval's ends are the two p for which a binomial of mean p lies `Z` deviations off (Wilson, 1927).

    Raises:
        ValueError: if they are no whole numbers, or count is not from 0 to `of`.
    """
    if not (isinstance(count, int) and isinstance(of, int) and 0 <= count <= of):
        raise ValueError(f"{count!r} of {of!r} is no share; give two whole numbers, the first one from 0 to the second")
    return None if of == 0 else _with_interval(count, of, of)


def rate_of_repeated(count: int, of: int, independent: int) -> Rate | None:
    """The rate count / of where each thing was measured several times: its interval is that of so many things.

    Args:
        count: outcomes that have the property.
        of: all outcomes.
        independent: how many things were measured, at most `of`: outcomes of one video are no independent evidence.
    """
    return None if of == 0 else _with_interval(count, of, min(independent, of))


def _with_interval(count: int, of: int, things: int) -> Rate:
    """The rate with the interval of so many independent outcomes."""
    share = count / of
    center = (share + Z * Z / (2 * things)) / (1 + Z * Z / things)
    half = Z / (1 + Z * Z / things) * math.sqrt(share * (1 - share) / things + Z * Z / (4 * things * things))
    low, high = max(center - half, 0.0), min(center + half, 1.0)
    return Rate(value=share, count=count, of=of, low=0.0 if count == 0 else low, high=1.0 if count == of else high)


def paired(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Compares paired outcomes.

    Args:
        first: outcomes of one condition, video by video.
        second: of the other, in the same order.
    """
    gained = sum(b and not a for a, b in zip(first, second, strict=True))
    lost = sum(a and not b for a, b in zip(first, second, strict=True))
    return Paired(gained=gained, lost=lost, of=len(first), p=_exact_p(gained, lost))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float | None:
    """Exact two-sided p of McNemar's test for paired outcomes; None where no pair differs."""
    return paired(first, second).p


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Adjusts p for several tests, so that one in twenty families has a false finding (Holm, 1979).

    Args:
        p_values: by name; None (no pair differs) stays None, but counts as a test.
    """
    ordered = sorted((p, name) for name, p in p_values.items() if p is not None)
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    largest = 0.0
    for place, (p, name) in enumerate(ordered):
        largest = max(largest, min(1.0, (len(p_values) - place) * p))
        adjusted[name] = largest
    return adjusted


def is_shown(p: float | None) -> bool:
    """Whether a paired test shows that one side has more; None: no video differs."""
    return p is not None and p <= SIGNIFICANCE


def p_words(p: float | None) -> str:
    """A paired test's p in a few words; None: no video differs."""
    return "no video differs" if p is None else f"p = {p:.2g}"


def _exact_p(gained: int, lost: int) -> float | None:
    pairs = gained + lost
    if pairs == 0:
        return None
    ways: int = sum(math.comb(pairs, k) for k in range(min(gained, lost) + 1))
    tail: float = ways / 2**pairs
    return min(1.0, 2 * tail)
