"""What the attackers of a plan will take, race by race."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from lsap_cli.adaptive.learning.learner import CLIPS, AttackerLearner
from lsap_cli.adaptive.learning.paces import Paces, measured_paces
from lsap_cli.adaptive.per_video.attack import MOST_STEPS, clips_of_a_step
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.adaptive.racing.race_attackers import PlannedRace, planned_races
from lsap_cli.adaptive.racing.race_clock import estimated_seconds
from lsap_cli.adaptive.racing.rounds import most_steps
from lsap_cli.results.estimates import EstimateResults, PerVideoEstimate, RaceEstimate
from lsap_cli.results.events import StageEvent


class JudgedClips(NamedTuple):
    """The videos that are judged, and the clips of each."""

    videos: int
    clips: int


def estimate_plan(
    plan: AdaptivePlan, learner: AttackerLearner, judged: JudgedClips, fast: bool, time_budget: float | None
) -> EstimateResults:
    """Times a step under each condition, and counts what each race takes, at most where attackers race.

    Args:
        plan: which attacks.
        learner: whose steps are timed.
        judged: what rung P learns on.
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
        per_video=_per_video(plan, paces, judged),
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


def _per_video(plan: AdaptivePlan, paces: Paces, judged: JudgedClips) -> PerVideoEstimate | None:
    """Rung P: as many steps behind each defense as it may take, with clips as dear as those of the attackers."""
    bases = [ladder.base for ladder in plan.defense_ladders if ladder.has_per_video]
    if not bases:
        return None
    steps = judged.videos * MOST_STEPS
    seconds = sum(
        paces.seconds(replace(one, draws=1), steps) * clips_of_a_step(judged.clips, one.defense) / CLIPS
        for one in bases
    )
    return PerVideoEstimate(
        videos=judged.videos, defenses=len(bases), steps=steps * len(bases), seconds=round(seconds, 1)
    )
