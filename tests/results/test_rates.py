import pytest

from lsap_cli.results.rates import holm, mcnemar, rate, rate_of


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # p = 0.92: (0.92 + 3.8415/50 -+ 1.96 sqrt(0.92 0.08/25 + 3.8415/2500)) / (1 + 3.8415/25)
        (23, 25, 0.7503, 0.9778),
        (10, 12, 0.5520, 0.9530),
        (5, 10, 0.2366, 0.7634),
        (1, 1, 0.2065, 1.0),
        (0, 10, 0.0, 0.2775),  # 3.8415 / 13.8415
        (10, 10, 0.7225, 1.0),
        (500, 1000, 0.4691, 0.5309),
    ],
)
def test_wilson_intervals_worked_out_by_hand(count: int, of: int, low: float, high: float) -> None:
    found = rate_of(count, of)
    assert found is not None
    assert (found.value, found.count, found.of) == (count / of, count, of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_a_share_always_lies_in_its_interval_and_the_interval_in_0_to_1() -> None:
    for of in (1, 2, 7, 39, 1000):
        for count in range(0, of + 1, max(1, of // 13)):
            found = rate_of(count, of)
            assert found is not None
            assert 0 <= found.low <= found.value <= found.high <= 1


def test_failures_mirror_successes() -> None:
    for count in range(13):
        found, mirrored = rate_of(count, 12), rate_of(12 - count, 12)
        assert found is not None
        assert mirrored is not None
        assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low))


def test_more_videos_narrow_the_interval() -> None:
    widths = []
    for of in (10, 100, 1000):
        found = rate_of(of // 2, of)
        assert found is not None
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


def test_outcomes_are_counted() -> None:
    assert rate([True, False, True, True]) == rate_of(3, 4)


def test_without_videos_there_is_no_rate() -> None:
    assert rate([]) is None
    assert rate_of(0, 0) is None


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[list[bool], list[bool]]:
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return first, second


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (1, 0, 1.0),  # 2 * 1/2
        (5, 0, 2 / 32),
        (0, 5, 2 / 32),
        (8, 1, 2 * (1 + 9) / 512),
        (3, 2, 1.0),  # 2 * (1 + 5 + 10) / 32
        (10, 2, 2 * (1 + 12 + 66) / 4096),
        (2, 2, 1.0),  # twice the tail is above 1
    ],
)
def test_mcnemar_worked_out_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar(*pairs(4, only_first, only_second, 3)) == pytest.approx(p)


def test_pairs_that_agree_have_no_say() -> None:
    assert mcnemar(*pairs(0, 6, 1, 0)) == mcnemar(*pairs(50, 6, 1, 70))


def test_without_a_difference_there_is_no_test() -> None:
    assert mcnemar([True, False], [True, False]) is None
    assert mcnemar([], []) is None


def test_outcomes_that_are_not_paired_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        mcnemar([True, False], [True])


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01], [0.01]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x 0.01; 2 x 0.03; the largest is not below the one before
        ([0.02, 0.02, 0.5], [0.06, 0.06, 0.5]),
        ([0.03, None, None], [0.09, None, None]),  # a defense that changes no video was tested, too
        ([0.6, 0.7], [1.0, 1.0]),
        ([None], [None]),
    ],
)
def test_holm_s_correction_worked_out_by_hand(p_values: list[float | None], adjusted: list[float | None]) -> None:
    found = holm({str(number): p for number, p in enumerate(p_values)})
    assert list(found) == [str(number) for number in range(len(p_values))]
    assert list(found.values()) == [None if one is None else pytest.approx(one) for one in adjusted]
