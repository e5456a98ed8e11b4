"""What adaptive attackers add to a run's results: ladders, checks, budget curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lsap_cli.adaptive.judging.attacks_on_defense import attacks_on_defense
from lsap_cli.adaptive.judging.checks import defense_checks
from lsap_cli.adaptive.judging.defense_ladders import NO_EFFORTS, defense_ladder, harm_order
from lsap_cli.adaptive.judging.detector_checks import detector_checks
from lsap_cli.adaptive.judging.detector_ladders import AttacksOnDetectors, detector_ladder
from lsap_cli.adaptive.judging.judged_attacks import JudgedAttacks
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks
from lsap_cli.adaptive.planning.plan import AdaptivePlan, PlannedBudget
from lsap_cli.results.base import UNSET
from lsap_cli.results.ladders import AttackerEffort, BudgetPoint, Check, DefenseLadder, DetectorLadder
from lsap_cli.results.rows import Row


@dataclass(frozen=True)
class AdaptiveResults:
    """What adaptive attackers add to results.json, by its keys."""

    ladder: tuple[DefenseLadder, ...]
    detector_ladder: tuple[DetectorLadder, ...]
    pair_ladder: tuple[DetectorLadder, ...]
    checks: tuple[Check, ...]
    budget_curve: tuple[BudgetPoint, ...]


def adaptive_results(
    plan: AdaptivePlan, learned: LearnedAttacks, judged: JudgedAttacks, attacks: AttacksOnDetectors
) -> AdaptiveResults:
    """The ladders of defenses and detectors, the checks of their attackers, and budget curves.

    Args:
        plan: which attacks there are.
        learned: probes of gradients, thresholds of detectors.
        judged: attacks on defenses.
        attacks: attacks on detectors.
    """
    ladders = tuple(
        defense_ladder(one, judged.rows, judged.records, learned.efforts, judged.per_video)
        for one in plan.defense_ladders
    )
    of_detectors, of_pairs = (
        tuple(detector_ladder(one, learned.thresholds[one.spec], attacks, learned.efforts) for one in ladders_of)
        for ladders_of in (plan.detector_ladders, plan.pair_ladders)
    )
    checks = [
        check
        for ladder in plan.defense_ladders
        for check in defense_checks(attacks_on_defense(plan, ladder, learned, judged))
    ]
    checks += [check for ladder in plan.with_detectors for check in detector_checks(ladder, learned, attacks)]
    return AdaptiveResults(
        ladders, of_detectors, of_pairs, tuple(checks), budget_curve(plan, judged.rows, learned.efforts)
    )


def budget_curve(
    plan: AdaptivePlan, rows: Sequence[Row], efforts: Mapping[str, AttackerEffort] = NO_EFFORTS
) -> tuple[BudgetPoint, ...]:
    """The points of all budget curves: the attack within each budget that does most harm, and noise of that budget.

    An attack within a small budget is one within a larger budget, too: curves fall, and pass through the ladder's
    minimum.
    """
    return tuple(_curve_point(plan, point, rows, efforts) for point in plan.curve)


def _curve_point(
    plan: AdaptivePlan, point: PlannedBudget, rows: Sequence[Row], efforts: Mapping[str, AttackerEffort]
) -> BudgetPoint:
    own = [row for row in rows if row.defense == point.spec]
    of_curve = {one.name for one in plan.curve_attacks}
    places = {attack: place for place, attack in enumerate(plan.attacks_within(point.budget, point.spec))}
    candidates = sorted((row for row in own if row.attack in places), key=lambda row: places[row.attack])
    worst = tuple(
        max((row for row in candidates if row.sampler == sampler), key=harm_order)
        for sampler in dict.fromkeys(row.sampler for row in candidates)
    )
    return BudgetPoint(
        epsilon=point.budget.epsilon_text,
        defense=point.spec,
        attack=worst[0].attack,
        knows_defense=point.knows_defense,
        rows=worst,
        noise=tuple(row for row in own if row.attack == point.noise),
        effort=efforts.get(point.attack, UNSET) if point.attack in of_curve else UNSET,
    )
