"""The adaptive ladder of a defense, from an attacker without knowledge of it (A0) to one with full knowledge.

A0  learned without knowledge of the defense
A1  through the defense, with the identity's gradient in its place
A2  through the defense, with the gradient that it declares
A3  as A2, with an expectation over the draws of a random defense
A4  in what the defense declares to let through: constant in time, smooth in space, striped
A5  through the defense, without gradients
P   a pattern of its own for each video (`lsap_cli.adaptive.per_video`): an upper bound, in no minimum

Athalye et al., ICML 2018; Tramer et al., NeurIPS 2020.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from defenses import Defense
from defenses.fitting import fittable_part
from defenses.straight_through import StraightThrough
from lsap_cli.adaptive.planning.attackers import Attacker, null_space_attackers, warm_started
from lsap_cli.adaptive.planning.rungs import PlannedRung, Role, learned_rung, transfer_rung
from lsap_cli.results.records import NO_DEFENSE, NO_DEFENSE_NAME
from perturbations import Perturbation
from perturbations.attacks.fgsm import Fgsm
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch

SEARCH_STEPS = 2  # times the steps of the others: a step of a search looks at two patterns, and moves less
SINGLE_STEP_BATCHES = 0.25  # of the steps of the others: batches whose gradients a single step sums

DESCRIPTIONS = {
    "A0": "learned without knowledge of the defense",
    "A1": "learned through the defense, with the identity's gradient in its place",
    "A2": "learned through the defense, with the gradient that it declares",
    "A3": "as A2, with an expectation over draws of the defense",
    "A4": "learned within what the defense declares to let through",
    "A5": "learned through the defense without gradients",
}


@dataclass(frozen=True)
class DefenseLadderPlan:
    """All attacks of one defense.

    Attributes:
        spec: of the defense; `none` for no defense.
        defense: None for none.
        rungs: in order.
        missing: rungs that the defense does not have, and why.
        base: the attacker whose variants are the single step, the doubled steps and the other budgets.
    """

    spec: str
    defense: Defense | None
    rungs: tuple[PlannedRung, ...]
    missing: Mapping[str, str]
    base: Attacker

    @property
    def has_per_video(self) -> bool:
        """Whether it has rung P."""
        return "P" not in self.missing

    @property
    def attackers(self) -> list[Attacker]:
        """Those that learn in the run, in order."""
        return [one.attacker for one in self.rungs if one.attacker is not None]

    def attacks(self, *roles: Role) -> list[str]:
        """Names of the attacks with one of these roles."""
        return [one.attack for one in self.rungs if one.role in roles]


@dataclass(frozen=True)
class LadderSettings:
    """What the attackers of all ladders have in common.

    Attributes:
        given: the perturbation that is evaluated. All attackers have its budget, and its binding but for patterns that
            are constant in time.
        steps: of learning, for each attacker.
        draws: of a random defense for each clip of a step, for A3; rising.
    """

    given: Perturbation
    steps: int
    draws: tuple[int, ...] = ()


def plan_defense_ladder(
    spec: str, defense: Defense | None, transferred: Sequence[str], settings: LadderSettings
) -> DefenseLadderPlan:
    """The attacks of one defense.

    Args:
        spec: of the defense, as it was given.
        defense: None for no defense.
        transferred: names of attacks that were learned without knowledge of it.
        settings: of all attackers.
    """
    given = settings.given
    condition = NO_DEFENSE_NAME if defense is None else spec
    declared = Attacker(
        f"A2 declared gradient ({condition})", Lsap(), defense, given.budget, given.binding, settings.steps
    )
    straight = None
    if defense is not None:
        straight = replace(declared, name=f"A1 straight-through ({condition})", defense=StraightThrough(defense))
    missing = _missing_rungs(defense)
    base = straight if straight is not None and "A2" in missing else declared
    own_rung = "A1" if base is straight else "A2"
    rungs = [transfer_rung(name) for name in transferred]
    rungs += [learned_rung("A1", straight)] if straight is not None else []
    rungs += [learned_rung("A2", declared)] if base is declared else []
    rungs.append(learned_rung(own_rung, warm_started(base, given, condition)))
    rungs += _expectation_rungs(base, settings.draws, condition)
    if defense is not None:
        drawn_once = replace(base, draws=1 if defense.deterministic else min(settings.draws, default=1))
        within = null_space_attackers(drawn_once, defense, condition)
        if defense.passes_stripes:
            within.append(replace(drawn_once, name=f"A4 striped ({condition})", striped=True))
        rungs += [learned_rung("A4", one) for one in within]
    rungs.append(learned_rung("A5", _random_search(base, defense, condition), "search"))
    rungs += _comparison_rungs(base, own_rung, condition)
    return DefenseLadderPlan(spec, defense, tuple(rungs), missing, base)


def undefended(ladders: Sequence[DefenseLadderPlan]) -> DefenseLadderPlan:
    """The ladder of no defense."""
    return next(one for one in ladders if one.spec == NO_DEFENSE)


def defenses_by_attack(ladders: Sequence[DefenseLadderPlan]) -> dict[str, list[str]]:
    """The specs behind which each attack is judged: those whose ladder it is on."""
    specs: dict[str, list[str]] = {}
    for ladder in ladders:
        for one in ladder.rungs:
            specs.setdefault(one.attack, []).append(ladder.spec)
    return specs


def _missing_rungs(defense: Defense | None) -> dict[str, str]:
    """Rungs that a defense does not have, and why."""
    missing: dict[str, str] = {}
    if defense is None:
        missing["A1"] = "nothing lies before the model: its own gradient is the straight one"
        missing["A4"] = "all patterns pass"
    elif defense.gradient == "straight-through" and defense.deterministic:
        # The gradient of a random defense is declared by its worst part; as a whole it is more than the identity's.
        missing["A2"] = "the gradient that it declares is the identity's: that is A1"
    if defense is None or defense.deterministic:
        missing["A3"] = "it draws nothing at random"
    if defense is not None and fittable_part(defense) is not None:
        missing["P"] = "it looks for what videos have in common: patterns that differ have nothing"
    return missing


def _expectation_rungs(base: Attacker, draws: Sequence[int], condition: str) -> Iterator[PlannedRung]:
    if base.defense is None or base.defense.deterministic:
        return
    for count in draws:
        attacker = replace(base, name=f"A3 expectation over {count} draws ({condition})", draws=count)
        yield learned_rung("A3", attacker, "expectation")


def _random_search(base: Attacker, defense: Defense | None, condition: str) -> Attacker:
    return replace(
        base, name=f"A5 random search ({condition})", attack=RandomSearch(), steps=SEARCH_STEPS * base.steps,
        defense=defense,
    )  # fmt: skip


def _comparison_rungs(base: Attacker, rung: str, condition: str) -> list[PlannedRung]:
    """A weaker and a longer attacker that checks compare with the base; both count in the minimum."""
    batches = max(1, round(SINGLE_STEP_BATCHES * base.steps))
    single = replace(base, name=f"single step ({condition})", attack=Fgsm(), steps=batches)
    doubled = replace(base, name=f"twice the steps ({condition})", steps=2 * base.steps)
    return [learned_rung(rung, single, "single-step"), learned_rung(rung, doubled, "doubled")]
