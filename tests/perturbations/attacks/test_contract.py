"""What every method promises: one contract, for all names in the table."""

import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
from torch import Tensor

from perturbations.attacks import ATTACKS, Attack
from perturbations.bindings import parse_binding
from perturbations.budgets import Norm
from perturbations.controls import noise_like
from perturbations.objectives import Targeted
from perturbations.perturbation import Perturbation
from perturbations.problem import Batch, Problem
from perturbations.state import State, Step
from tests.perturbations.worlds import activations_of, features_of, make_problem, perturbed, run, same, success_rate

STEPS = 12
SETTINGS: dict[str, dict[str, Any]] = {
    "dup": {"form": "2d", "rate": 0.01},
    "u3d": {"swarm": 4},
    "gd-uap": {"rate": 0.3},
    "sparse": {"slots": 12},
}
BINDINGS = {"append": "append:3"}  # of the six frames of a clip
SLOW = {"random-search": 600}  # steps to the goal, of a method that gets there by trial
NO_L2 = {"append"}  # it shows whole frames
BOTH_NORMS = [(name, norm) for name in ATTACKS for norm in ("linf", "l2") if norm == "linf" or name not in NO_L2]
each = pytest.mark.parametrize("name", ATTACKS)


def make(name: str) -> Attack:
    return ATTACKS[name](**SETTINGS.get(name, {}))


def problem_for(name: str, norm: Norm = "linf", **changes: Any) -> Problem:
    binding = BINDINGS.get(name, make(name).binding)
    return make_problem(binding, norm, 255 if name == "append" else 24, **changes)


def start(problem: Problem) -> State:
    return State(problem.zeros())


@cache
def learned(name: str, norm: Norm = "linf") -> tuple[State, list[Step]]:
    """A whole run; several tests look at it, none changes it."""
    problem = problem_for(name, norm)
    state = start(problem)
    return state, run(problem, make(name), state, STEPS, STEPS)


@pytest.mark.parametrize(("name", "norm"), BOTH_NORMS)
def test_delta_stays_within_the_budget_after_every_step_and_uses_it(name: str, norm: Norm) -> None:
    problem = problem_for(name, norm)
    state, sizes = start(problem), []
    for until in range(1, 6):
        run(problem, make(name), state, until, STEPS)
        sizes.append(problem.budget.size(state.delta))
        assert (state.delta.shape, state.delta.dtype) == (problem.shape, torch.float32)
    assert 0.1 * problem.epsilon < max(sizes) <= problem.epsilon * (1 + 1e-5)


@each
def test_the_same_seed_gives_the_same_bits_whatever_the_global_seed(name: str) -> None:
    state, steps = learned(name)
    problem = problem_for(name)
    again = start(problem)
    torch.manual_seed(123)
    assert run(problem, make(name), again, STEPS, STEPS) == steps
    assert same(again, state)


@each
def test_a_run_that_was_stopped_and_resumed_ends_with_the_bits_of_one_that_was_not(name: str, tmp_path: Path) -> None:
    whole, steps = learned(name)
    part = start(problem_for(name))
    first = run(problem_for(name), make(name), part, 5, STEPS)
    assert all(isinstance(value, Tensor) for value in part.memory.values())
    part.save(tmp_path / "state.safetensors")
    resumed = State.load(tmp_path / "state.safetensors")
    assert first + run(problem_for(name), make(name), resumed, STEPS, STEPS) == steps
    assert same(resumed, whole)


@each
def test_reports_are_finite_and_count_the_clips(name: str) -> None:
    for number, step in enumerate(learned(name)[1], start=1):
        assert step.number == number
        assert math.isfinite(step.loss)
        assert math.isfinite(step.gradient_size)
        assert 0 <= step.step_size <= 1
        assert 0 <= step.fooled <= step.clips == (0 if name == "gd-uap" else 5)


@each
def test_a_step_changes_neither_the_batch_nor_the_delta_that_it_was_given(name: str) -> None:
    problem = problem_for(name)
    batch = problem.draw(0)
    kept = [value.clone() for value in tensors_of(batch)]
    state = start(problem)
    make(name).start(problem, state)
    given, copy = state.delta, state.delta.clone()
    make(name).step(dataclasses.replace(problem, draw=lambda _: batch), state, 0.0)
    assert torch.equal(given, copy)
    assert not torch.equal(state.delta, copy) or name == "dup"  # dup starts with a pattern, not with zeros
    assert all(torch.equal(before, after) for before, after in zip(kept, tensors_of(batch), strict=True))


