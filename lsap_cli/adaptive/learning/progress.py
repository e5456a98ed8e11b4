"""How long all attackers of a run take: an estimate before the first step, corrected by what learning really takes."""

import time
from collections.abc import Sequence

from lsap_cli.adaptive.learning.learner import AttackerLearner, AttackerPlace
from lsap_cli.adaptive.planning.attackers import Attacker
from perturbations.state import State

WARM_UP_STEPS = 1  # before the step whose time is taken


class LearningProgress:
    """Counts the attackers of a run, and estimates the seconds that the others take.

    Args:
        attackers: that are to be learned, in order.
        estimates: seconds of each one, in the same order.
    """

    def __init__(self, attackers: Sequence[Attacker], estimates: Sequence[float]) -> None:
        self._names = [one.name for one in attackers]
        self._estimates = list(estimates)
        self._estimated_so_far = self._spent = 0.0

    @property
    def seconds(self) -> float:
        """The estimate for all that are left, as slow or fast as those that are done were beside their estimates."""
        correction = self._spent / self._estimated_so_far if self._estimated_so_far else 1.0
        return correction * sum(self._estimates)

    def next(self, attacker: Attacker) -> AttackerPlace:
        """The place of the next attacker, which must be the next one of the list."""
        number = len(self._names) - len(self._estimates) + 1
        assert self._names[number - 1] == attacker.name
        estimate = self._estimates[0]
        after = self.seconds * (1 - estimate / sum(self._estimates)) if sum(self._estimates) else 0.0
        return AttackerPlace(number, len(self._names), after)

    def done(self, seconds: float) -> None:
        """The next attacker has been learned, in so many seconds; 0: it was learned before."""
        estimate = self._estimates.pop(0)
        if seconds:
            self._estimated_so_far += estimate
            self._spent += seconds


def measured_progress(attackers: Sequence[Attacker], learner: AttackerLearner) -> LearningProgress:
    """Takes the time of one step under each condition, and counts the steps that are left.

    Attackers of one defense and detector take as long for a step, but for the draws of a random defense.

    Args:
        attackers: all of the run, in order.
        learner: that will learn them.
    """
    paces: dict[tuple[str, str], float] = {}
    estimates = []
    for one in attackers:
        if learner.is_finished(one):
            estimates.append(0.0)
            continue
        condition = repr(one.defense), repr(one.detector)
        if condition not in paces:
            paces[condition] = _seconds_per_step(one, learner) / one.draws
        estimates.append(paces[condition] * one.draws * one.steps)
    return LearningProgress(attackers, estimates)


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
