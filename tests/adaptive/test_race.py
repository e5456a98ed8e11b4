"""Races: who goes on, why attackers stop, where they begin; resumed and repeated."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest
import torch

from lsap_cli.adaptive.learning.attacker_files import FinishedRound, LearnedWith
from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.learning.paces import Paces
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.racing.known import ZEROS, KnownPerturbations, within
from lsap_cli.adaptive.racing.race import Race, RacedAttacker
from lsap_cli.adaptive.racing.race_clock import RaceClock
from lsap_cli.adaptive.racing.rounds import improves, kept_of, most_steps, reaches_below, round_ends
from lsap_cli.adaptive.racing.verification import RaceVerification, Verified, split_for_race
from lsap_cli.errors import LsapError
from lsap_cli.learning.schedule import RoundSchedule, Schedule
from lsap_cli.runs import Run
from lsap_cli.runs.run import EVENTS_FILE
from perturbations import Budget, Perturbation, parse_binding
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch
from perturbations.objectives import Untargeted
from perturbations.samplers import Uniform
from perturbations.state import State
from tests.adaptive.worlds import BUDGET, color_classifier, gray_videos, zeros

CLIPS = 4
STEPS = 30  # rounds end at 2, 6 and 20


def attacker(name: str, **changed: object) -> Attacker:
    made = Attacker(name, Lsap(), None, BUDGET, parse_binding("cyclic:2"), STEPS)
    return replace(made, **changed)  # type: ignore[arg-type]  # fields of the class


@dataclass
class Scripted:
    """Verification videos whose outcomes are written down: clips that each attacker wins, round by round."""

    won: Mapping[str, Sequence[int]]
    videos: list[int] = field(default_factory=lambda: list(range(CLIPS)))
    pattern_size: tuple[int, int] = (8, 8)
    calls: dict[str, int] = field(default_factory=dict)

    def verify(self, one: Attacker, pattern: Perturbation) -> Verified:
        if not bool(pattern.delta.any()):
            return self._outcome(0)
        if "steps" not in pattern.record and "method" not in pattern.record:  # a known one, before anything is learned
            return self._outcome(self.won.get("known", [0])[0])
        number = self.calls.get(one.name, 0)
        self.calls[one.name] = number + 1
        rounds = self.won.get(one.name, [0])
        return self._outcome(rounds[min(number, len(rounds) - 1)])

    def _outcome(self, won: int) -> Verified:
        return Verified(tuple(number < won for number in range(CLIPS)), float(-won))


def setup() -> LearningSetup:
    return LearningSetup(color_classifier(), gray_videos(8, 1), [Uniform()], Untargeted(), 0)


class Stopped(Exception):
    """As if the process had been killed."""


class Killed(AttackerLearner):
    """A learner that is killed before it learns for the n-th time."""

    left = 10**6

    def advance(
        self, attacker: Attacker, schedule: Schedule, start: Perturbation | None, videos: Sequence[int] | None = None
    ) -> State:
        if self.left == 0:
            raise Stopped
        self.left -= 1
        return super().advance(attacker, schedule, start, videos)


def race(
    folder: Path,
    attackers: Sequence[Attacker],
    won: Mapping[str, Sequence[int]],
    *,
    budget: float | None = None,
    left_out: Sequence[Attacker] = (),
    killed_before: int | None = None,
    known: Perturbation | None = None,
    last_round_at_floor: bool = True,
) -> dict[str, RacedAttacker]:
    with Run(folder, "defend", {}, [], resume=folder.exists()) as run:
        learner = Killed(setup(), run, resume=(folder / "attackers").exists())
        if killed_before is not None:
            learner.left = killed_before
        scripted = Scripted(won)
        pool = KnownPerturbations(scripted)  # type: ignore[arg-type]  # what is asked of it
        pool.add("known", known or replace(zeros("cyclic:2"), delta=torch.full((2, 3, 8, 8), 0.001)))
        clock = RaceClock([attackers], Paces({}), budget)
        clock.next_race()
        one = Race(attackers, left_out, learner, [0, 1, 2, 3], scripted, pool, clock)  # type: ignore[arg-type]
        return {raced.attacker.name: raced for raced in one.run(last_round_at_floor)}


def stops(raced: Mapping[str, RacedAttacker]) -> dict[str, str]:
    return {name: one.effort.stopped for name, one in raced.items()}


def test_the_best_third_goes_on_and_the_best_takes_the_last_round(tmp_path: Path) -> None:
    attackers = [attacker(name) for name in "abcdef"]
    raced = race(tmp_path, attackers, {"a": [1], "b": [2, 2], "c": [0], "d": [2, 3], "e": [1], "f": [1]})
    assert stops(raced) == {
        "a": "beaten", "b": "no-improvement", "c": "beaten", "d": "last-round", "e": "beaten", "f": "beaten",
    }  # fmt: skip
    assert [raced[name].effort.steps for name in "abd"] == [2, 6, 20]
    verified = raced["d"].effort.verified
    assert verified is not None
    assert (verified.count, verified.of) == (3, CLIPS)
    assert "all fit videos" in raced["d"].effort.why


def test_the_count_of_attackers_never_falls_where_they_come_back(tmp_path: Path) -> None:
    attackers = [attacker(name) for name in "abcdef"]
    race(tmp_path, attackers, {"a": [1], "b": [2, 2], "c": [0], "d": [2, 3], "e": [1], "f": [1]})
    lines = (tmp_path / EVENTS_FILE).read_text(encoding="utf-8").splitlines()
    stages = [one for one in map(json.loads, lines) if one.get("attackers")]
    assert [one["attacker"] for one in stages] == [1, 2, 3, 4, 5, 6, 6, 6, 6]  # two come back, one to its last round
    assert {one["attackers"] for one in stages} == {6}


def test_a_later_race_counts_on_also_where_the_one_before_ended_early() -> None:
    first, second = [attacker(name) for name in "ab"], [attacker(name) for name in "cde"]
    clock = RaceClock([first, second], Paces({}), None)
    numbers: list[tuple[int, int]] = []
    for one in (first, second):
        clock.next_race()
        places = [clock.place(one[0], 2) for _ in range(2)]
        numbers += [(place.number, place.total) for place in places]
    assert numbers == [(1, 5), (1, 5), (3, 5), (3, 5)]


def test_what_follows_takes_no_longer_than_the_time_budget_leaves() -> None:
    attackers = [attacker(name) for name in "abcd"]
    clock = RaceClock(
        [attackers[:2], attackers[2:]], Paces({(repr(attackers[0].defense), repr(attackers[0].detector)): 100.0}), 60.0
    )
    assert clock.estimate > 1000
    clock.next_race()
    place = clock.place(attackers[0], 2)
    assert place.seconds is not None
    assert place.seconds_after + place.seconds <= 60
    clock.spent(attackers[0], 2, 25.0)
    place = clock.place(attackers[1], 2)
    assert place.seconds_after <= 35
    state = State(torch.zeros(1, 3, 4, 4), steps=2, seconds=9.0)
    assert RoundSchedule(100, 10.0, 5.0).seconds_left(state) == pytest.approx(6)  # one second of its own, and five


def test_who_cannot_reach_the_best_stops_and_is_not_judged(tmp_path: Path) -> None:
    attackers = [attacker(name) for name in "abcdef"]
    raced = race(tmp_path, attackers, {"a": [3, 3], "b": [0], "c": [0], "d": [0], "e": [0], "f": [0]})
    assert stops(raced)["b"] == "interval"  # it was second, but 4 of 4 left reach down to 0.51 only
    assert not raced["b"].effort.judged
    assert raced["a"].effort.judged


def test_who_may_reach_the_best_is_judged(tmp_path: Path) -> None:
    attackers = [attacker(name) for name in "abc"]
    raced = race(tmp_path, attackers, {"a": [2, 2], "b": [1], "c": [1]})
    assert stops(raced) == {"a": "last-round", "b": "beaten", "c": "beaten"}
    assert all(one.effort.judged for one in raced.values())


def test_a_race_ends_where_nothing_is_left_to_win(tmp_path: Path) -> None:
    raced = race(tmp_path, [attacker(name) for name in "abc"], {"a": [1], "b": [CLIPS], "c": [1]})
    assert stops(raced) == {"a": "floor", "b": "last-round", "c": "floor"}
    assert (raced["a"].effort.steps, raced["c"].effort.steps) == (2, 0)
    assert raced["c"].learned is None
    assert raced["b"].effort.steps == 6  # a short last round: evaluation videos may be harder


def test_nobody_races_where_a_known_perturbation_wins_all(tmp_path: Path) -> None:
    raced = race(tmp_path, [attacker(name) for name in "abc"], {"known": [CLIPS]})
    assert stops(raced) == {"a": "last-round", "b": "floor", "c": "floor"}
    assert raced["a"].effort.begins_at == "known"
    assert raced["a"].effort.steps == 4
    assert [one.learned is None for one in raced.values()] == [False, True, True]


def test_an_attacker_of_another_budget_takes_a_round_and_stops_where_it_wins_all(tmp_path: Path) -> None:
    raced = race(tmp_path, [attacker("a")], {"known": [CLIPS], "a": [CLIPS]}, last_round_at_floor=False)
    assert stops(raced) == {"a": "floor"}
    assert (raced["a"].effort.begins_at, raced["a"].effort.steps) == ("known", 2)
    assert raced["a"].learned is not None
    assert raced["a"].effort.judged


def test_attackers_begin_at_what_is_known_where_that_helps(tmp_path: Path) -> None:
    attackers = [attacker("a"), attacker("search", attack=RandomSearch(grid=2)), attacker("smooth", low_frequency=True)]
    helped = race(tmp_path / "helped", attackers, {"known": [1]})
    assert {name: one.effort.begins_at for name, one in helped.items()} == {
        "a": "known", "search": ZEROS, "smooth": ZEROS,
    }  # fmt: skip
    assert race(tmp_path / "not", attackers, {"known": [0]})["a"].effort.begins_at == ZEROS


def test_an_expectation_over_draws_begins_where_the_best_stands_after_the_others(tmp_path: Path) -> None:
    attackers = [attacker("a"), attacker("many draws", draws=2), attacker("b")]
    raced = race(tmp_path, attackers, {"a": [1], "b": [2], "many draws": [1]})
    assert list(raced)[:3] == ["a", "b", "many draws"]
    assert raced["many draws"].effort.begins_at == "b"
    assert raced["many draws"].effort.steps == 1  # half the steps, for twice the draws


def test_a_time_budget_ends_a_race_and_is_the_reason(tmp_path: Path) -> None:
    raced = race(tmp_path, [attacker(name) for name in "abc"], {"a": [1], "b": [2]}, budget=1e-6)
    assert stops(raced) == {"a": "time", "b": "time", "c": "time"}
    assert raced["a"].effort.steps == 1  # a step is taken before the clock is looked at
    assert raced["c"].learned is None


def test_an_attacker_that_does_not_race_is_told(tmp_path: Path) -> None:
    raced = race(tmp_path, [attacker("a")], {}, left_out=[attacker("twice")])
    assert raced["twice"].effort.stopped == "left-out"
    assert not raced["twice"].effort.judged
    assert "--ladder full" in raced["twice"].effort.why


def timeless(raced: Mapping[str, RacedAttacker]) -> dict[str, object]:
    def delta(one: RacedAttacker) -> object:
        return None if one.learned is None else one.learned.delta.tolist()

    return {name: (_without_seconds(one), delta(one)) for name, one in raced.items()}


def _without_seconds(one: RacedAttacker) -> object:
    effort = one.effort
    return effort.begins_at, effort.steps, effort.stopped, effort.verified, effort.judged


WON: Mapping[str, Sequence[int]] = {"a": [1], "b": [2, 3], "c": [2, 3], "many": [1], "known": [1]}


@pytest.mark.parametrize("killed_before", range(7))
def test_a_killed_race_that_is_resumed_ends_as_if_it_had_not_been(tmp_path: Path, killed_before: int) -> None:
    attackers = [attacker(name) for name in "abc"] + [attacker("many", draws=2)]
    whole = race(tmp_path / "whole", attackers, WON)
    with pytest.raises(Stopped):
        race(tmp_path / "killed", attackers, WON, killed_before=killed_before)
    resumed = resume(tmp_path / "killed", attackers)
    assert timeless(resumed) == timeless(whole)


def resume(folder: Path, attackers: Sequence[Attacker]) -> dict[str, RacedAttacker]:
    """Goes on; outcomes of a round depend on how far the attacker is, as they do with real videos."""
    done = {}
    for path in (folder / "attackers").glob("*.settings.json"):
        name = path.name.removesuffix(".settings.json").removeprefix("colors_")
        done[name] = len(msgspec.json.decode(path.read_bytes(), type=LearnedWith).rounds)
    return race(folder, attackers, {name: rounds[done.get(name, 0) :] or rounds[-1:] for name, rounds in WON.items()})


def test_the_same_race_twice_is_the_same(tmp_path: Path) -> None:
    attackers = [attacker(name) for name in "abc"]
    assert timeless(race(tmp_path / "one", attackers, WON)) == timeless(race(tmp_path / "two", attackers, WON))


# --- the rules --------------------------------------------------------------------------------------------


def test_rounds_are_parts_of_the_steps_and_cost_the_same_for_several_draws() -> None:
    assert round_ends(attacker("a", steps=300)) == (20, 60, 200)
    assert round_ends(attacker("a", steps=300, draws=8)) == (2, 8, 25)
    assert round_ends(attacker("a", steps=1)) == (1, 1, 1)
    assert [kept_of(count) for count in (0, 1, 3, 4, 9)] == [0, 1, 1, 2, 3]
    assert most_steps([attacker(name, steps=300) for name in "abcd"]) == {"a": 200, "b": 60, "c": 20, "d": 20}


def test_improvement_and_reach() -> None:
    def after(won: int, loss: float) -> FinishedRound:
        return FinishedRound(steps=1, seconds=0.0, won=tuple(number < won for number in range(24)), loss=loss)

    assert improves(after(5, 1.0), after(4, 0.0))
    assert improves(after(4, 0.9), after(4, 1.0))
    assert not improves(after(4, 0.99), after(4, 1.0))
    assert not improves(after(3, 0.0), after(4, 1.0))
    assert reaches_below(after(12, 0.0), after(18, 0.0), 8)  # half of 8 videos left: 0.22 to 0.78
    assert not reaches_below(after(0, 0.0), after(24, 0.0), 8)


def test_a_larger_budget_begins_where_a_smaller_one_ended() -> None:
    known = replace(zeros("cyclic:2"), delta=torch.full((2, 3, 8, 8), float(BUDGET.epsilon)))
    larger = Budget("linf", 2 * BUDGET.epsilon)
    assert float(within(known, larger).delta.max()) == pytest.approx(2 * float(BUDGET.epsilon))
    assert within(known, larger).budget == larger


def test_no_recording_is_learned_from_and_verified_on() -> None:
    videos = gray_videos(9, 1)
    grouped = [
        replace(one, video=replace(one.video, name=f"v_take{number // 3}_g0{number // 3}_c0{number % 3}.avi"))
        for number, one in enumerate(videos)
    ]
    made = LearningSetup(color_classifier(), grouped, [Uniform()], Untargeted(), 0)
    split = split_for_race(made)
    assert split is not None
    groups = [{grouped[number].video.group for number in part} for part in split]
    assert not groups[0] & groups[1]
    assert sorted([*split.learn, *split.verify]) == list(range(9))
    one = LearningSetup(color_classifier(), grouped[:1], [Uniform()], Untargeted(), 0)
    assert split_for_race(one) is None


def test_verification_counts_clips_that_change_their_class(tmp_path: Path) -> None:
    with Run(tmp_path, "defend", {}, []) as run:
        verification = RaceVerification(AttackerLearner(setup(), run), [6, 7])
        bright = replace(zeros("cyclic:2"), delta=torch.full((2, 3, 8, 8), float(BUDGET.epsilon)))
        assert verification.verify(attacker("a"), zeros("cyclic:2")).won == (False, False)
        found = verification.verify(attacker("a"), bright)
        assert found.won == (True, True)
        assert found.loss < 0


def test_files_of_another_race_are_refused(tmp_path: Path) -> None:
    race(tmp_path, [attacker("a")], {})
    with pytest.raises(LsapError, match="its steps was 30, that of this run is 60"):
        race(tmp_path, [attacker("a", steps=60)], {})
