"""The adaptive ladder: who attacks a defense, from not knowing it (A0) to knowing all of it, and the worst of them.

A0  as learned without knowledge of the defense
A1  through the defense, with the identity's gradient in its place
A2  through the defense, with the gradient that it declares
A3  as A2, with an expectation over the draws of a random defense
A4  in what the defense declares to let through: constant in time, smooth in space
A5  through the defense, without gradients

Athalye et al., ICML 2018; Tramer et al., NeurIPS 2020. Law 8: robust accuracy is the minimum over the ladder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from defenses import Defense
from defenses.adaptive import StraightThrough
from lsap_cli.adaptive.attackers import Attacker
from lsap_cli.evaluation.rates import rate
from lsap_cli.evaluation.rows import NO_DEFENSE, Record
from lsap_cli.evaluation.standards import technique
from perturbations import Binding, Perturbation
from perturbations.attacks.fgsm import Fgsm
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch

SEARCH_STEPS = 2  # times the steps of the others: a step of a search looks at two patterns, and moves less
SMALL_STEPS = 0.25  # times those of the others, for who goes on from a perturbation
SINGLE_STEP_BATCHES = 0.25  # of the steps of the others: whose gradients a single step sums

SAYS = {
    "A0": "learned without knowledge of the defense",
    "A1": "learned through the defense, with the identity's gradient in its place",
    "A2": "learned through the defense, with the gradient that it declares",
    "A3": "as A2, with an expectation over draws of the defense",
    "A4": "learned within what the defense declares to let through",
    "A5": "learned through the defense without gradients",
}


@dataclass(frozen=True)
class Rung:
    """One attacker of a ladder.

    Attributes:
        rung: A0 to A5.
        name: of the attack, in rows.
        attacker: None where the perturbation was there before.
        role: what the checks compare it as: iterative, single-step, doubled, search or transfer.
    """

    rung: str
    name: str
    attacker: Attacker | None = None
    role: str = "iterative"

    def result(self, says: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The rung as it is in results.json: who attacks, with what knowledge, and what came of it."""
        return {
            "rung": self.rung,
            "attack": self.name,
            "role": self.role,
            "says": says[self.rung],
            "identifiers": technique(self.rung),
            **({} if self.attacker is None else self.attacker.record()),
            "rows": list(rows),
        }


class Declared(Protocol):
    """What a defense or a detector says of its null space."""

    @property
    def passes_constant_in_time(self) -> bool: ...
    @property
    def passes_low_frequencies(self) -> bool: ...


@dataclass(frozen=True)
class Ladder:
    """All attackers of one defense.

    Attributes:
        spec: of the defense; `none` for no defense.
        defense: None for none.
        rungs: in order.
        missing: rungs that the defense does not have, and why.
        base: the attacker by whose gradient single-step, doubled and other budgets are learned.
    """

    spec: str
    defense: Defense | None
    rungs: tuple[Rung, ...]
    missing: Mapping[str, str]
    base: Attacker

    def names(self, *roles: str) -> list[str]:
        """The attacks that play one of these roles."""
        return [one.name for one in self.rungs if one.role in roles]


def plan_ladder(
    spec: str,
    defense: Defense | None,
    blind: Sequence[str],
    given: Perturbation,
    steps: int,
    draws: Sequence[int],
) -> Ladder:
    """Which attackers a defense meets.

    Args:
        spec: of the defense, as it was given.
        defense: None for no defense.
        blind: names of attacks that were learned without knowledge of it.
        given: the perturbation that is evaluated. All have its budget, and its binding but for patterns that are constant
            in time.
        steps: of learning, for each.
        draws: of a random defense, each clip of a step, for A3; rising.
    """
    where = "no defense" if defense is None else spec
    base = Attacker(f"A2 declared gradient ({where})", Lsap(), defense, given.budget, given.binding, steps)
    rungs = [Rung("A0", name, role="transfer") for name in blind]
    missing: dict[str, str] = {}
    if defense is None:
        missing |= {
            "A1": "nothing lies before the model: its own gradient is the straight one",
            "A4": "all patterns pass",
        }
    else:
        straight = replace(base, name=f"A1 straight-through ({where})", defense=StraightThrough(defense))
        rungs.append(Rung("A1", straight.name, straight))
        if defense.gradient == "straight-through" and not _is_mixed(defense):
            missing["A2"] = "the gradient that it declares is the identity's: that is A1"
            base = straight
    if "A2" not in missing:
        rungs.append(Rung("A2", base.name, base))
    further = going_on(base, given, where)
    rungs.append(Rung("A1" if "A2" in missing else "A2", further.name, further))
    if defense is None or defense.deterministic:
        missing["A3"] = "it draws nothing at random"
    else:
        for count in draws:
            one = replace(base, name=f"A3 expectation over {count} draws ({where})", draws=count)
            rungs.append(Rung("A3", one.name, one, role="expectation"))
    if defense is not None:
        once = replace(base, draws=1 if defense.deterministic else min(draws, default=1))
        rungs += [Rung("A4", one.name, one) for one in within_null_space(once, defense, where)]
    search = replace(
        base, name=f"A5 random search ({where})", attack=RandomSearch(), steps=SEARCH_STEPS * steps, defense=defense
    )
    rungs += [Rung("A5", search.name, search, role="search"), *_companions(base, where)]
    return Ladder(spec, defense, tuple(rungs), missing, base)


