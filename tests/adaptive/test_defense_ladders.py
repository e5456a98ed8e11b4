"""The attacks on a defense's ladder, and the minimum over its rungs."""

from fractions import Fraction

import msgspec
import pytest
import torch

from defenses import Defense
from defenses.chain import Chain
from defenses.compression import H264, Jpeg
from defenses.randomized import Barrage, RandomNoise
from defenses.spatial import BitDepth, SpatialMedian
from defenses.straight_through import StraightThrough
from defenses.subtraction import PerturbationSubtraction
from defenses.temporal import TemporalMedian
from lsap_cli.adaptive.judging.defense_ladders import defense_ladder
from lsap_cli.adaptive.planning.defense_ladders import (
    DefenseLadderPlan,
    LadderSettings,
    defenses_by_attack,
    plan_defense_ladder,
)
from lsap_cli.results.ladders import RungIdentifiers
from lsap_cli.results.rates import rate_of
from lsap_cli.results.rows import Row
from perturbations import Budget, Perturbation, parse_binding
from perturbations.attacks.lsap import Lsap
from tests.result_objects import make_record

BUDGET = Budget("linf", Fraction(8, 255))
GIVEN = Perturbation(torch.zeros(4, 3, 8, 8), parse_binding("cyclic:4"), BUDGET)


def plan(defense: Defense | None, spec: str = "it") -> DefenseLadderPlan:
    return plan_defense_ladder(spec, defense, ["given"], LadderSettings(GIVEN, 100, (2, 8)))


@pytest.mark.parametrize(
    ("defense", "rungs", "missing"),
    [
        (None, ["A0", "A2", "A2", "A5", "A2", "A2"], {"A1", "A3", "A4"}),
        (TemporalMedian(3), ["A0", "A1", "A2", "A2", "A4", "A5", "A2", "A2"], {"A3"}),
        (Jpeg(75), ["A0", "A1", "A2", "A2", "A4", "A4", "A5", "A2", "A2"], {"A3"}),
        (BitDepth(4), ["A0", "A1", "A1", "A4", "A5", "A1", "A1"], {"A2", "A3"}),
        (RandomNoise(), ["A0", "A1", "A2", "A2", "A3", "A3", "A4", "A4", "A4", "A5", "A2", "A2"], set()),
        (Barrage(), ["A0", "A1", "A2", "A2", "A3", "A3", "A4", "A5", "A2", "A2"], set()),
        (PerturbationSubtraction(), ["A0", "A1", "A2", "A2", "A4", "A5", "A2", "A2"], {"A3", "P"}),
        (
            Chain((PerturbationSubtraction(), Jpeg(75))),
            ["A0", "A1", "A2", "A2", "A4", "A5", "A2", "A2"],
            {"A3", "P"},
        ),
    ],
)
def test_each_defense_meets_the_rungs_that_it_has(defense: Defense | None, rungs: list[str], missing: set[str]) -> None:
    ladder = plan(defense)
    assert [one.rung for one in ladder.rungs] == rungs
    assert set(ladder.missing) == missing
    assert all(ladder.missing.values())


def test_the_null_space_that_a_defense_declares_is_where_a4_looks() -> None:
    def shapes(defense: Defense) -> list[tuple[str, bool, bool]]:
        found = [one.attacker for one in plan(defense).rungs if one.rung == "A4"]
        return [(str(one.binding), one.low_frequency, one.striped) for one in found if one is not None]

    constant, smooth, striped = ("constant", False, False), ("cyclic:4", True, False), ("cyclic:4", False, True)
    assert shapes(TemporalMedian(3)) == [constant]
    assert shapes(Jpeg(75)) == [smooth, striped]
    assert shapes(RandomNoise()) == [constant, smooth, striped]
    assert shapes(BitDepth(4)) == [("constant", True, False)]
    assert shapes(Chain((Jpeg(75), H264(28)))) == [smooth, striped]
    assert shapes(Chain((Jpeg(75), SpatialMedian(3)))) == [smooth]


