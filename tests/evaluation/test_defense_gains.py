"""Which defenses are shown to help, worked out by hand."""

import pytest

from lsap_cli.evaluation.defense_gains import defense_gains, ladder_gains
from lsap_cli.results.ladders import DefenseLadder, WorstRung
from lsap_cli.results.records import Record
from lsap_cli.results.rows import DefenseGain, best_defense
from tests.result_objects import make_record

VIDEOS = 40


def judged(right: dict[str, range], labels: tuple[int, ...] = (0,)) -> list[Record]:
    """Records of 40 videos of class 0 under attack `r`; `right` has the videos that are right behind each defense."""
    return [
        make_record(f"{video}", labels, ("r", defense, "uniform"), 0 if video in found else 1, 0)
        for defense, found in right.items()
        for video in range(VIDEOS)
    ]


def gains_of(right: dict[str, range], labels: tuple[int, ...] = (0,)) -> dict[str, DefenseGain]:
    return {one.defense: one for one in defense_gains(judged(right, labels), ["r"])}


def test_five_gained_and_none_lost_is_no_finding_among_five_defenses() -> None:
    worst = {"none": range(10)}
    others = {name: range(10) for name in ("b", "c", "d", "e")}
    gains = gains_of(worst | {"a": range(15)} | others)
    assert (gains["a"].gained, gains["a"].lost, gains["a"].of) == (5, 0, VIDEOS)
    assert gains["a"].p == pytest.approx(0.0625)
    assert gains["a"].adjusted_p == pytest.approx(0.3125)
    assert not gains["a"].helps
    assert best_defense(gains.values(), "r", "uniform") is None


def test_the_best_defense_is_the_one_with_the_largest_net_gain_of_those_that_help() -> None:
    gains = gains_of({"none": range(10), "a": range(22), "b": range(30), "c": range(5)})
    assert gains["b"].adjusted_p == pytest.approx(3 * 2 / 2**20)  # 20 gained, none lost; three defenses
    assert gains["a"].adjusted_p == pytest.approx(2 * 2 / 2**12)
    assert (gains["c"].lost, gains["c"].helps) == (5, False)
    assert best_defense(gains.values(), "r", "uniform") == gains["b"]


def test_a_defense_that_changes_nothing_counts_as_a_test_and_has_no_p() -> None:
    gains = gains_of({"none": range(10), "a": range(16), "b": range(10)})
    assert gains["b"].p is None
    assert gains["b"].adjusted_p is None
    assert gains["a"].adjusted_p == pytest.approx(2 * 2 / 2**6)


def test_without_labels_a_prediction_is_right_that_is_the_clean_one() -> None:
    labelled, unlabelled = (
        gains_of({"none": range(10), "a": range(22)}),
        gains_of({"none": range(10), "a": range(22)}, ()),
    )
    assert labelled == unlabelled


def test_gains_against_best_attackers_pair_each_defense_under_its_own_with_none_under_its_own() -> None:
    def ladder(defense: str, attack: str) -> DefenseLadder:
        return DefenseLadder(defense=defense, robust=(WorstRung(sampler="uniform", rung="A2", attack=attack),))

    records = [
        make_record(f"{video}", (0,), (attack, defense, "uniform"), 0 if video in right else 1, 0)
        for attack, defense, right in (
            ("A2 bare", "none", range(4)),
            ("A2 other", "none", range(40)),  # not the worst: it is not compared
            ("A2 jpeg", "jpeg", range(2, 20)),
        )
        for video in range(VIDEOS)
    ]
    (gain,) = ladder_gains(records, [ladder("none", "A2 bare"), ladder("jpeg", "A2 jpeg")])
    assert (gain.defense, gain.attack, gain.gained, gain.lost, gain.of) == ("jpeg", "A2 jpeg", 16, 2, VIDEOS)
    assert gain.helps
    assert ladder_gains(records, [ladder("jpeg", "A2 jpeg")]) == ()
