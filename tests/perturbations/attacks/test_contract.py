"""What every method promises: one contract, for all names in the table."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from perturbations.attacks import ATTACKS, Attack
from perturbations.attacks.base import check_settings, objective_loss, report
from perturbations.budgets import Budget
from perturbations.controls import noise_like
from perturbations.gradients import gradient_at
from perturbations.learn import learn
from perturbations.objectives import Targeted
from perturbations.perturbation import Perturbation
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.testing import ATTACK_CHECKS, BUDGETS, check_attack, usable_budgets
from tests.perturbations.worlds import activations_of, features_of, make_problem, perturbed, run, success_rate

STEPS = 12
SETTINGS: dict[str, dict[str, Any]] = {
    "dup": {"form": "2d", "rate": 0.01},
    "u3d": {"swarm": 4},
    "gd-uap": {"rate": 0.3},
    "sparse": {"slots": 12},
}
BINDINGS = {"append": "append:3"}  # of the six frames of a clip
SLOW = {"random-search": 600}  # steps to the goal, of a method that gets there by trial
each = pytest.mark.parametrize("name", ATTACKS)


def make(name: str) -> Attack:
    return ATTACKS[name](**SETTINGS.get(name, {}))


def problem_for(name: str, **changes: Any) -> Problem:
    binding = BINDINGS.get(name, make(name).binding)
    return make_problem(binding, levels=255 if name == "append" else 24, **changes)


def start(problem: Problem) -> State:
    return State(problem.zeros())


@cache
def learned(name: str) -> Tensor:
    """Delta of a whole run; several tests look at it, none changes it."""
    problem = problem_for(name)
    state, steps = start(problem), SLOW.get(name, STEPS)
    run(problem, make(name), state, steps, steps)
    return state.delta


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
@each
def test_every_attack_keeps_what_all_attacks_promise(name: str, check: Callable[[Attack], None]) -> None:
    check(ATTACKS[name]())


@each
def test_only_the_attack_that_shows_whole_frames_refuses_a_small_or_l2_budget(name: str) -> None:
    whole_range = Budget("linf", Fraction(1))
    assert usable_budgets(ATTACKS[name]()) == ([whole_range] if name == "append" else list(BUDGETS))


def features_moved(problem: Problem, delta: Tensor) -> float:
    """Mean distance of frame features from where they were, on batches of their own."""
    moved = []
    for step in range(1000, 1004):
        batch = problem.draw(step)
        with torch.no_grad():
            changed, clean = (features_of(problem.network, clips) for clips in (perturbed(batch, delta), batch.frames))
        moved.append((changed - clean).norm(dim=2).mean())
    return float(torch.stack(moved).mean())


def layer_response(problem: Problem, delta: Tensor) -> float:
    """What the network's layer makes of the pattern on gray."""
    batch = problem.draw(1000)
    gray = batch._replace(frames=torch.full_like(batch.frames, 0.5))
    return float(activations_of(problem.network, perturbed(gray, delta))[0].norm())


GOALS: dict[str, Callable[[Problem, Tensor], float]] = {
    "btc": features_moved,
    "u3d": features_moved,
    "gd-uap": layer_response,
}


