"""All attacks of a run: their order, the defenses that they are judged behind, and the budget curves."""

from fractions import Fraction

import pytest
import torch

from defenses.compression import Jpeg
from defenses.detectors.consistency import TemporalConsistency
from defenses.temporal import TemporalMedian
from lsap_cli.adaptive.judging.adaptive_results import budget_curve
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.plan import AdaptivePlan, AdaptiveRequest, BudgetNoise, GivenAttack, plan_adaptive
from lsap_cli.results.rates import rate_of
from lsap_cli.results.rows import Row
from perturbations import Budget, Perturbation, parse_binding

BUDGET = Budget("linf", Fraction(8, 255))
GIVEN = GivenAttack("r", Perturbation(torch.zeros(4, 3, 8, 8), parse_binding("cyclic:4"), BUDGET), "noise")
DEFENSES = {"none": None, "jpeg": Jpeg(75), "median": TemporalMedian(3)}
LEARNED_HERE = "A2 declared gradient (no defense)"


def plan(epsilons: tuple[Fraction, ...] = (), ladders: bool = True) -> AdaptivePlan:
    request = AdaptiveRequest(GIVEN, 10, ladders, epsilons, (2,))
    return plan_adaptive(request, DEFENSES, {"consistency": TemporalConsistency()})


def test_every_attacker_has_a_name_of_its_own_and_ladders_are_learned_before_curves() -> None:
    planned = plan()
    names = [one.name for one in planned.attackers]
    assert len(set(names)) == len(names)
    of_defenses = [one for ladder in planned.defense_ladders for one in ladder.attackers]
    of_detectors = [one for ladder in planned.detector_ladders for one in ladder.attackers]
    of_ladders = of_defenses + of_detectors
    assert planned.attackers[: len(of_ladders)] == of_ladders


def test_what_is_learned_against_the_bare_model_is_on_the_first_rung_of_every_ladder() -> None:
    planned = plan()
    assert planned.undefended_base is not None
    assert planned.undefended_base.name == LEARNED_HERE
    others = [one.rungs for one in planned.defense_ladders[1:]] + [one.rungs for one in planned.detector_ladders]
    assert all([one.attack for one in rungs if one.rung == "A0"] == ["r", LEARNED_HERE] for rungs in others)


def test_an_attacker_is_judged_behind_the_defense_that_it_knows_and_those_of_detectors_on_the_bare_model() -> None:
    planned = plan((Fraction(2, 255),))
    assert "r" not in planned.defense_subsets  # behind all
    assert planned.defense_subsets[LEARNED_HERE] == ["none", "jpeg", "median"]
    assert planned.defense_subsets["A2 declared gradient (jpeg)"] == ["jpeg"]
    assert planned.defense_subsets["epsilon 2/255 (jpeg)"] == ["jpeg"]
    assert {tuple(planned.defense_subsets[one.name]) for one in planned.detector_ladders[0].attackers} == {("none",)}


def test_the_rung_of_an_attack_depends_on_the_defense() -> None:
    planned = plan()
    assert planned.rung(LEARNED_HERE, "none") == "A2"
    assert planned.rung(LEARNED_HERE, "jpeg") == "A0"
    assert planned.rung("A2 declared gradient (jpeg)", "median") is None


def test_ladders_bring_a_large_budget_with_noise_of_its_own() -> None:
    planned = plan((Fraction(2, 255),))
    assert [(point.spec, point.budget.epsilon_text) for point in planned.curve] == [
        (spec, epsilon) for epsilon in ("2/255", "8/255", "64/255") for spec in DEFENSES
    ]
    noises = {one.name: one.budget.epsilon_text for one in planned.curve_attacks if isinstance(one, BudgetNoise)}
    assert noises == {"noise 2/255": "2/255", "noise 64/255": "64/255"}
    large = {one.name: one for one in planned.curve_attacks if isinstance(one, Attacker)}["epsilon 64/255 (jpeg)"]
    assert (large.defense, large.budget) == (planned.defense_ladders[1].base.defense, Budget("linf", Fraction(64, 255)))


def test_budgets_without_ladders_are_learned_against_the_bare_model_and_judged_behind_all_defenses() -> None:
    planned = plan((Fraction(8, 255), Fraction(2, 255)), ladders=False)
    assert [one.name for one in planned.attackers] == ["epsilon 2/255 (no defense)", "epsilon 8/255 (no defense)"]
    assert all(one.defense is None for one in planned.attackers)
    assert planned.defense_subsets == {}
    assert [(one.spec, one.knows_defense) for one in planned.curve] == [(spec, False) for spec in DEFENSES] * 2


