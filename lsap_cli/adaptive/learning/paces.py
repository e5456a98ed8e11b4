"""How long a step of each attacker takes: one is timed for each defense and detector."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import Attacker
from perturbations.state import State

WARM_UP_STEPS = 1  # before the step whose time is taken


@dataclass(frozen=True)
class Paces:
    """Seconds of a step.

    Attackers of one defense and detector take as long for a step, but for the draws of a random defense.

    Attributes:
        by_condition: seconds of a step with one draw, by defense and detector.
    """

    by_condition: dict[tuple[str, str], float] = field(default_factory=dict)

    def seconds(self, attacker: Attacker, steps: int) -> float:
        """Of some steps; 0 where none of the condition was timed."""
        return self.by_condition.get(_condition(attacker), 0.0) * attacker.draws * steps


def measured_paces(attackers: Sequence[Attacker], learner: AttackerLearner) -> Paces:
    """Takes the time of one step under each condition of attackers that have not finished.

    Args:
        attackers: all of the run, in order.
        learner: that will learn them.

    Raises:
        LsapError: if an earlier part of the run has learned one of them with other settings.
    """
    paces: dict[tuple[str, str], float] = {}
    for one in attackers:
        if not learner.is_finished(one) and _condition(one) not in paces:
            paces[_condition(one)] = _seconds_per_step(one, learner) / one.draws
    return Paces(paces)


def _condition(attacker: Attacker) -> tuple[str, str]:
    return repr(attacker.defense), repr(attacker.detector)


def _seconds_per_step(attacker: Attacker, learner: AttackerLearner) -> float:
    """Of learning, on a delta that is thrown away."""
    seconds = 0.0
    with learner.problem(attacker) as problem:
        state = State(problem.zeros())
        attacker.attack.start(problem, state)
        for _ in range(WARM_UP_STEPS + 1):
            begin = time.monotonic()
            attacker.attack.step(problem, state, 0.0)
            state.steps += 1
            seconds = time.monotonic() - begin
    return seconds
