"""What a run has measured of one defense, sorted by the role of each attack: what the checks look at."""

from collections.abc import Sequence
from dataclasses import dataclass

from lsap_cli.adaptive.judging.comparisons import AttackOutcomes, outcomes_by_attack
from lsap_cli.adaptive.judging.judged_attacks import JudgedAttacks
from lsap_cli.adaptive.judging.per_video_bounds import per_video_outcomes, strongest_universal
from lsap_cli.adaptive.learning.gradient_probe import GradientProbe
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks
from lsap_cli.adaptive.planning.defense_ladders import DefenseLadderPlan
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.adaptive.planning.rungs import Role
from lsap_cli.results.records import NO_ATTACK
from lsap_cli.results.rows import Row, Rows


@dataclass(frozen=True)
class AttacksOnDefense:
    """Attacks on one defense with one sampler.

    Attributes:
        defense: its spec.
        classes: of the classifier.
        clean: the row without an attack.
        no_attack: the outcomes without an attack.
        noise: the noise control; None where there was none.
        transfer: attacks that do not know the defense (A0).
        iterative: attackers that use a gradient (A1 to A4).
        learned: attackers of the run that do not start from the given perturbation.
        single_step: None where there was none.
        base: the attacker that the single step and the doubled steps are compared with.
        doubled: with twice its steps.
        search: the attacker without a gradient (A5).
        expectations: by rising number of draws (A3).
        curve: (epsilon, attack) by rising epsilon, of one attacker.
        probe: of the gradient through the defense, and of its output; None where it was not tried.
        universal: the strongest of all attacks with one pattern for all videos.
        per_video: a pattern of its own for each video (P); None where there was none.
    """

    defense: str
    classes: int
    clean: Row
    no_attack: AttackOutcomes
    noise: AttackOutcomes | None = None
    transfer: Sequence[AttackOutcomes] = ()
    iterative: Sequence[AttackOutcomes] = ()
    learned: Sequence[AttackOutcomes] = ()
    single_step: AttackOutcomes | None = None
    base: AttackOutcomes | None = None
    doubled: AttackOutcomes | None = None
    search: AttackOutcomes | None = None
    expectations: Sequence[tuple[int, AttackOutcomes]] = ()
    curve: Sequence[tuple[str, AttackOutcomes]] = ()
    probe: GradientProbe | None = None
    universal: AttackOutcomes | None = None
    per_video: AttackOutcomes | None = None


def attacks_on_defense(
    plan: AdaptivePlan, ladder: DefenseLadderPlan, learned: LearnedAttacks, judged: JudgedAttacks
) -> AttacksOnDefense:
    """The attacks on a defense, with the first sampler.

    Args:
        plan: with the budget curve.
        ladder: of the defense.
        learned: with the probe of its gradient. Attackers that were not judged are compared with nothing.
        judged: the evaluation of all attacks.
    """
    sampler = judged.rows[0].sampler
    clean = Rows(tuple(judged.rows)).find(NO_ATTACK, ladder.spec, sampler)
    assert clean is not None
    attacks = outcomes_by_attack(judged.records, ladder.spec, sampler)

    def with_role(*roles: Role) -> list[AttackOutcomes]:
        return [attacks[attack] for attack in ladder.attacks(*roles) if attack in attacks]

    def only(role: Role, name: str) -> AttackOutcomes | None:
        return next((one.renamed(name) for one in with_role(role)), None)

    return AttacksOnDefense(
        defense=ladder.spec,
        classes=judged.classes,
        clean=clean,
        no_attack=attacks[NO_ATTACK].renamed("no attack"),
        noise=attacks.get(judged.noise),
        transfer=[one.renamed("without knowledge") for one in with_role("transfer")],
        iterative=with_role("iterative", "doubled"),
        learned=[
            attacks[one.name]
            for one in ladder.attackers
            if one.name in attacks and one.start is None and learned.begins_at_zeros(one.name)
        ],
        single_step=only("single-step", "one step"),
        base=attacks.get(ladder.base.name),
        doubled=only("doubled", "twice the steps"),
        search=only("search", "random search"),
        expectations=[
            (one.attacker.draws, attacks[one.attack])
            for one in ladder.rungs
            if one.role == "expectation" and one.attacker is not None and one.attack in attacks
        ],
        curve=[
            (point.budget.epsilon_text, attacks[point.attack])
            for point in plan.curve
            if point.spec == ladder.spec and point.attack in attacks
        ],
        probe=learned.probes[ladder.spec],
        universal=strongest_universal(ladder, judged.records, sampler),
        per_video=per_video_outcomes(judged.per_video, ladder.spec, sampler),
    )