def row(attack: str, right: int, defense: str = "jpeg", sampler: str = "uniform") -> Row:
    rate = rate_of(right, 40)
    return Row(attack=attack, defense=defense, sampler=sampler, videos=40, attacked_accuracy=rate, fooling_rate=rate)


@pytest.mark.parametrize("sampler", ["uniform", "random"])
def test_the_curve_passes_through_the_minimum_of_the_ladder_and_never_rises(sampler: str) -> None:
    planned = plan((Fraction(2, 255),))
    right = {"r": 18, "A2 declared gradient (jpeg)": 40, "epsilon 2/255 (jpeg)": 39, "epsilon 64/255 (jpeg)": 30}
    rows = [row(one.attack, right.get(one.attack, 40), sampler=sampler) for one in planned.defense_ladders[1].rungs]
    rows += [row(name, right[name], sampler=sampler) for name in ("epsilon 2/255 (jpeg)", "epsilon 64/255 (jpeg)")]
    rows += [row("epsilon 2/255 (median)", 0, "median", sampler), row("noise", 40, sampler=sampler)]
    rows += [row("epsilon 2/255 (no defense)", 40, "none")]
    for defense in ("none", "median"):
        rows += [row(attack, 40, defense) for attack in planned.attacks_within(BUDGET, defense)]
    points = budget_curve(planned, rows)
    curve = {one.epsilon: (one.attack, one.rows[0].attacked_accuracy) for one in points if one.defense == "jpeg"}
    assert curve == {
        "2/255": ("epsilon 2/255 (jpeg)", rate_of(39, 40)),
        "8/255": ("r", rate_of(18, 40)),  # as on the ladder, not what one attacker of it does
        "64/255": ("r", rate_of(18, 40)),  # what is within a small budget is within a large one
    }


def test_each_point_of_a_curve_has_the_noise_of_its_budget() -> None:
    planned = plan((Fraction(2, 255),), ladders=False)
    rows = [row(name, 40, "none") for name in ("epsilon 2/255 (no defense)", "r", "noise", "noise 2/255")]
    rows += [row("epsilon 2/255 (no defense)", 40, spec) for spec in ("jpeg", "median")]
    (point,) = [one for one in budget_curve(planned, rows) if one.defense == "none"]
    assert [one.attack for one in point.noise] == ["noise 2/255"]


# --- a defense and a detector at once -----------------------------------------------------------------------


def pairs() -> AdaptivePlan:
    request = AdaptiveRequest(GIVEN, 10, draws=(2,), pairs=True)
    return plan_adaptive(request, DEFENSES, {"consistency": TemporalConsistency()})


def test_each_defense_with_each_detector_has_a_ladder_of_the_pair() -> None:
    assert not plan().pair_ladders
    planned = pairs()
    assert [one.name for one in planned.pair_ladders] == ["jpeg + consistency", "median + consistency"]
    names = [one.name for one in planned.attackers]
    assert len(set(names)) == len(names)
    for ladder, defended in zip(planned.pair_ladders, planned.defense_ladders[1:], strict=True):
        for one in ladder.attackers:
            assert one.defense == defended.base.defense
            assert one.detector == planned.detector_ladders[0].detector
        assert {"A2", "A5"} <= {one.rung for one in ladder.rungs}


def test_what_was_learned_for_less_is_on_the_first_rung_of_a_pair_and_judged_behind_the_defense() -> None:
    planned = pairs()
    transferred = [one.attack for one in planned.pair_ladders[0].rungs if one.rung == "A0"]
    assert transferred == [
        "r", LEARNED_HERE, "A2 declared gradient (jpeg)", "A2 cautious (below consistency)",
    ]  # fmt: skip
    assert planned.defense_subsets["A2 cautious (below consistency)"] == ["none", "jpeg", "median"]
    assert planned.defense_subsets["A2 cautious (jpeg, below consistency)"] == ["jpeg"]


def test_a_pattern_is_kept_within_what_both_let_through() -> None:
    kinds = {one.defense: [rung.attacker for rung in one.rungs if rung.rung == "A4"] for one in pairs().pair_ladders}
    detector = TemporalConsistency()
    for spec, attackers in kinds.items():
        defense = DEFENSES[spec]
        assert defense is not None
        constant = defense.passes_constant_in_time and detector.passes_constant_in_time
        smooth = defense.passes_low_frequencies and detector.passes_low_frequencies
        assert len(attackers) == constant + smooth
        missing = {one.defense: one.missing for one in pairs().pair_ladders}[spec]
        assert ("A4" in missing) == (not attackers)
