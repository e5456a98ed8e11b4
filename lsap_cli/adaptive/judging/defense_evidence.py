"""What a run has measured of one defense, sorted by the role of each attack: what the checks look at."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lsap_cli.adaptive.learning.gradient_probe import GradientProbe
from lsap_cli.adaptive.planning.defense_ladders import DefenseLadderPlan
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.adaptive.planning.rungs import Role
from lsap_cli.results.records import NO_ATTACK
from lsap_cli.results.rows import Row


@dataclass(frozen=True)
class DefenseEvidence:
    """Rows of one defense with one sampler.

    Attributes:
        defense: its spec.
        classes: of the classifier.
        clean: the row without an attack.
        noise: the row of the noise control; None where there was none.
        transfer: rows of attacks that do not know the defense (A0).
        iterative: rows of the attackers that use a gradient (A1 to A4).
        single_step: row of a single step; None where there was none.
        base: row of the attacker that the single step and the doubled steps are compared with.
        doubled: row of twice its steps.
        search: row of the attacker without a gradient (A5).
        expectations: rows by rising number of draws (A3).
        curve: (epsilon, row) by rising epsilon.
        probe: of the gradient through the defense, and of its output; None where it was not tried.
    """

    defense: str
    classes: int
    clean: Row
    noise: Row | None = None
    transfer: Sequence[Row] = ()
    iterative: Sequence[Row] = ()
    single_step: Row | None = None
    base: Row | None = None
    doubled: Row | None = None
    search: Row | None = None
    expectations: Sequence[tuple[int, Row]] = ()
    curve: Sequence[tuple[str, Row]] = field(default_factory=tuple)
    probe: GradientProbe | None = None


def defense_evidence(
    plan: AdaptivePlan, ladder: DefenseLadderPlan, probe: GradientProbe, rows: Sequence[Row], noise: str, classes: int
) -> DefenseEvidence:
    """The evidence about a defense, with the first sampler.

    Args:
        plan: with the budget curve.
        ladder: of the defense.
        probe: of its gradient.
        rows: of all attacks.
        noise: name of the noise control.
        classes: of the classifier.
    """
    sampler = rows[0].sampler
    by_attack = {row.attack: row for row in rows if (row.defense, row.sampler) == (ladder.spec, sampler)}

    def with_role(*roles: Role) -> list[Row]:
        return [by_attack[attack] for attack in ladder.attacks(*roles)]

    def only(role: Role) -> Row | None:
        return next(iter(with_role(role)), None)

    return DefenseEvidence(
        defense=ladder.spec,
        classes=classes,
        clean=by_attack[NO_ATTACK],
        noise=by_attack.get(noise),
        transfer=with_role("transfer"),
        iterative=with_role("iterative", "doubled"),
        single_step=only("single-step"),
        base=by_attack[ladder.base.name],
        doubled=only("doubled"),
        search=only("search"),
        expectations=[
            (one.attacker.draws, by_attack[one.attack])
            for one in ladder.rungs
            if one.role == "expectation" and one.attacker is not None
        ],
        curve=[
            (point.budget.epsilon_text, by_attack[point.attack]) for point in plan.curve if point.spec == ladder.spec
        ],
        probe=probe,
    )
