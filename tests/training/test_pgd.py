"""The perturbations of adversarial training, against values worked out by hand."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from lsap_cli.training.pgd import ascended, own_perturbations, with_own
from perturbations import Budget
from perturbations.bindings import NO_SLOT
from perturbations.problem import Batch
from perturbations.resizing import ResizePath

LEVEL = 1 / 255
BUDGET = Budget("linf", Fraction(8, 255))


def batch_of(clips: Tensor, labels: list[int], clean: int = 0) -> Batch:
    """A batch whose first clips get no slot."""
    slots = torch.zeros(clips.shape[:2], dtype=torch.int64)
    slots[:clean] = NO_SLOT
    identity = torch.eye(clips.shape[-1])
    return Batch(clips, slots, torch.tensor(labels), ResizePath(identity, identity))


def brightness(clips: Tensor) -> Tensor:
    """Logits of two classes: dark, bright."""
    mean = clips.mean((1, 2, 3, 4)) - 0.5
    return torch.stack([-mean, mean], 1)


def color(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1)


def test_a_universal_step_goes_along_the_sign_and_stays_in_the_budget() -> None:
    delta, gradient = color(0.0, 7.0, -8.0) * LEVEL, color(0.001, 5.0, 0.0)
    moved, _ = ascended(delta, gradient, color(9.0, -9.0, 9.0), BUDGET, 0.25, 0.0)  # a quarter of 8 levels
    torch.testing.assert_close(moved.flatten() / LEVEL, torch.tensor([2.0, 8.0, -8.0]))


def test_universal_steps_with_momentum_follow_the_accumulated_gradients() -> None:
    delta = velocity = torch.zeros(1, 3, 1, 1)
    for gradient in (color(1.0, 1.0, -1.0), color(-0.5, 2.0, 0.5)):  # each of mean size 1
        delta, velocity = ascended(delta, gradient, velocity, BUDGET, 0.25, 0.9)
    torch.testing.assert_close(velocity, color(0.9 - 0.5, 0.9 + 2.0, -0.9 + 0.5))
    torch.testing.assert_close(delta.flatten() / LEVEL, torch.tensor([4.0, 4.0, -4.0]))


def test_a_universal_step_of_l2_has_the_length_that_was_asked_for() -> None:
    budget = Budget("l2", Fraction(8, 255))
    zeros = torch.zeros(1, 3, 1, 1)
    moved, _ = ascended(zeros, color(3.0, 0.0, 0.0), zeros, budget, 0.25, 0.9)
    torch.testing.assert_close(moved.flatten() / LEVEL, torch.tensor([2.0 * 3**0.5, 0.0, 0.0]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_moves_nothing(value: float) -> None:
    delta, velocity = torch.full((1, 3, 1, 1), 3 * LEVEL), torch.ones(1, 3, 1, 1)
    kept = ascended(delta, torch.full((1, 3, 1, 1), value), velocity, BUDGET, 0.25, 0.9)
    assert torch.equal(kept[0], delta)
    assert torch.equal(kept[1], velocity)


def test_a_clips_own_perturbation_moves_it_away_from_its_label_up_to_the_budget() -> None:
    clips = torch.full((3, 2, 3, 4, 4), 0.5)
    batch = batch_of(clips, [0, 0, 1], clean=1)
    delta = own_perturbations(batch, brightness, BUDGET, 7, torch.Generator().manual_seed(0))
    assert torch.equal(delta[0], torch.zeros_like(delta[0])), "a clean clip"
    torch.testing.assert_close(delta[1], torch.full_like(delta[1], 8 * LEVEL))
    torch.testing.assert_close(delta[2], torch.full_like(delta[2], -8 * LEVEL))
    shown = with_own(batch, delta)
    torch.testing.assert_close(shown * 255, (shown * 255).round(), atol=1e-4, rtol=0)
    assert torch.equal(shown[0], (clips[0] * 255).round() / 255)


def test_the_ascent_looks_through_the_defense() -> None:
    def upper_half_only(clips: Tensor, _first: int) -> Tensor:
        return clips * torch.tensor([1.0, 1.0, 0.0, 0.0]).view(4, 1)

    batch = batch_of(torch.full((1, 2, 3, 4, 4), 0.5), [0])._replace(defend=upper_half_only)
    start = own_perturbations(batch, brightness, BUDGET, 1, torch.Generator().manual_seed(0))
    moved = own_perturbations(batch, brightness, BUDGET, 9, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved[..., :2, :], torch.full_like(moved[..., :2, :], 8 * LEVEL))
    assert torch.equal(moved[..., 2:, :], start[..., 2:, :]), "what the defense takes away has no gradient"
