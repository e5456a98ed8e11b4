"""An attack against the noise control on the same videos, worked out by hand."""

import pytest

from lsap_cli.evaluation.noise_comparisons import noise_comparisons
from lsap_cli.results.noise_comparison import NoiseComparison, noise_finding
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record
from tests.result_objects import known, make_record

VIDEOS = 12


def judged(fooled: dict[str, range], samplers: tuple[str, ...] = ("uniform",)) -> list[Record]:
    """Records of 12 videos of class 0 without a defense; `fooled` has the videos that each attack changes."""
    return [
        make_record(f"{video}", (0,), (attack, "none", sampler), 1 if video in found else 0, 0)
        for attack, found in fooled.items()
        for sampler in samplers
        for video in range(VIDEOS)
    ]


def compared(fooled: dict[str, range], samplers: tuple[str, ...] = ("uniform",)) -> dict[str, NoiseComparison]:
    attacks = fooled.keys() - {"noise", "none"}
    return {one.attack: one for one in noise_comparisons(judged(fooled, samplers), attacks)}


def test_rates_whose_intervals_overlap_are_told_apart_by_the_same_videos() -> None:
    """11 and 5 of 12: the intervals overlap, and 6 videos are won by the pattern alone (p 2 / 2^6)."""
    test = compared({"noise": range(5), "r": range(11)})["r"]
    assert (test.gained, test.lost, test.of) == (6, 0, VIDEOS)
    assert test.p == test.adjusted_p == pytest.approx(2 / 2**6)
    assert test.is_more
    rate, noise = known(rate_of(11, VIDEOS)), known(rate_of(5, VIDEOS))
    assert rate.overlaps(noise)
    assert noise_finding([test], "r", "changed", rate, noise).outcome == "more"
    assert noise_finding([], "r", "changed", rate, noise).outcome == "open"  # a file of an earlier version


@pytest.mark.parametrize(
    ("by_noise", "by_pattern", "outcome"),
    [
        (range(5), range(10), "open"),  # 5 of 5 videos that differ: p 0.06
        (range(5), range(5), "no more"),
        (range(8), range(3), "no more"),
        (range(6), range(3, 12), "open"),  # 6 gained, 3 lost
        (range(3), range(3, 12), "open"),  # 9 gained, 3 lost
        (range(1), range(12), "more"),
    ],
)
def test_the_finding_is_the_paired_test(by_noise: range, by_pattern: range, outcome: str) -> None:
    tests = compared({"noise": by_noise, "r": by_pattern})
    rates = known(rate_of(len(by_pattern), VIDEOS)), known(rate_of(len(by_noise), VIDEOS))
    found = noise_finding(tests.values(), "r", "changed", *rates)
    assert found.outcome == outcome
    assert str(tests["r"]) in found.sentence


def test_samplers_stand_beside_each_other_and_make_no_more_videos() -> None:
    test = compared({"noise": range(5), "r": range(10)}, ("uniform", "random", "segments"))["r"]
    assert (test.samplers, test.gained, test.of) == (3, 5, VIDEOS)
    assert not test.is_more


def test_several_attacks_are_corrected_for_and_noise_is_none_of_them() -> None:
    tests = compared({"noise": range(5), "a": range(11), "b": range(5), "c": range(6)})
    assert tests.keys() == {"a", "b", "c"}
    assert tests["a"].adjusted_p == pytest.approx(3 * 2 / 2**6)
    assert not tests["a"].is_more
    assert tests["b"].p is None
    assert str(tests["b"]).endswith("no video differs")


def test_a_target_is_compared_without_the_videos_that_show_it() -> None:
    records = judged({"noise": range(2), "r": range(9)})
    records += [make_record("shows the target", (1,), (attack, "none", "uniform"), 1, 1) for attack in ("noise", "r")]
    tests = {one.outcome: one for one in noise_comparisons(records, {"r"}, target=1)}
    assert (tests["changed"].gained, tests["changed"].of) == (7, VIDEOS + 1)
    assert (tests["target"].gained, tests["target"].of) == (7, VIDEOS)


def test_without_noise_there_is_nothing_to_compare_with() -> None:
    assert noise_comparisons(judged({"r": range(9)}), {"r"}) == ()
    assert noise_finding([], "r", "changed", known(rate_of(9, VIDEOS)), None).outcome == "no control"
