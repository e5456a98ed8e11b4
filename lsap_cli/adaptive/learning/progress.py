"""How long all attackers of a run take: an estimate before the first step, corrected by what learning really takes."""

from collections.abc import Sequence

from lsap_cli.adaptive.learning.learner import AttackerLearner, AttackerPlace
from lsap_cli.adaptive.learning.paces import measured_paces
from lsap_cli.adaptive.planning.attackers import Attacker

TRUST_IN_PACES = 0.1  # of all that is estimated: the first attacker that is done says little of the others


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
        left = sum(self._estimates)
        prior = TRUST_IN_PACES * (left + self._estimated_so_far)
        return left * (self._spent + prior) / (self._estimated_so_far + prior) if prior else left

    def next(self, attacker: Attacker, budget: float | None = None) -> AttackerPlace:
        """The place of the next attacker, which must be the next one of the list.

        Args:
            attacker: that learns.
            budget: seconds that are left for it and all that follow; it gets its share by the estimates. None: no
                limit.
        """
        number = len(self._names) - len(self._estimates) + 1
        assert self._names[number - 1] == attacker.name
        estimate = self._estimates[0]
        after = self.seconds * (1 - estimate / sum(self._estimates)) if sum(self._estimates) else 0.0
        total = sum(self._estimates)
        limit = None if budget is None else budget * (estimate / total if total else 1.0)
        if limit is not None and budget is not None:
            after = min(after, budget - limit)
        return AttackerPlace(number, len(self._names), after, limit)

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
    paces = measured_paces(attackers, learner)
    estimates = [0.0 if learner.is_finished(one) else paces.seconds(one, one.steps) for one in attackers]
    return LearningProgress(attackers, estimates)
