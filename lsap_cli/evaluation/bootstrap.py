"""Intervals by resampling whole recordings: videos that were cut from one recording are no independent evidence."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsap_cli.results.rates import Estimate

REPEATS = 2000
AT_A_TIME = 2**20  # numbers of drawn sets that are worked on: memory does not grow with the videos
KEPT = 2**26  # bytes of drawn sets that are held for the next figure; those of more recordings are drawn again
TAIL = 0.025  # probability outside of the interval, at each end
NO_WIDTH = 1e-12  # rounding apart
SEED = 20  # fixed, so that a table can be computed again from its records


def mean_by_recording(
    values: Sequence[float], recordings: Sequence[str], bounds: tuple[float, float] = (0.0, 1.0)
) -> Estimate | None:
    """The mean over videos, with the percentile interval of the bootstrap over recordings; None without videos.

    Efron and Tibshirani 1993: recordings are drawn with replacement, as many as there are, with all their videos.

    Args:
        values: one a video.
        recordings: the recording that each video was cut from.
        bounds: the smallest and largest value that a video can have.
    """
    if not len(values):
        return None
    numbers = _numbers(recordings)
    sums = np.bincount(numbers, weights=np.asarray(values, dtype=float))
    counts = np.bincount(numbers)
    means = np.concatenate([drawn @ sums / (drawn @ counts) for drawn in _draws(len(counts), len(counts))])
    return estimate(float(np.mean(np.asarray(values, dtype=float))), means, len(counts), bounds)


def weights_by_recording(recordings: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """How often each video is in each set that the bootstrap draws: (some sets, videos), REPEATS sets in all."""
    numbers = _numbers(recordings)
    for drawn in _draws(int(numbers.max()) + 1, len(numbers)):
        yield drawn[:, numbers]


def estimate(
    value: float,
    drawn: NDArray[np.floating[Any]],  # of any float type
    recordings: int,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """A figure with the percentile interval of its values in the drawn sets; sets without a value are left out.

    Where all drawn sets have the same value, the bootstrap says nothing about the spread, and the exact binomial
    interval takes its place (Clopper and Pearson, 1934): if up to a share p of all recordings differed from these, none
    of n would be among them with a probability of (1 - p)^n >= 0.025, and the figure could lie that far towards either
    bound. For a share of 1 this is the exact interval of n of n.

    Args:
        value: the figure.
        drawn: (R,), its values in the sets that the bootstrap draws.
        recordings: how many there are.
        bounds: the smallest and largest value that the figure can have.
    """
    finite = drawn[np.isfinite(drawn)]
    low, high = map(float, np.percentile(finite, [2.5, 97.5])) if len(finite) else (value, value)
    if high - low < NO_WIDTH:
        differing = 1 - TAIL ** (1 / recordings)
        smallest, largest = min(bounds[0], value), max(bounds[1], value)
        low, high = value - differing * (value - smallest), value + differing * (largest - value)
    return Estimate(value=value, low=low, high=high)


def _numbers(recordings: Sequence[str]) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = np.unique(np.asarray(recordings), return_inverse=True)[1].astype(np.int64)
    return numbers


def _draws(recordings: int, videos: int) -> Iterator[NDArray[np.int64]]:
    """How often each recording is drawn: (some sets, recordings), REPEATS sets in all, whatever their parts."""
    step = max(1, AT_A_TIME // videos)
    if recordings * REPEATS > KEPT:
        yield from _drawn_anew(recordings, step)
        return
    kept = _kept_draws(recordings)
    for first in range(0, REPEATS, step):
        yield kept[first : first + step].astype(np.int64)


@lru_cache(maxsize=2)
def _kept_draws(recordings: int) -> NDArray[np.uint8]:
    """All sets, (REPEATS, recordings), for the many figures of one run; nothing is ever drawn 256 times of as many."""
    parts = _drawn_anew(recordings, max(1, AT_A_TIME // recordings))
    return np.concatenate([part.astype(np.uint8) for part in parts])


def _drawn_anew(recordings: int, step: int) -> Iterator[NDArray[np.int64]]:
    generator, chances = np.random.default_rng(SEED), np.full(recordings, 1 / recordings)
    for first in range(0, REPEATS, step):
        yield generator.multinomial(recordings, chances, size=min(step, REPEATS - first))
