"""How long the races of a run take: estimated before the first step, corrected by what learning takes, and limited."""

from collections.abc import Mapping, Sequence

from lsap_cli.adaptive.learning.learner import AttackerPlace
from lsap_cli.adaptive.learning.paces import Paces
from lsap_cli.adaptive.learning.progress import TRUST_IN_PACES
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.racing.rounds import most_steps


class RaceClock:
    """Counts the seconds of learning. What is left of a time budget is divided among the races that are left.

    Args:
        races: the attackers of each race, in order.
        paces: seconds of a step.
        budget: seconds that all races together may learn; None: no limit.
    """

    def __init__(self, races: Sequence[Sequence[Attacker]], paces: Paces, budget: float | None) -> None:
        self._sizes = [len(race) for race in races]
        self._begun: set[str] = set()  # in the current race
        self._paces, self._budget = paces, budget
        self._estimates = [estimated_seconds(race, paces, most_steps(race)) for race in races]
        self._race = -1
        self._left_of_race = 0.0
        self._deadline: float | None = None  # by seconds spent
        self._spent = self._estimated = 0.0

    @property
    def estimate(self) -> float:
        """Seconds that all races take at most, by the paces that were measured."""
        return sum(self._estimates)

    @property
    def over(self) -> bool:
        """Whether the current race's share of the budget is spent."""
        return self._deadline is not None and self._spent >= self._deadline

    def next_race(self) -> None:
        """The next race begins: it gets its share, by the estimates, of what is left."""
        self._race += 1
        self._left_of_race = self._estimates[self._race]
        self._begun.clear()
        if self._budget is not None:
            left, to_come = max(0.0, self._budget - self._spent), sum(self._estimates[self._race :])
            self._deadline = self._spent + (left * self._left_of_race / to_come if to_come else left)

    def place(self, attacker: Attacker, steps: int) -> AttackerPlace:
        """How many attackers have begun, with this one; the seconds that follow a round of some steps, and its limit.

        Attackers come back in later rounds: what is counted never falls. The pace of what is done corrects the
        estimates as if a share of all had gone as estimated: a first round says little of the others.
        """
        self._begun.add(attacker.name)
        own = self._paces.seconds(attacker, steps)
        prior = TRUST_IN_PACES * self.estimate
        correction = (self._spent + prior) / (self._estimated + prior) if self._estimated + prior else 1.0
        after = correction * (max(0.0, self._left_of_race - own) + sum(self._estimates[self._race + 1 :]))
        limit = None if self._deadline is None else self._deadline - self._spent
        if limit is not None and self._budget is not None:
            after = min(after, max(0.0, self._budget - self._spent - min(correction * own, limit)))
        number = sum(self._sizes[: self._race]) + len(self._begun)
        return AttackerPlace(number, sum(self._sizes), after, limit)

    def spent(self, attacker: Attacker, steps: int, seconds: float) -> None:
        """A round is done, in this process or before."""
        self._begun.add(attacker.name)
        own = self._paces.seconds(attacker, steps)
        self._left_of_race = max(0.0, self._left_of_race - own)
        self._estimated += own
        self._spent += seconds


def estimated_seconds(attackers: Sequence[Attacker], paces: Paces, steps: Mapping[str, int]) -> float:
    """Seconds of some attackers with their numbers of steps."""
    return sum(paces.seconds(one, steps[one.name]) for one in attackers)