def tensors_of(batch: Batch) -> list[Tensor]:
    return [batch.frames, batch.slots, batch.clean_predictions, *batch.path]


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
    state, _ = learned(name)
    if name in SLOW:
        state = start(problem)
        run(problem, make(name), state, SLOW[name], SLOW[name])
    noises = [
        noise_like(Perturbation(problem.zeros(), problem.binding, problem.budget), seed).delta for seed in range(3)
    ]
    reached = goal(problem, state.delta)
    assert reached > 1.3 * goal(problem, problem.zeros())
    assert reached > max(goal(problem, noise) for noise in noises)


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in GOALS])
def test_a_target_is_reached_more_often_than_without_the_pattern(name: str) -> None:
    problem = problem_for(name, objective=Targeted(2))
    state = start(problem)
    run(problem, make(name), state, STEPS, STEPS)
    assert success_rate(problem, state.delta) > success_rate(problem, problem.zeros())


@each
def test_the_attack_looks_through_the_defense_where_the_batch_has_one(name: str) -> None:
    """The defense drops every second frame that the batch shows, so the network sees half as many."""

    def thinned(step: int) -> Batch:
        return problem.draw(step)._replace(defend=lambda clips, _: clips[:, ::2])

    problem = problem_for(name)
    through, without = start(problem), start(problem)
    seen = run(dataclasses.replace(problem, draw=thinned), make(name), through, 2, STEPS)
    run(problem, make(name), without, 2, STEPS)
    assert all(math.isfinite(step.loss) for step in seen)
    blind = ("u3d", "random-search")  # one of two particles, or the same proposals, can be the best for both
    assert not torch.equal(through.delta, without.delta) or name in blind


def numbers_of(name: str) -> list[str]:
    return [field for field, kind in get_type_hints(ATTACKS[name]).items() if kind is float]


@pytest.mark.parametrize(("name", "field"), [(name, field) for name in ATTACKS for field in numbers_of(name)])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_number_that_no_method_can_work_with_is_refused_by_name(name: str, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{field} is {value}"):
        ATTACKS[name](**{field: value})


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("lsap", {"update": "newton"}, "update is newton; use one of momentum, apg, pgd, sgd, adam"),
        ("lsap", {"coherence": "more"}, "coherence is more; use keep, break or off"),
        ("lsap", {"together": 1.5}, "together is 1.5; use a number from 0 to 1"),
        ("lsap", {"temperature": 0.0}, "temperature is 0.0; use a number above 0"),
        ("flicker", {"edge": 0.0}, "edge is 0.0; use a number above 0"),
        ("dup", {"form": "4d"}, "form is 4d; use 3d, 2d or circular"),
        ("u3d", {"swarm": 1}, "swarm is 1; use a number from 2"),
        ("uap", {"candidates": 0}, "candidates is 0"),
        ("uap", {"iterations": 0}, "iterations 0; use numbers from 1"),
    ],
)
def test_settings_that_do_not_exist_are_refused_with_what_would_work(
    name: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        ATTACKS[name](**settings)


@dataclasses.dataclass(frozen=True)
class Two:
    """Two processes, as far as `start` can see."""

    processes: int = 2

    def total(self, value: Tensor) -> Tensor:
        return 2 * value


@pytest.mark.parametrize(
    ("name", "binding", "levels", "said"),
    [
        ("append", "cyclic:4", 255, "append needs the binding append:K, such as append:16, not cyclic:4"),
        ("append", "append:3", 8, "use --norm linf --epsilon 1"),
        ("dup", "cyclic:4", 8, "dup in the form 2d needs the binding constant, not cyclic:4"),
        ("sparse", "cyclic:3", 8, "sparse is to touch 12 slots, but the binding cyclic:3 has 3"),
    ],
)
def test_a_problem_that_a_method_cannot_work_on_is_refused(name: str, binding: str, levels: int, said: str) -> None:
    problem = make_problem(binding, levels=levels)
    with pytest.raises(ValueError, match=said):
        make(name).start(problem, start(problem))


@pytest.mark.parametrize("name", ["uap", "u3d"])
def test_methods_that_go_one_after_the_other_refuse_several_processes(name: str) -> None:
    problem = problem_for(name, group=Two())
    with pytest.raises(ValueError, match="processes; use one"):
        make(name).start(problem, start(problem))


@each
def test_the_binding_that_a_method_takes_by_itself_is_one_it_can_work_with(name: str) -> None:
    binding = make(name).binding
    problem = make_problem(binding, levels=255 if name == "append" else 8)
    make(name).start(problem, start(problem))
    assert str(parse_binding(binding)) == binding
    assert problem.budget.epsilon in (1, Fraction(8, 255))


@each
def test_a_method_says_where_it_is_from(name: str) -> None:
    assert any(mark in ATTACKS[name].source for mark in ("19", "20", "LSAP"))
