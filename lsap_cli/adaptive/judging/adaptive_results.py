"""What a run's adaptive attackers of defenses add to results.json: ladders, checks, budget curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lsap_cli.adaptive.judging.checks import Check, defense_checks
from lsap_cli.adaptive.judging.defense_evidence import defense_evidence
from lsap_cli.adaptive.judging.defense_ladders import defense_ladder_results
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks
from lsap_cli.adaptive.planning.plan import AdaptivePlan, PlannedBudget
from lsap_cli.evaluation.rows import Record


@dataclass(frozen=True)
class JudgedAttacks:
    """The evaluation of all attacks.

    Attributes:
        rows: of all attacks.
        records: likewise.
        noise: name of the noise control.
        classes: of the classifier.
    """

    rows: Sequence[dict[str, Any]]
    records: Sequence[Record]
    noise: str
    classes: int


def adaptive_results(plan: AdaptivePlan, learned: LearnedAttacks, judged: JudgedAttacks) -> dict[str, Any]:
    """The ladders of defenses, their checks and the budget curves.

    Args:
        plan: which attacks there are.
        learned: what was learned of them.
        judged: how they did.
    """
    checks: list[Check] = []
    for ladder in plan.defense_ladders:
        probe = learned.probes[ladder.spec]
        checks += defense_checks(defense_evidence(plan, ladder, probe, judged.rows, judged.noise, judged.classes))
    return {
        "ladder": defense_ladder_results(plan.defense_ladders, judged.rows, judged.records),
        "checks": checks,
        "budget_curve": [_curve_point(point, judged.rows) for point in plan.curve],
    }


def _curve_point(point: PlannedBudget, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "epsilon": point.budget.epsilon_text,
        "defense": point.spec,
        "attack": point.attack,
        "knows_defense": point.knows_defense,
        "rows": [row for row in rows if (row["attack"], row["defense"]) == (point.attack, point.spec)],
        "noise": [row for row in rows if (row["attack"], row["defense"]) == (point.noise, point.spec)],
    }
