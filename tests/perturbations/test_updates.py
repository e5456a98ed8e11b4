import math
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor

from perturbations.budgets import Budget, Norm
from perturbations.updates import (
    UPDATES,
    AcceleratedProximal,
    Adam,
    GradientDescent,
    Memory,
    Momentum,
    ProjectedGradient,
    step_size,
)

WIDE = Budget("linf", Fraction(1))
each = pytest.mark.parametrize("name", UPDATES)


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def make(name: str, **settings: Any) -> Any:
    return UPDATES[name](**settings)


def gradient_step(update: Any, budget: Budget, target: Tensor, steps: int) -> Tensor:
    """Minimizes |delta - target|^2 / 2 from zeros."""
    delta, memory = torch.zeros_like(target), Memory()
    for number in range(steps):
        gradient = update.extrapolated(delta, memory) - target
        delta = update.next(delta, gradient, memory, budget, number / steps)
        assert budget.size(delta) <= float(budget.epsilon) * (1 + 1e-6)
    return delta


def test_the_step_falls_like_half_a_cosine_or_stays() -> None:
    parts = (0, 0.25, 0.5, 0.75, 1)
    falling = [step_size(0.1, 0.5, progress) for progress in parts]
    assert falling == pytest.approx([0.05, 0.0426777, 0.025, 0.0073223, 0], abs=1e-6)
    assert [step_size(0.1, 0.5, progress, "constant") for progress in parts] == [0.05] * 5


@each
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_each_update_lowers_a_quadratic_and_keeps_the_budget(name: str, norm: Norm) -> None:
    target = 0.4 * (random(2, 3, 4, 5, seed=1) - 0.5)
    inside = gradient_step(make(name), Budget(norm, Fraction(1, 4)), target, 60)
    assert float((inside - target).square().mean()) < 0.05 * float(target.square().mean())
    outside = gradient_step(make(name), Budget(norm, Fraction(1, 20)), target, 60)
    nearest = Budget(norm, Fraction(1, 20)).project(target)
    slack = 1.25 if norm == "l2" else 1.05  # steps of one size everywhere end on the sphere, beside its nearest point
    assert float((outside - target).square().mean()) < slack * float((nearest - target).square().mean())


@each
def test_steps_are_parts_of_epsilon_so_twice_the_budget_is_twice_the_pattern(name: str) -> None:
    """On a linear loss, whose gradient is the same everywhere."""
    gradient = random(2, 3, 4, 5, seed=2) - 0.5
    learned = []
    for epsilon in (Fraction(1, 64), Fraction(1, 32)):
        update, memory, delta = make(name, first_step=0.05), Memory(), torch.zeros(2, 3, 4, 5)
        for number in range(6):
            delta = update.next(delta, gradient, memory, Budget("linf", epsilon), number / 6)
        learned.append(delta)
    assert float(learned[0].abs().max()) > 0
    torch.testing.assert_close(learned[1], 2 * learned[0])
    assert make(name, first_step=0.05).size(WIDE, 0) == 0.05


@each
def test_a_gradient_of_zeros_moves_nothing_and_breaks_nothing(name: str) -> None:
    delta, memory = torch.full((1, 3, 2, 2), 0.01), Memory()
    assert torch.equal(make(name).next(delta, torch.zeros_like(delta), memory, WIDE, 0.0), delta)
    assert all(bool(value.isfinite().all()) for value in memory.values())


@each
def test_the_input_is_not_changed_and_memory_is_all_tensors(name: str) -> None:
    delta, gradient, memory = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2), Memory()
    first = make(name).next(delta, gradient, memory, WIDE, 0.0)
    kept = first.clone()
    make(name).next(first, gradient, memory, WIDE, 0.0)
    assert not delta.any()
    assert bool((gradient == 1).all())
    assert torch.equal(first, kept)
    assert all(isinstance(value, Tensor) for value in memory.values())


def test_momentum_goes_against_the_sign_of_gradients_of_mean_size_one_added_up() -> None:
    update, delta, memory = Momentum(first_step=0.5, momentum=0.5), torch.tensor([0.0, 0.5]), Memory()
    moved = update.next(delta, torch.tensor([30.0, -10.0]), memory, Budget("linf", Fraction(4, 5)), 0.0)
    assert moved.tolist() == pytest.approx([-0.4, 0.8])  # the second is cut at epsilon
    assert memory["momentum"].tolist() == pytest.approx([1.5, -0.5])
    update.next(delta, torch.tensor([-1.0, -1.0]), memory, WIDE, 0.0)
    assert memory["momentum"].tolist() == pytest.approx([-0.25, -1.25])


