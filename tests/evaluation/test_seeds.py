"""The spread over seeds, worked out by hand."""

import pytest
from msgspec.structs import replace

from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.seeds import spread_over_seeds
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record
from tests.result_objects import make_record

# what each of four videos of class 0 is taken for; clean, the last one is taken for class 2
PREDICTIONS = {"none": (0, 0, 0, 2), "r": (0, 1, 1, 2), "r-seed1": (1, 1, 1, 0), "r-seed2": (0, 0, 1, 2)}


def make_records(labeled: bool = True) -> list[Record]:
    return [
        make_record(f"{video}", (0,) if labeled else (), (attack, "none", "uniform"), label,
                    PREDICTIONS["none"][video], f"recording {video // 2}")
        for attack, labels in PREDICTIONS.items()
        for video, label in enumerate(labels)
    ]  # fmt: skip


def test_mean_and_deviation_are_over_perturbations_and_the_interval_is_over_videos() -> None:
    (cell,) = spread_over_seeds(make_records(), ["r", "r-seed1", "r-seed2"], None)
    fooling = cell.fooling_rate
    assert fooling is not None
    assert cell.accuracy is not None
    assert fooling.rates == {"r": rate_of(2, 4), "r-seed1": rate_of(4, 4), "r-seed2": rate_of(1, 4)}
    assert fooling.mean == pytest.approx(7 / 12)
    assert fooling.standard_deviation == pytest.approx(0.3818813)  # of 0.5, 1, 0.25, with n - 1
    shares = [1 / 3, 2 / 3, 3 / 3, 1 / 3]  # of the perturbations that each video falls to
    assert fooling.over_videos == mean_by_recording(shares, ["0", "0", "1", "1"])
    assert cell.accuracy.rates == {"r": rate_of(1, 4), "r-seed1": rate_of(1, 4), "r-seed2": rate_of(2, 4)}
    assert cell.success_rate is None


def test_seeds_that_agree_have_no_deviation_however_videos_differ() -> None:
    records = [one for one in make_records() if one.attack == "r-seed2"]
    records += [replace(one, attack="again") for one in records]
    (cell,) = spread_over_seeds(records, ["r-seed2", "again"], None)
    assert cell.fooling_rate is not None
    assert cell.fooling_rate.standard_deviation == 0
    over_videos = cell.fooling_rate.over_videos
    assert over_videos is not None
    assert over_videos.high - over_videos.low > 0.1


def test_success_counts_the_videos_that_the_rows_count() -> None:
    (cell,) = spread_over_seeds(make_records(), ["r", "r-seed1"], 2)
    assert cell.success_rate is not None
    assert cell.success_rate.rates == {"r": rate_of(0, 3), "r-seed1": rate_of(0, 3)}


def test_without_labels_there_is_no_accuracy() -> None:
    (cell,) = spread_over_seeds(make_records(labeled=False), ["r", "r-seed1"], None)
    assert cell.accuracy is None
    assert cell.fooling_rate is not None
