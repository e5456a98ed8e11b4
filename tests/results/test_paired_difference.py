"""The difference of two rates on the same videos: Newcombe's published examples, and laws for every table."""

import itertools

import pytest

from lsap_cli.results.paired_difference import paired_difference


def outcomes(both: int, first: int, second: int, neither: int) -> tuple[list[bool], list[bool]]:
    """Pairs by how many are true in both, in the first only, in the second only, in neither."""
    pairs = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second + [(False, False)] * neither
    return [a for a, _ in pairs], [b for _, b in pairs]


@pytest.mark.parametrize(
    ("table", "value", "low", "high"),
    [
        ((36, 12, 2, 0), 0.20, 0.0569, 0.3404),  # Newcombe 1998, table III, method 10
        ((54, 0, 0, 0), 0.0, -0.0664, 0.0664),
    ],
)
def test_the_interval_is_that_of_newcombe(
    table: tuple[int, int, int, int], value: float, low: float, high: float
) -> None:
    second, first = outcomes(*table)  # the published difference is of the first less the second
    found = paired_difference(first, second)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=6e-4)


def test_no_pair_has_no_difference_and_equal_outcomes_have_no_p() -> None:
    assert paired_difference([], []) is None
    same = paired_difference([True, False], [True, False])
    assert same is not None
    assert (same.value, same.p, same.gained, same.lost) == (0.0, None, 0, 0)
    assert same.low < 0 < same.high


def test_exchanging_the_conditions_turns_the_interval_around_and_it_always_holds_the_difference() -> None:
    for table in itertools.product((0, 1, 3, 9), repeat=4):
        first, second = outcomes(*table)
        there, back = paired_difference(first, second), paired_difference(second, first)
        if there is None or back is None:
            assert sum(table) == 0
            continue
        assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
        assert -1.0 <= there.low <= there.value <= there.high <= 1.0
        assert there.p == back.p