@each
def test_the_goal_is_reached_on_other_clips_and_better_than_by_noise_of_the_same_size(name: str) -> None:
    problem, goal = problem_for(name), GOALS.get(name, success_rate)
    noises = [
        noise_like(Perturbation(problem.zeros(), problem.binding, problem.budget), seed).delta for seed in range(3)
    ]
    reached = goal(problem, learned(name))
    assert reached > 1.3 * goal(problem, problem.zeros())
    assert reached > max(goal(problem, noise) for noise in noises)


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in GOALS])
def test_a_target_is_reached_more_often_than_without_the_pattern(name: str) -> None:
    problem = problem_for(name, objective=Targeted(2))
    state = start(problem)
    run(problem, make(name), state, STEPS, STEPS)
    assert success_rate(problem, state.delta) > success_rate(problem, problem.zeros())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lsap", {"update": "newton"}, "update is newton; use one of momentum, apg, pgd, sgd, adam"),
        ("lsap", {"coherence": "more"}, "coherence is more; use keep, break or off"),
        ("lsap", {"shared_class": 1.5}, "shared_class is 1.5; use a number from 0 to 1"),
        ("lsap", {"temperature": 0.0}, "temperature is 0.0; use a number above 0"),
        ("flicker", {"edge": 0.0}, "edge is 0.0; use a number above 0"),
        ("dup", {"form": "4d"}, "form is 4d; use 3d, 2d or circular"),
        ("u3d", {"swarm": 1}, "swarm is 1; use a number from 2"),
        ("uap", {"candidates": 0}, "candidates is 0"),
        ("uap", {"iterations": 0}, "iterations 0; use numbers from 1"),
    ],
)
def test_settings_that_do_not_exist_are_refused_with_what_would_work(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ATTACKS[name](**settings)


@dataclasses.dataclass(frozen=True)
class Two:
    """Two processes, as far as `start` can see."""

    processes: int = 2

    def total(self, value: Tensor) -> Tensor:
        return 2 * value


@pytest.mark.parametrize(
    ("name", "binding", "levels", "message"),
    [
        ("append", "cyclic:4", 255, "append needs the binding append:K, such as append:16, not cyclic:4"),
        ("append", "append:3", 8, "use --norm linf --epsilon 1"),
        ("dup", "cyclic:4", 8, "dup in the form 2d needs the binding constant, not cyclic:4"),
        ("sparse", "cyclic:3", 8, "sparse is to touch 12 slots, but the binding cyclic:3 has 3"),
    ],
)
def test_a_problem_that_a_method_cannot_work_on_is_refused(name: str, binding: str, levels: int, message: str) -> None:
    problem = make_problem(binding, levels=levels)
    with pytest.raises(ValueError, match=message):
        next(learn(problem, make(name), start(problem), lambda _: 0.0))


@pytest.mark.parametrize("name", ["uap", "u3d"])
def test_methods_that_go_one_after_the_other_refuse_several_processes(name: str) -> None:
    problem = problem_for(name, group=Two())
    with pytest.raises(ValueError, match="processes; use one"):
        make(name).start(problem, start(problem))


@each
def test_a_method_says_where_it_is_from(name: str) -> None:
    assert any(mark in ATTACKS[name].source for mark in ("19", "20", "LSAP"))


@dataclasses.dataclass(frozen=True)
class Careless(Attack):
    """An attack that breaks one promise, by name."""

    source: ClassVar[str] = "a test, 2026"
    breaks: str = ""
    rate: float = 0.5

    def __post_init__(self) -> None:
        if self.breaks != "check_interface":
            check_settings(self, above_zero=("rate",))

    def step(self, problem: Problem, state: State, done: float) -> Step:
        batch = problem.draw(state.steps)
        if self.breaks == "check_defended":
            problem.network.score(batch.frames)
        if self.breaks == "check_input_unchanged":
            state.delta.add_(0.01)
        result = gradient_at(problem, batch, state.delta, objective_loss())
        seen = int(getattr(self, "steps_of_this_object", 0))
        object.__setattr__(self, "steps_of_this_object", seen + 1)
        size = problem.epsilon * {"check_budget": 2.0}.get(self.breaks, 0.5)
        sign = -1.0 if self.breaks == "check_resuming" and seen % 3 == 1 else 1.0
        noise = torch.rand(()) if self.breaks == "check_same_seed" else torch.ones(())
        state.delta = -sign * noise * size * result.gradient.sign()
        step = report(problem, state, batch, result)
        return step._replace(number=0) if self.breaks == "check_reports" else step


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
def test_each_check_finds_an_attack_that_breaks_its_promise(check: Callable[[Attack], None]) -> None:
    check(Careless())
    with pytest.raises(AssertionError, match=r"\w+ \w+"):
        check(Careless(breaks=check.__name__))


def test_an_attack_that_keeps_all_promises_passes() -> None:
    check_attack(Careless())
