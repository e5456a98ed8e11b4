"""Adaptive attackers as values: method, attacked defense or detector, budget, binding, number of steps.

Nothing is learned here; `lsap_cli.adaptive.learning` turns an attacker into a perturbation.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from defenses import Defense
from defenses.detectors import Detector
from perturbations import Binding, Budget, Perturbation
from perturbations.attacks import Attack
from perturbations.attacks.lsap import Lsap

WARM_START_STEP = 0.25  # times the first step of others, where learning starts from a given perturbation


@dataclass(frozen=True)
class Attacker:
    """One adaptive attack.

    Attributes:
        name: in rows, events and file names.
        attack: the method.
        defense: that it learns through; None: none.
        budget: norm and epsilon.
        binding: frame to slot.
        steps: of learning.
        draws: of a random defense, for each clip of a step.
        low_frequency: whether the pattern is smooth in space.
        striped: whether it is stripes of a strength that is smooth in space.
        detector: whose score is kept below its threshold; None: none.
        tolerated_share: the share of flagged videos at which lowering their scores weighs as much as the margin.
        start: the perturbation with this binding that learning starts from; None: zeros.
    """

    name: str
    attack: Attack
    defense: Defense | None
    budget: Budget
    binding: Binding
    steps: int
    draws: int = 1
    low_frequency: bool = False
    striped: bool = False
    detector: Detector | None = None
    tolerated_share: float = 1.0
    start: Perturbation | None = field(default=None, compare=False)  # tensors do not compare

    def record(self) -> dict[str, Any]:
        """What results.json and the perturbation's file say of the attacker."""
        return {
            "method": type(self.attack).__name__.lower(),
            "epsilon": self.budget.epsilon_text,
            "binding": str(self.binding),
            "steps": self.steps,
            "draws": self.draws,
            "low_frequency": self.low_frequency,
            "striped": self.striped,
            "goes_on_from_given": self.start is not None,
            **({} if self.detector is None else {"bearable": self.tolerated_share}),
        }


class DeclaresNullSpace(Protocol):
    """The null space that a defense or a detector declares."""

    @property
    def passes_constant_in_time(self) -> bool: ...
    @property
    def passes_low_frequencies(self) -> bool: ...


def bare_model_attacker(given: Perturbation, steps: int, name: str = "learned here (no defense)") -> Attacker:
    """An attacker that learns against the bare model, with the budget and binding of a given perturbation."""
    return Attacker(name, Lsap(), None, given.budget, given.binding, steps)


def warm_started(base: Attacker, given: Perturbation, condition: str) -> Attacker:
    """The base attacker, started from a perturbation that was learned before.

    Its steps are small and its budget is never wider, so that what more steps than its own have learned is kept.

    Args:
        base: an attacker with the method `Lsap`.
        given: where learning starts.
        condition: names the defense or detector, for the attacker's name.
    """
    assert isinstance(base.attack, Lsap)
    attack = replace(base.attack, loosen=1.0, first_step=WARM_START_STEP * base.attack.first_step)
    return replace(base, name=f"from the given one ({condition})", attack=attack, start=given)


def null_space_attackers(base: Attacker, declared: DeclaresNullSpace, condition: str) -> list[Attacker]:
    """Rung A4: attackers within the declared null space; where none is declared, constant and low-frequency patterns.

    Args:
        base: the attacker whose pattern is constrained.
        declared: the defense or detector.
        condition: names it, for the attackers' names.
    """
    constant = replace(base, name=f"A4 constant in time ({condition})", binding=Binding("constant"))
    smooth = replace(base, name=f"A4 low-frequency ({condition})", low_frequency=True)
    both = replace(constant, name=f"A4 constant and low-frequency ({condition})", low_frequency=True)
    attackers = [constant] if declared.passes_constant_in_time else []
    attackers += [smooth] if declared.passes_low_frequencies else []
    return attackers or [both]