def _is_mixed(defense: Defense) -> bool:
    """Whether a gradient that is declared by its worst part is, on the whole, more than the identity's."""
    return not defense.deterministic


def going_on(base: Attacker, given: Perturbation, where: str) -> Attacker:
    """As the base, but from a perturbation that was learned before, in small steps and with a budget that is never wider.

    So that what was learned with more steps than each attacker here has is not thrown away; docs/example-movinet.md has what
    it brings.
    """
    assert isinstance(base.attack, Lsap)  # as all bases
    attack = replace(base.attack, loosen=1.0, first_step=SMALL_STEPS * base.attack.first_step)
    return replace(base, name=f"from the given one ({where})", attack=attack, begins_at=given)


def within_null_space(base: Attacker, declared: Declared, where: str) -> list[Attacker]:
    """Rung A4: patterns from the null space that is declared; where none is, what most cannot see or take away."""
    still = replace(base, name=f"A4 constant in time ({where})", binding=Binding("constant"))
    smooth = replace(base, name=f"A4 low-frequency ({where})", coarse=True)
    both = replace(still, name=f"A4 constant and low-frequency ({where})", coarse=True)
    found = [still] if declared.passes_constant_in_time else []
    found += [smooth] if declared.passes_low_frequencies else []
    return found or [both]


def _companions(base: Attacker, where: str) -> list[Rung]:
    """A weaker and a longer attacker, whom checks compare with the base; both count in the minimum."""
    few = max(1, round(SINGLE_STEP_BATCHES * base.steps))
    single = replace(base, name=f"single step ({where})", attack=Fgsm(), steps=few)
    longer = replace(base, name=f"twice the steps ({where})", steps=2 * base.steps)
    rung = "A1" if isinstance(base.defense, StraightThrough) else "A2"
    return [Rung(rung, single.name, single, role="single-step"), Rung(rung, longer.name, longer, role="doubled")]


def ladder_results(
    ladders: Sequence[Ladder], rows: Sequence[dict[str, Any]], records: Sequence[Record]
) -> list[dict[str, Any]]:
    """Each defense's rungs with their rows, and the worst of them for each sampler.

    Args:
        ladders: as planned.
        rows: of all attacks.
        records: likewise.
    """
    return [_result(ladder, rows, records) for ladder in ladders]


def _result(ladder: Ladder, rows: Sequence[dict[str, Any]], records: Sequence[Record]) -> dict[str, Any]:
    mine = [row for row in rows if row["defense"] == ladder.spec]
    rungs = [one.result(SAYS, [row for row in mine if row["attack"] == one.name]) for one in ladder.rungs]
    samplers = dict.fromkeys(row["sampler"] for row in mine)
    return {
        "defense": ladder.spec,
        "deterministic": ladder.defense is None or ladder.defense.deterministic,
        "rungs": rungs,
        "missing": [{"rung": rung, "why": why} for rung, why in sorted(ladder.missing.items())],
        "robust": [_worst(ladder, rungs, sampler, records) for sampler in samplers],
    }


def _worst(ladder: Ladder, rungs: Sequence[dict[str, Any]], sampler: str, records: Sequence[Record]) -> dict[str, Any]:
    """The minimum over the ladder: the rung that does most harm, and the videos that no rung breaks."""
    found = [(row, rung) for rung in rungs for row in rung["rows"] if row["sampler"] == sampler]
    row, rung = max(found, key=lambda one: harmfulness(one[0]))
    return {
        "sampler": sampler,
        "rung": rung["rung"],
        "attack": row["attack"],
        "clean_accuracy": row["clean_accuracy"],
        "accuracy": row["attacked_accuracy"],
        "fooling_rate": row["fooling_rate"],
        "net_fooling_rate": row["net_fooling_rate"],
        "milliseconds_per_video": row["milliseconds_per_video"],
        "right_under_every_rung": _right_under_every_rung(ladder, sampler, records),
    }


def harmfulness(row: Mapping[str, Any]) -> tuple[float, float]:
    """How much an attack does, to compare rows by: wrong answers first, then net changes."""
    accuracy, net, fooled = row["attacked_accuracy"], row["net_fooling_rate"], row["fooling_rate"]
    changes = net["value"] if net else fooled["value"] if fooled else 0.0
    return (1 - accuracy["value"] if accuracy else 0.0), changes


def _right_under_every_rung(ladder: Ladder, sampler: str, records: Sequence[Record]) -> Any:
    """The share of labelled videos that are seen rightly whichever rung attacks them."""
    names = {one.name for one in ladder.rungs}
    right: dict[str, bool] = {}
    for one in records:
        if one.labels and (one.defense, one.sampler) == (ladder.spec, sampler) and one.attack in names:
            right[one.video] = right.get(one.video, True) and bool(one.correct)
    return rate(list(right.values()))


def knowing(ladders: Sequence[Ladder]) -> dict[str, list[str]]:
    """The specs behind which each learned attack is judged: those whose ladder it is on."""
    specs: dict[str, list[str]] = {}
    for ladder in ladders:
        for one in ladder.rungs:
            specs.setdefault(one.name, []).append(ladder.spec)
    return specs


def undefended(ladders: Sequence[Ladder]) -> Ladder:
    """The ladder of no defense."""
    return next(one for one in ladders if one.spec == NO_DEFENSE)
