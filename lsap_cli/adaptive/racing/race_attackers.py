"""`--ladder fast`: the ladders of a plan race one after the other; what one has learned, the next may begin at."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks, measured_before, noises, say_total
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.learning.paces import measured_paces
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.adaptive.racing.known import KnownPerturbations
from lsap_cli.adaptive.racing.race import Race
from lsap_cli.adaptive.racing.race_clock import RaceClock
from lsap_cli.adaptive.racing.rounds import most_steps
from lsap_cli.adaptive.racing.verification import RaceVerification, RaceVideos
from lsap_cli.results.events import StageEvent
from lsap_cli.results.ladders import AttackerEffort
from perturbations import Perturbation

GIVEN = "the given perturbation"


@dataclass(frozen=True)
class PlannedRace:
    """Attackers that race against each other.

    Attributes:
        about: the defense, the detector, or the name of the only attacker.
        attackers: the base first.
        left_out: attackers of the ladder that do not race.
        last_round_at_floor: as for `Race.run`.
    """

    about: str
    attackers: tuple[Attacker, ...]
    left_out: tuple[Attacker, ...] = ()
    last_round_at_floor: bool = True


def planned_races(plan: AdaptivePlan) -> list[PlannedRace]:
    """One race a ladder, and one for each other budget, rising, so that each can begin where another ended."""
    races = []
    for ladder in plan.defense_ladders:
        left_out = tuple(one.attacker for one in ladder.rungs if one.role == "doubled" and one.attacker)
        others = [one for one in ladder.attackers if one not in left_out and one.name != ladder.base.name]
        races.append(PlannedRace(ladder.spec, (ladder.base, *others), left_out))
    races += [PlannedRace(ladder.name, tuple(ladder.attackers)) for ladder in plan.with_detectors]
    of_curve = [one for one in plan.curve_attacks if isinstance(one, Attacker)]
    return races + [PlannedRace(one.name, (one,), last_round_at_floor=False) for one in of_curve]


def race_attackers(
    plan: AdaptivePlan,
    given: Perturbation,
    learner: AttackerLearner,
    videos: RaceVideos,
    time_budget: float | None = None,
) -> LearnedAttacks:
    """Lets the attackers of each ladder race.

    Args:
        plan: which attacks, in which order.
        given: whose budget and binding attackers have; some begin at it.
        learner: that learns.
        videos: that are learned from and verified on.
        time_budget: seconds that all attackers together may learn; None: no limit. With one, what is learned depends on
            the machine.

    Raises:
        LsapError: if an attacker cannot learn, or files of an earlier part of the run were made with other settings.
    """
    thresholds, probes = measured_before(plan, learner)
    races = planned_races(plan)
    clock = make_clock(races, learner, time_budget)
    verification = RaceVerification(learner, videos.verify)
    known = KnownPerturbations(verification)
    known.add(GIVEN, given)
    # What is learned against the bare model is on rung A0 of every other ladder, too.
    everywhere = plan.undefended_base.name if plan.undefended_base is not None else ""
    perturbations: dict[str, Perturbation] = {}
    efforts: dict[str, AttackerEffort] = {}
    for one in races:
        clock.next_race()
        race = Race(one.attackers, one.left_out, learner, videos.learn, verification, known, clock)
        for attacker, effort, learned in race.run(one.last_round_at_floor):
            judged = learned is not None and (effort.judged or attacker.name == everywhere)
            efforts[attacker.name] = replace(effort, judged=judged)
            if learned is not None and judged:
                perturbations[attacker.name] = learned
    return LearnedAttacks(
        perturbations | noises(plan, given, learner.setup.seed), probes, thresholds, efforts, ladder="fast"
    )


def make_clock(races: Sequence[PlannedRace], learner: AttackerLearner, time_budget: float | None) -> RaceClock:
    """The clock of some races; the run says how long they take at most."""
    attackers = [attacker for race in races for attacker in race.attackers]
    learner.run.event(StageEvent(name="measuring how long a step takes", attackers=len(attackers)))
    clock = RaceClock([race.attackers for race in races], measured_paces(attackers, learner), time_budget)
    steps = sum(sum(most_steps(race.attackers).values()) for race in races)
    say_total(learner.run, len(attackers), steps, clock.estimate, at_most=True)
    return clock
