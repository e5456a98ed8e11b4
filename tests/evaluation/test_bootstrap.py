import math

import numpy as np
import pytest

from lsap_cli.evaluation import bootstrap
from lsap_cli.evaluation.bootstrap import estimate, mean_by_recording, weights_by_recording
from tests.result_objects import known


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
    weights = np.concatenate([*weights_by_recording(["a", "b", "b", "c"])])
    assert len(weights) == bootstrap.REPEATS
    assert np.array_equal(weights[:, 1], weights[:, 2])
    assert set((weights[:, 0] + weights[:, 1] + weights[:, 3]).tolist()) == {3}


def test_sets_that_are_drawn_some_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [float(number % 7 < 3) for number in range(50)]
    recordings = [str(number // 2) for number in range(50)]
    at_once, weights = mean_by_recording(values, recordings), [*weights_by_recording(recordings)]
    monkeypatch.setattr(bootstrap, "AT_A_TIME", 333)
    in_parts = [*weights_by_recording(recordings)]
    assert len(weights) < len(in_parts)
    assert np.array_equal(np.concatenate(weights), np.concatenate(in_parts))
    assert mean_by_recording(values, recordings) == at_once


def test_sets_that_are_too_large_to_be_kept_are_drawn_again_and_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = [str(number) for number in range(300)]
    kept = [*weights_by_recording(recordings)]
    monkeypatch.setattr(bootstrap, "KEPT", 0)
    assert np.array_equal(np.concatenate(kept), np.concatenate([*weights_by_recording(recordings)]))


def test_no_part_of_the_drawn_sets_grows_with_the_videos() -> None:
    recordings = [str(number) for number in range(3000)]
    assert max(weights.size for weights in weights_by_recording(recordings)) <= bootstrap.AT_A_TIME


def test_drawn_sets_without_a_figure_are_left_out() -> None:
    drawn = np.asarray([0.2, math.nan, 0.4])
    assert estimate(0.3, drawn, 3) == estimate(0.3, drawn[[0, 2]], 3)
    assert estimate(0.3, np.asarray([math.nan]), 3).low < 0.3


@pytest.mark.parametrize(("recordings", "low"), [(6, 0.5407), (1, 0.025), (40, 0.9119)])
def test_an_interval_without_width_is_the_exact_one_of_n_of_n(recordings: int, low: float) -> None:
    """Clopper and Pearson's lower limit of n of n is 0.025^(1/n): R's binom.test(6, 6) says 0.5407."""
    found = known(mean_by_recording([1.0] * recordings, [str(number) for number in range(recordings)]))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(low, abs=6e-5)
    mirrored = known(mean_by_recording([0.0] * recordings, [str(number) for number in range(recordings)]))
    assert (mirrored.low, mirrored.high) == pytest.approx((0.0, 1 - found.low))


def test_videos_of_one_recording_count_once_in_the_exact_interval() -> None:
    once, often = (mean_by_recording([1.0] * count * 6, list("abcdef") * count) for count in (1, 5))
    assert once == often


def test_differences_that_are_all_zero_have_an_interval_to_both_sides() -> None:
    found = known(mean_by_recording([0.0] * 6, list("abcdef"), bounds=(-1.0, 1.0)))
    assert (found.low, found.high) == pytest.approx((-0.4593, 0.4593), abs=6e-5)
