"""What adaptive attackers add to a run's results: ladders, checks, budget curves."""

from collections.abc import Sequence
from dataclasses import dataclass

from lsap_cli.adaptive.judging.checks import defense_checks
from lsap_cli.adaptive.judging.defense_evidence import defense_evidence
from lsap_cli.adaptive.judging.defense_ladders import defense_ladder
from lsap_cli.adaptive.judging.detector_checks import detector_checks
from lsap_cli.adaptive.judging.detector_ladders import DetectorEvidence, detector_ladder
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.results.ladders import BudgetPoint, Check, DefenseLadder, DetectorLadder
from lsap_cli.results.records import Record
from lsap_cli.results.rows import Row


@dataclass(frozen=True)
class JudgedAttacks:
    """The evaluation of all attacks.

    Attributes:
        rows: of all attacks.
        records: likewise.
        noise: name of the noise control.
        classes: of the classifier.
    """

    rows: Sequence[Row]
    records: Sequence[Record]
    noise: str
    classes: int


def judge_defense_ladders(plan: AdaptivePlan, judged: JudgedAttacks) -> tuple[DefenseLadder, ...]:
    """The ladder of each defense, with its minimum."""
    return tuple(defense_ladder(one, judged.rows, judged.records) for one in plan.defense_ladders)


def judge_detector_ladders(
    plan: AdaptivePlan, learned: LearnedAttacks, evidence: DetectorEvidence
) -> tuple[DetectorLadder, ...]:
    """The ladder of each detector, with its minimum."""
    return tuple(detector_ladder(one, learned.thresholds[one.spec], evidence) for one in plan.detector_ladders)


def check_attackers(
    plan: AdaptivePlan, learned: LearnedAttacks, judged: JudgedAttacks, detector_ladders: Sequence[DetectorLadder]
) -> tuple[Check, ...]:
    """Whether the attackers of each defense and detector can be believed.

    Args:
        plan: which attacks there are.
        learned: probes of gradients.
        judged: how they did.
        detector_ladders: judged.
    """
    of_defenses = [
        check
        for ladder in plan.defense_ladders
        for check in defense_checks(
            defense_evidence(plan, ladder, learned.probes[ladder.spec], judged.rows, judged.noise, judged.classes)
        )
    ]
    return (*of_defenses, *(check for ladder in detector_ladders for check in detector_checks(ladder)))


def budget_curve(plan: AdaptivePlan, rows: Sequence[Row]) -> tuple[BudgetPoint, ...]:
    """The points of all budget curves, each with the noise of its budget."""
    return tuple(
        BudgetPoint(
            epsilon=point.budget.epsilon_text,
            defense=point.spec,
            attack=point.attack,
            knows_defense=point.knows_defense,
            rows=tuple(row for row in rows if (row.attack, row.defense) == (point.attack, point.spec)),
            noise=tuple(row for row in rows if (row.attack, row.defense) == (point.noise, point.spec)),
        )
        for point in plan.curve
    )
