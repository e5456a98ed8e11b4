"""Perturbations that are known when an attacker begins, and which of them it begins at."""

from dataclasses import replace

import torch

from lsap_cli.adaptive.learning.attacker_files import FinishedRound
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.racing.rounds import can_start, round_strength
from lsap_cli.adaptive.racing.verification import RaceVerification, Verified
from perturbations import Budget, Perturbation

ZEROS = "zeros"


class KnownPerturbations:
    """What was given and what the run has learned, with what it wins behind each attacker's defense.

    Args:
        verification: that measures it.
    """

    def __init__(self, verification: RaceVerification) -> None:
        self._verification = verification
        self._known: dict[str, Perturbation] = {}
        self._verified: dict[tuple[str, str, str, str], Verified] = {}

    def add(self, name: str, perturbation: Perturbation) -> None:
        """A perturbation that attackers of its binding may begin at."""
        self._known[name] = perturbation

    def start(self, attacker: Attacker) -> tuple[str, Perturbation, FinishedRound]:
        """Where an attacker begins: at the known perturbation that wins most, if it does more than no perturbation.

        Returns:
            its name, the perturbation within the attacker's budget, and what it wins; zeros are named `ZEROS`.
        """
        zeros = torch.zeros(attacker.binding.period, 3, *self._verification.pattern_size)
        candidates = {ZEROS: Perturbation(zeros, attacker.binding, attacker.budget)}
        if can_start(attacker):
            candidates |= {
                name: within(one, attacker.budget)
                for name, one in self._known.items()
                if one.binding == attacker.binding
            }
        verified = {name: self._measure(name, one, attacker) for name, one in candidates.items()}
        best = max(verified, key=lambda name: round_strength(verified[name]))  # ties: the first
        return best, candidates[best], verified[best]

    def _measure(self, name: str, perturbation: Perturbation, attacker: Attacker) -> FinishedRound:
        key = name, perturbation.budget.epsilon_text, repr(attacker.defense), repr(attacker.detector)
        if name == ZEROS:
            key = name, str(attacker.binding), *key[2:]
        if key not in self._verified:
            self._verified[key] = self._verification.verify(attacker, perturbation)
        found = self._verified[key]
        return FinishedRound(steps=0, seconds=0.0, won=found.won, loss=found.loss)


def within(perturbation: Perturbation, budget: Budget) -> Perturbation:
    """The perturbation, scaled by the ratio of two budgets of one norm; the same where they are equal."""
    if perturbation.budget == budget:
        return perturbation
    ratio = float(budget.epsilon / perturbation.budget.epsilon)
    return replace(perturbation, delta=budget.project(ratio * perturbation.delta), budget=budget)
