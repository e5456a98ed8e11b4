"""Perturbations of adversarial training: one for all videos, a step a batch, and each clip's own, by PGD."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from perturbations.adding import add_float
from perturbations.bindings import NO_SLOT
from perturbations.budgets import Budget
from perturbations.problem import Batch
from perturbations.updates import Momentum, steepest_ascent

OVERSHOOT = 2.5  # times epsilon that all steps together could go: they reach any corner from any start (Madry et al.)

MEMORY = "momentum"  # the place of the accumulated gradients in the update's memory


def ascended(
    delta: Tensor, gradient: Tensor, velocity: Tensor, budget: Budget, step: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """A universal delta after one step uphill, within the budget (Shafahi et al., AAAI 2020, algorithm 3).

    Args:
        delta: (P, 3, h, w) float32.
        gradient: of the loss, of the same shape; where it is not finite, delta stays.
        velocity: the gradients so far, accumulated as MI-FGSM does it (Dong et al., CVPR 2018, eq. 6).
        budget: the step goes along the steepest ascent in its norm.
        step: its size, as a part of epsilon.
        momentum: how much of the earlier gradients is kept, in [0, 1); algorithm 3 has none.

    Returns:
        The next delta, and the next velocity.
    """
    if not bool(gradient.isfinite().all()):  # an overflow of half precision, at which the weights stay, too
        return delta, velocity
    memory = {MEMORY: -velocity}  # updates go downhill
    moved = Momentum(step, "constant", momentum).next(delta, -gradient, memory, budget, 0.0)
    return moved, -memory[MEMORY]


def own_perturbations(
    batch: Batch, score: Callable[[Tensor], Tensor], budget: Budget, steps: int, generator: Generator
) -> Tensor:
    """Each clip's own perturbation, by projected gradient ascent on its cross-entropy (Madry et al., ICLR 2018).

    Args:
        batch: whose `clean_predictions` are the clips' labels; frames without a slot stay as they are.
        score: clips (B, T, 3, h, w) to logits (B, classes).
        budget: of each clip.
        steps: of the ascent; the first begins at a random place within the budget.
        generator: of that place.

    Returns:
        (B, S, 3, h, w) float32, to be added to the frames.
    """
    epsilon = float(budget.epsilon)
    carrying = (batch.slots != NO_SLOT)[..., None, None, None]
    start = (torch.rand(batch.frames.shape, generator=generator) * 2 - 1) * epsilon
    delta = start.to(batch.frames.device) * carrying
    for _ in range(steps):
        leaf = delta.requires_grad_()
        losses = cross_entropy(score(batch.through(with_own(batch, leaf))), batch.clean_predictions, reduction="sum")
        (gradient,) = torch.autograd.grad(losses, leaf)
        moved = [
            budget.project(one.detach() + OVERSHOOT * epsilon / steps * steepest_ascent(by_one, budget))
            for one, by_one in zip(leaf, gradient, strict=True)
        ]
        delta = torch.stack(moved) * carrying
    return delta.detach()


def with_own(batch: Batch, delta: Tensor) -> Tensor:
    """The clips of a batch with a perturbation of their own in 8-bit levels, before any defense: (B, S, 3, h, w)."""
    clips, frames = batch.frames.shape[:2]
    own = delta.flatten(0, 1)
    pattern = torch.cat([own, own.new_zeros(1, *own.shape[1:])])
    slots = torch.arange(clips * frames, device=own.device).view(clips, frames)
    return add_float(batch.frames, pattern, slots, rounded=True)
