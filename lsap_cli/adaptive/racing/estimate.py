"""What the attackers of a plan will take, race by race."""

from collections.abc import Sequence

from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.learning.paces import Paces, measured_paces
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.adaptive.racing.race_attackers import PlannedRace, planned_races
from lsap_cli.adaptive.racing.race_clock import estimated_seconds
from lsap_cli.adaptive.racing.rounds import most_steps
from lsap_cli.results.estimates import EstimateResults, RaceEstimate
from lsap_cli.results.events import StageEvent


def estimate_plan(
    plan: AdaptivePlan, learner: AttackerLearner, fast: bool, time_budget: float | None
) -> EstimateResults:
    """Times a step under each condition, and counts what each race takes, at most where attackers race.

    Args:
        plan: which attacks.
        learner: whose steps are timed.
        fast: whether attackers race.
        time_budget: seconds that the attackers may learn together; None: no limit.
    """
    learner.run.event(StageEvent(name="measuring how long a step takes", attackers=len(plan.attackers)))
    paces = measured_paces(plan.attackers, learner)
    races = tuple(_estimate(one, paces, fast) for one in planned_races(plan))
    return EstimateResults(
        ladder="fast" if fast else "full",
        at_most=fast,
        races=races,
        attackers=sum(one.attackers for one in races),
        steps=sum(one.steps for one in races),
        seconds=round(sum(one.seconds for one in races), 1),
        time_budget=time_budget,
    )


def _estimate(race: PlannedRace, paces: Paces, fast: bool) -> RaceEstimate:
    attackers: Sequence[Attacker] = race.attackers if fast else (*race.attackers, *race.left_out)
    steps = most_steps(attackers) if fast else {one.name: one.steps for one in attackers}
    return RaceEstimate(
        about=race.about,
        attackers=len(attackers),
        steps=sum(steps.values()),
        seconds=round(estimated_seconds(attackers, paces, steps), 1),
    )
