import math

import numpy as np
import pytest

from lsap_cli.evaluation.bootstrap import estimate, mean_by_recording, weights_by_recording
from lsap_cli.results.rates import Estimate


def test_the_value_is_the_mean_and_lies_in_its_interval() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    found = mean_by_recording(values, list("abcde"))
    assert found is not None
    assert found.value == pytest.approx(0.6)
    assert 0 <= found.low < 0.6 < found.high <= 1


def test_with_one_video_a_recording_the_interval_is_that_of_the_normal_law() -> None:
    values = [float(number % 10 < 3) for number in range(1000)]
    found = mean_by_recording(values, [str(number) for number in range(1000)])
    half = 1.96 * math.sqrt(0.3 * 0.7 / 1000)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.004)


def test_copies_of_a_video_narrow_nothing() -> None:
    values = [float(number % 10 < 3) for number in range(100)]
    recordings = [str(number) for number in range(100)]
    once, often = mean_by_recording(values, recordings), mean_by_recording(values * 7, recordings * 7)
    assert once is not None
    assert often is not None
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_same_records_give_the_same_interval() -> None:
    values, recordings = [0.1, 0.5, 0.9, 0.4], ["a", "b", "b", "c"]
    assert mean_by_recording(values, recordings) == mean_by_recording(values, recordings)


def test_without_videos_there_is_no_mean() -> None:
    assert mean_by_recording([], []) is None


def test_every_drawn_set_has_as_many_recordings_as_there_are_and_whole_ones() -> None:
    weights = weights_by_recording(["a", "b", "b", "c"])
    assert np.array_equal(weights[:, 1], weights[:, 2])
    assert set((weights[:, 0] + weights[:, 1] + weights[:, 3]).tolist()) == {3}


def test_drawn_sets_without_a_figure_are_left_out() -> None:
    assert estimate(1.0, np.asarray([1.0, math.nan, 1.0])) == Estimate(value=1.0, low=1.0, high=1.0)
    assert estimate(1.0, np.asarray([math.nan])) == Estimate(value=1.0, low=1.0, high=1.0)
