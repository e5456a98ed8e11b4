"""One race: the attackers of a ladder, round by round, until one is left that learns to the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace as replaced

from lsap_cli.adaptive.learning.attacker_files import FinishedRound, LearnedWith
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.racing.known import ZEROS, KnownPerturbations
from lsap_cli.adaptive.racing.race_clock import RaceClock
from lsap_cli.adaptive.racing.rounds import (
    LATER_BEGIN,
    by_cost,
    can_start,
    improves,
    is_floor,
    kept_of,
    reaches_below,
    round_ends,
    round_strength,
)
from lsap_cli.adaptive.racing.verification import RaceVerification
from lsap_cli.learning.schedule import RoundSchedule
from lsap_cli.results.events import StageEvent
from lsap_cli.results.ladders import WHY_STOPPED, AttackerEffort, StopReason
from lsap_cli.results.rates import rate
from perturbations import Perturbation
from perturbations.state import State

BEST_DELTA = "race.best"  # in a state's memory: what the best of the rounds ended with


class RacedAttacker(NamedTuple):
    """What became of one attacker of a race.

    Attributes:
        attacker: which.
        effort: what it spent, and why it stopped.
        learned: its perturbation; None where it did not begin.
    """

    attacker: Attacker
    effort: AttackerEffort
    learned: Perturbation | None


@dataclass
class _Runner:
    """An attacker in a race. Mutable: it collects rounds."""

    attacker: Attacker
    begins_at: str = ZEROS
    rounds: list[FinishedRound] = field(default_factory=list)
    stopped: StopReason | None = None

    @property
    def best(self) -> FinishedRound | None:
        """The round after which it was strongest; None: it did not begin."""
        verified = [one for one in self.rounds if one.won]
        return max(verified, key=round_strength) if verified else None


class Race:
    """The attackers of one ladder, against each other.

    Args:
        attackers: of the ladder, at least one, the base first.
        left_out: attackers of the ladder that do not race.
        learner: that learns.
        videos: numbers of the fit videos that rounds before the last learn from.
        verification: that decides.
        known: perturbations that attackers may begin at.
        clock: that ends the race where there is a time budget.
    """

    def __init__(
        self,
        attackers: Sequence[Attacker],
        left_out: Sequence[Attacker],
        learner: AttackerLearner,
        videos: Sequence[int],
        verification: RaceVerification,
        known: KnownPerturbations,
        clock: RaceClock,
    ) -> None:
        self._runners = [_Runner(one) for one in by_cost(attackers)]
        self._base = next(one for one in self._runners if one.attacker is attackers[0])
        self._left_out = left_out
        self._learner, self._videos, self._verification = learner, videos, verification
        self._known, self._clock = known, clock
        self._states: dict[str, State] = {}

    def run(self, last_round_at_floor: bool = True) -> list[RacedAttacker]:
        """Runs the race; what an earlier part of the run has done of it is taken from the run folder.

        Args:
            last_round_at_floor: whether the best attacker takes a short last round where nothing is left to win on
                the verification videos: the evaluation videos may be harder.

        Raises:
            LsapError: if an attacker cannot learn.
        """
        for runner in self._runners:
            self._begin(runner.attacker)
        leader = self._race(may_rest=last_round_at_floor)
        at_floor = leader.best is None or is_floor(leader.best)
        if not self._clock.over and (last_round_at_floor or not at_floor):
            self._last_round(leader, short=at_floor)
        elif leader.stopped is None:
            leader.stopped = "time" if self._clock.over else "floor"
        raced = [self._finished(runner, runner is leader) for runner in self._runners]
        best = next(one for one in raced if one.attacker is leader.attacker)
        if best.learned is not None and can_start(best.attacker):
            self._known.add(best.attacker.name, best.learned)
        return raced + [RacedAttacker(one, _effort(ZEROS, "left-out", judged=False), None) for one in self._left_out]

    def _begin(self, attacker: Attacker) -> None:
        """Compares the attacker's settings; rounds of which no perturbation is left are run again."""
        files = self._learner.files
        files.begin(attacker)
        progress = files.progress(attacker)
        if progress.rounds and not any(files.path(attacker, ending).exists() for ending in (".state", ".safetensors")):
            files.note(attacker, LearnedWith(settings=progress.settings))

    def _race(self, may_rest: bool) -> _Runner:
        """The first two rounds; the leader.

        Args:
            may_rest: whether there are no such rounds where a known perturbation wins all; the last round follows then.
        """
        begins_at, _, before = self._known.start(self._base.attacker)
        if may_rest and begins_at != ZEROS and is_floor(before):
            self._stop(self._others(self._base), "floor")
            self._base.begins_at = begins_at
            return self._base
        for runner in self._runners:
            if self._ended(runner):
                return self._leader()
            self._round(runner, 0)
        order = sorted(self._runners, key=_runner_strength, reverse=True)
        going_on = order[: kept_of(len(order))]
        self._stop(order[len(going_on) :], "beaten")
        best = order[0].best
        assert best is not None
        for runner in going_on[1:]:
            assert runner.best is not None
            if not reaches_below(runner.best, best, len(self._verification.videos)):
                runner.stopped = "interval"
        for runner in going_on:
            if runner.stopped is None:
                if self._ended(runner):
                    return self._leader()
                self._round(runner, 1)
        leader = self._leader()
        self._stop(self._others(leader), "beaten")
        return leader

    def _ended(self, runner: _Runner) -> bool:
        """Whether the race is over before an attacker's round; the reason is noted of all that still run."""
        best = self._leader().best
        at_floor = best is not None and is_floor(best)
        if not at_floor and not self._clock.over:
            return False
        self._stop(self._others(self._leader()), "floor" if at_floor else "time")
        return True

    def _leader(self) -> _Runner:
        return max(self._runners, key=_runner_strength)  # ties: the first, which is the cheapest

    def _others(self, leader: _Runner) -> list[_Runner]:
        return [one for one in self._runners if one is not leader]

    @staticmethod
    def _stop(runners: Sequence[_Runner], reason: StopReason) -> None:
        for one in runners:
            one.stopped = one.stopped or reason

    def _round(self, runner: _Runner, number: int) -> None:
        """One of the first two rounds of an attacker: learns on the race's videos, and is verified."""
        attacker, ends = runner.attacker, round_ends(runner.attacker)
        progress = self._learner.files.progress(attacker)
        if len(progress.rounds) > number:  # of an earlier part of the run
            runner.rounds = list(progress.rounds[: number + 1])
            runner.begins_at = progress.begins_at or ZEROS
            self._count_restored(runner)
        else:
            self._learn_round(runner, number, ends[number])
        if number and not improves(runner.rounds[-1], runner.rounds[-2]):
            runner.stopped = "no-improvement"

    def _learn_round(self, runner: _Runner, number: int, end: int) -> None:
        attacker = runner.attacker
        start = self._start(runner) if not runner.rounds else None
        before = runner.rounds[-1].steps if runner.rounds else 0
        begin = 0.0 if not runner.rounds and runner.begins_at == ZEROS else LATER_BEGIN
        state = self._advance(runner, f"round {number + 1}", end, begin, start)
        verified = self._verification.verify(attacker, self._learner.perturbation(attacker, state))
        done = FinishedRound(steps=state.steps, seconds=round(state.seconds, 2), won=verified.won, loss=verified.loss)
        if BEST_DELTA not in state.memory or (
            runner.best is not None and round_strength(done) > round_strength(runner.best)
        ):
            state.memory[BEST_DELTA] = state.delta.clone()
            state.save(self._learner.files.path(attacker, ".state"))
        assert before <= done.steps
        self._note(runner, done)

    def _start(self, runner: _Runner) -> Perturbation | None:
        """Where an attacker's learning begins; an expectation over draws begins where the best so far stands."""
        attacker = runner.attacker
        if attacker.start is not None:
            runner.begins_at = "the given perturbation"
            return attacker.start
        leader = self._leader()
        if attacker.draws > self._base.attacker.draws and leader.best is not None and _continues(leader, attacker):
            runner.begins_at = leader.attacker.name
            finished = self._learner.files.finished(leader.attacker)
            return finished or self._learner.perturbation(leader.attacker, self._state(leader))
        runner.begins_at, perturbation, _ = self._known.start(attacker)
        return None if runner.begins_at == ZEROS else perturbation

    def _last_round(self, leader: _Runner, short: bool) -> None:
        """All fit videos: those that the race was decided on, too, since nothing is chosen after it."""
        progress = self._learner.files.progress(leader.attacker)
        done = progress.rounds[len(leader.rounds) :]
        if done:
            leader.rounds.append(done[0])
            leader.begins_at = progress.begins_at or ZEROS
            self._count_restored(leader)
        else:
            ends = round_ends(leader.attacker)
            before = leader.rounds[-1].steps if leader.rounds else 0
            end = min(ends.last, before + max(1, ends.second - ends.first)) if short else ends.last
            start = self._start(leader) if not leader.rounds else None
            state = self._advance(leader, "last round", end, LATER_BEGIN, start, all_videos=True)
            self._note(leader, FinishedRound(steps=state.steps, seconds=round(state.seconds, 2)))
        leader.stopped = "last-round"

    def _advance(
        self, runner: _Runner, what: str, end: int, begin: float, start: Perturbation | None, all_videos: bool = False
    ) -> State:
        attacker = runner.attacker
        before = runner.rounds[-1] if runner.rounds else FinishedRound(steps=0, seconds=0.0)
        place = self._clock.place(attacker, end - before.steps)
        name = f"{what}, attacker {place.number} of {place.total}: {attacker.name}"
        self._learner.run.event(
            StageEvent(name=name, steps=end, seconds=None, attacker=place.number, attackers=place.total)
        )
        schedule = RoundSchedule(
            end, place.seconds, place.seconds_after, first=before.steps, begin=begin, seconds_before=before.seconds
        )
        state = self._learner.advance(attacker, schedule, start, None if all_videos else self._videos)
        self._states[attacker.name] = state
        self._clock.spent(attacker, end - before.steps, state.seconds - before.seconds)
        return state

    def _count_restored(self, runner: _Runner) -> None:
        """The clock counts a round of an earlier part of the run, too."""
        last = runner.rounds[-1]
        before = runner.rounds[-2] if len(runner.rounds) > 1 else FinishedRound(steps=0, seconds=0.0)
        self._clock.spent(runner.attacker, last.steps - before.steps, last.seconds - before.seconds)

    def _note(self, runner: _Runner, done: FinishedRound) -> None:
        runner.rounds.append(done)
        files = self._learner.files
        rounds = tuple(runner.rounds)
        files.note(
            runner.attacker, replaced(files.progress(runner.attacker), begins_at=runner.begins_at, rounds=rounds)
        )

    def _state(self, runner: _Runner) -> State:
        """The state that an attacker's last round ended with."""
        name = runner.attacker.name
        if name not in self._states:
            with self._learner.problem(runner.attacker, self._videos) as problem:
                self._states[name] = self._learner.saved_state(runner.attacker, problem.shape)
        return self._states[name]

    def _finished(self, runner: _Runner, led: bool) -> RacedAttacker:
        """Writes what an attacker has learned, and says what became of it."""
        attacker, files = runner.attacker, self._learner.files
        assert runner.stopped is not None
        learned: Perturbation | None = None
        if runner.rounds:
            learned = files.finished(attacker)
            if learned is None:
                state = self._state(runner)
                if runner.stopped != "last-round" and BEST_DELTA in state.memory:
                    state.delta = state.memory[BEST_DELTA]
                learned = self._learner.finish(attacker, state)
        last = runner.rounds[-1] if runner.rounds else FinishedRound(steps=0, seconds=0.0)
        effort = _effort(runner.begins_at, runner.stopped, judged=self._is_judged(runner, led))
        verified = None if runner.best is None else rate(list(runner.best.won))
        return RacedAttacker(
            attacker, replaced(effort, steps=last.steps, seconds=last.seconds, verified=verified), learned
        )

    def _is_judged(self, runner: _Runner, led: bool) -> bool:
        """Whether it can lower the minimum: it led, took the second round, or its interval reaches the best."""
        if led or len(runner.rounds) > 1:
            return bool(runner.rounds)
        best = self._leader().best
        if runner.best is None or best is None:
            return False
        return reaches_below(runner.best, best, len(self._verification.videos))


def _runner_strength(runner: _Runner) -> tuple[int, float]:
    return (-1, 0.0) if runner.best is None else round_strength(runner.best)


def _continues(leader: _Runner, attacker: Attacker) -> bool:
    """Whether an attacker can begin where the leader stands."""
    return can_start(leader.attacker) and can_start(attacker) and leader.attacker.binding == attacker.binding


def _effort(begins_at: str, stopped: StopReason, judged: bool) -> AttackerEffort:
    return AttackerEffort(begins_at=begins_at, stopped=stopped, why=WHY_STOPPED[stopped], judged=judged)