def test_attackers_differ_in_what_they_know() -> None:
    attackers = {one.attack.partition(" (")[0]: one.attacker for one in plan(RandomNoise()).rungs if one.attacker}
    straight, own = attackers["A1 straight-through"], attackers["A2 declared gradient"]
    assert isinstance(straight.defense, StraightThrough)
    assert own.defense == RandomNoise()
    assert [attackers[f"A3 expectation over {n} draws"].draws for n in (2, 8)] == [2, 8]
    assert attackers["twice the steps"].steps == 2 * own.steps
    assert {one.budget for one in attackers.values()} == {BUDGET}


@pytest.mark.parametrize(("defense", "rung"), [(None, "A2"), (Jpeg(75), "A2"), (BitDepth(4), "A1")])
def test_one_attacker_goes_on_from_the_given_perturbation_within_the_budget_all_the_time(
    defense: Defense | None, rung: str
) -> None:
    ladder = plan(defense)
    (further,) = [one for one in ladder.rungs if one.attacker is not None and one.attacker.start is not None]
    assert further.attacker is not None
    assert further.attacker.start is GIVEN
    assert further.attacker.record()["goes_on_from_given"]
    assert not ladder.base.record()["goes_on_from_given"]
    assert isinstance(further.attacker.attack, Lsap)
    assert further.attacker.attack.loosen == 1
    assert (further.rung, further.role, further.attacker.defense) == (rung, "iterative", ladder.base.defense)


def test_an_attack_is_judged_behind_the_defenses_on_whose_ladders_it_is() -> None:
    bare = plan(None, "none")
    other = plan_defense_ladder("jpeg", Jpeg(75), ["given", bare.base.name], LadderSettings(GIVEN, 9, (2,)))
    specs = defenses_by_attack([bare, other])
    assert specs["given"] == specs[bare.base.name] == ["none", "jpeg"]
    assert specs["A1 straight-through (jpeg)"] == ["jpeg"]


def row(attack: str, right: int, sampler: str = "uniform") -> Row:
    return Row(
        attack=attack,
        defense="it",
        sampler=sampler,
        videos=4,
        clean_accuracy=rate_of(4, 4),
        attacked_accuracy=rate_of(right, 4),
        fooling_rate=rate_of(4 - right, 4),
        milliseconds_per_video=1.0,
    )


def test_the_minimum_over_the_ladder_is_taken_and_videos_that_no_rung_breaks_are_counted() -> None:
    ladder = plan(TemporalMedian(3))
    names = [one.attack for one in ladder.rungs]
    right = {names[0]: (0, 1, 2), names[2]: (1,), names[3]: (1, 3)}  # videos with a right prediction
    rows = [row(name, len(right.get(name, range(4)))) for name in names]
    records = [
        make_record(f"{video}", (1,), (name, "it", "uniform"), int(video in right.get(name, range(4))), 1)
        for name in names
        for video in range(4)
    ]
    result = defense_ladder(ladder, rows, records)
    (worst,) = result.robust
    assert (worst.attack, worst.rung, worst.accuracy) == (names[2], "A2", rate_of(1, 4))
    assert worst.right_under_every_rung == rate_of(1, 4)
    assert [one.rows[0].attack for one in result.rungs] == names
    assert result.rungs[1].identifiers == RungIdentifiers(atlas="AML.T0043.000", nist="NISTAML.022")


def test_each_sampler_has_its_own_worst_rung() -> None:
    ladder = plan(TemporalMedian(3))
    names = [one.attack for one in ladder.rungs]
    right = {(names[1], "uniform"): 1, (names[4], "random"): 2}
    rows = [row(name, right.get((name, sampler), 4), sampler) for name in names for sampler in ("uniform", "random")]
    result = defense_ladder(ladder, rows, [])
    assert [(one.sampler, one.attack, one.accuracy) for one in result.robust] == [
        ("uniform", names[1], rate_of(1, 4)),
        ("random", names[4], rate_of(2, 4)),
    ]
    assert [one.rows for one in result.rungs][1] == (rows[2], rows[3])


def test_of_rungs_with_the_same_accuracy_the_one_that_changes_most_is_the_worst() -> None:
    ladder = plan(TemporalMedian(3))
    names = [one.attack for one in ladder.rungs]
    rows = [
        msgspec.structs.replace(row(name, 2), fooling_rate=rate_of(3 if name == names[5] else 2, 4)) for name in names
    ]
    (worst,) = defense_ladder(ladder, rows, []).robust
    assert worst.attack == names[5]