def test_what_is_remembered_outweighs_one_small_gradient() -> None:
    memory = {"momentum": torch.tensor([5.0, 5.0])}
    moved = Momentum().next(torch.zeros(2), torch.tensor([-1.0, 1.0]), memory, WIDE, 0.0)
    assert bool((moved < 0).all())
    plain = ProjectedGradient().next(torch.zeros(2), torch.tensor([-1.0, 1.0]), Memory(), WIDE, 0.0)
    assert plain.tolist() == pytest.approx([0.1, -0.1])


def test_sgd_steps_along_the_gradient_at_unit_root_mean_square() -> None:
    moved = GradientDescent(momentum=0.0).next(torch.zeros(2), torch.tensor([7.0, -1.0]), Memory(), WIDE, 0.0)
    assert moved.tolist() == pytest.approx([-0.14, 0.02])  # root mean square of (7, -1) is 5


def test_apg_against_a_table_worked_out_by_hand() -> None:
    """Steps of 1 downhill on one number, gradient always 1: Z = R_k + k / (k + 3) (R_k - R_{k-1}), R_{k+1} = Z - 1."""
    update, memory = AcceleratedProximal(first_step=1 / 100, schedule="constant"), Memory()
    delta, seen = torch.zeros(1), []
    for _ in range(5):
        ahead = float(update.extrapolated(delta, memory)) * 100
        delta = update.next(delta, torch.ones(1), memory, WIDE, 0.0)
        seen.append((ahead, float(delta) * 100))
    expected = [
        (0.0, -1.0),  # k = 0
        (-1.25, -2.25),  # k = 1: -1 - 1/4
        (-2.75, -3.75),  # k = 2: -2.25 - 2/5 x 1.25
        (-4.5, -5.5),  # k = 3: -3.75 - 3/6 x 1.5
        (-6.5, -7.5),  # k = 4: -5.5 - 4/7 x 1.75
    ]
    assert seen == pytest.approx([pytest.approx(pair, abs=1e-4) for pair in expected])


def test_apg_starts_again_when_it_runs_uphill() -> None:
    update, memory = AcceleratedProximal(first_step=1 / 100, schedule="constant"), Memory()
    delta = torch.zeros(1)
    for _ in range(3):
        delta = update.next(delta, torch.ones(1), memory, WIDE, 0.0)
    assert float(memory["k"]) == 3
    before = float(delta)
    delta = update.next(delta, -torch.ones(1), memory, WIDE, 0.0)  # speed carries it down while the slope points up
    assert float(delta) == pytest.approx(before - 0.5 * 0.015 + 0.01, abs=1e-6)
    assert float(memory["k"]) == 4  # it went up in all, along the gradient: no restart
    delta = torch.tensor([-0.5])
    memory = {"k": torch.tensor(3.0), "before": torch.tensor([-0.4])}
    delta = update.next(delta, -torch.ones(1), memory, WIDE, 0.0)
    assert float(delta) == pytest.approx(-0.5 - 0.05 + 0.01, abs=1e-6)  # still downwards, and the loss rises
    assert float(memory["k"]) == 0
    assert float(update.extrapolated(delta, memory)) == float(delta)


@pytest.mark.parametrize("name", ["momentum", "apg", "pgd"])
@pytest.mark.parametrize(("norm", "expected"), [("l2", [-0.14, 0.02]), ("linf", [-0.1, 0.1])])
def test_steps_of_one_size_go_along_the_gradient_in_l2_and_along_its_sign_in_linf(
    name: str, norm: Norm, expected: list[float]
) -> None:
    update = make(name, first_step=0.1)
    moved = update.next(torch.zeros(2), torch.tensor([7.0, -1.0]), Memory(), Budget(norm, Fraction(1)), 0.0)
    assert moved.tolist() == pytest.approx(expected)


def test_adam_agrees_with_torch() -> None:
    update, memory = Adam(first_step=0.02, schedule="constant", beta1=0.8, beta2=0.95), Memory()
    ours, theirs = torch.zeros(2, 3, 4, 5), torch.zeros(2, 3, 4, 5, requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.02, betas=(0.8, 0.95), eps=0.0)
    for step in range(8):
        gradient = random(2, 3, 4, 5, seed=step) - 0.4
        theirs.grad = gradient
        optimizer.step()
        ours = update.next(ours, gradient, memory, WIDE, step / 8)
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-7)


def test_the_table_knows_the_updates_by_the_names_of_the_command_line() -> None:
    assert list(UPDATES) == ["momentum", "apg", "pgd", "sgd", "adam"]
    assert math.isclose(make("pgd", schedule="constant").size(WIDE, 0.9), 0.1)
