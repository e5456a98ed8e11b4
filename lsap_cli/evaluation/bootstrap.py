"""Intervals by resampling whole recordings: videos that were cut from one recording are no independent evidence."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsap_cli.results.rates import Estimate

REPEATS = 2000
SEED = 20  # fixed, so that a table can be computed again from its records


def mean_by_recording(values: Sequence[float], recordings: Sequence[str]) -> Estimate | None:
    """The mean over videos, with the percentile interval of the bootstrap over recordings; None without videos.

    Efron and Tibshirani 1993: recordings are drawn with replacement, as many as there are, with all their videos.

    Args:
        values: one a video.
        recordings: the recording that each video was cut from.
    """
    if not len(values):
        return None
    numbers = _numbers(recordings)
    sums = np.bincount(numbers, weights=np.asarray(values, dtype=float))
    counts = np.bincount(numbers)
    drawn = _draws(len(counts))
    means = drawn @ sums / (drawn @ counts)
    return estimate(float(np.mean(np.asarray(values, dtype=float))), means)


def weights_by_recording(recordings: Sequence[str]) -> NDArray[np.int64]:
    """How often each video is in each set that the bootstrap draws: (REPEATS, videos)."""
    numbers = _numbers(recordings)
    return _draws(int(numbers.max()) + 1)[:, numbers]


def estimate(value: float, drawn: NDArray[np.floating[Any]]) -> Estimate:  # of any float type
    """A figure with the percentile interval of its values in the drawn sets; sets without a value are left out."""
    finite = drawn[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (value, value)
    return Estimate(value=value, low=float(low), high=float(high))


def _numbers(recordings: Sequence[str]) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = np.unique(np.asarray(recordings), return_inverse=True)[1].astype(np.int64)
    return numbers


def _draws(recordings: int) -> NDArray[np.int64]:
    """How often each recording is drawn: (REPEATS, recordings)."""
    generator = np.random.default_rng(SEED)
    return generator.multinomial(recordings, np.full(recordings, 1 / recordings), size=REPEATS)
