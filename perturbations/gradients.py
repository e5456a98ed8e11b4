"""The gradient of a loss by delta, through everything that lies between delta and the network's logits."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from perturbations.adding import add_float
from perturbations.network import Internal
from perturbations.problem import Batch, Problem


class LossInput(NamedTuple):
    """What a loss is computed from: (a part of) a batch with the perturbation in it, and the network's outputs.

    Attributes:
        clips: (B, T, 3, h, w) float32 in [0, 1], perturbed.
        logits: (B, classes).
        batch: the clean clips.
        features: (B, T', D), where the loss asks for them.
        activations: of the network's layers, where the loss asks for them.
    """

    clips: Tensor
    logits: Tensor
    batch: Batch
    features: Tensor | None = None
    activations: list[Tensor] | None = None


class GradientResult(NamedTuple):
    """A gradient, and the losses and logits that were computed for it.

    Attributes:
        gradient: (P, 3, h, w), of the mean loss.
        losses: (B,).
        logits: (B, classes).
    """

    gradient: Tensor
    losses: Tensor
    logits: Tensor


ClipLoss = Callable[[LossInput], Tensor]
"""(B,) values, one a clip, that learning lowers."""


def gradient_at(problem: Problem, batch: Batch, delta: Tensor, loss: ClipLoss, *internals: Internal) -> GradientResult:
    """The gradient of the batch's mean loss.

    The clips go through the network in parts of at most `problem.micro_batch.clips`; where the memory of a GPU is too
    small for a part, the part is halved and the step goes on.

    Args:
        problem: what is attacked.
        batch: of the step.
        delta: (P, 3, h, w), where the gradient is taken.
        loss: of the network's outputs.
        internals: what the loss needs besides the logits.

    Raises:
        torch.cuda.OutOfMemoryError: if the memory is too small for one clip.
    """
    pattern, clips = batch.path.forward(delta), len(batch.frames)
    while True:
        size = problem.micro_batch.clips
        parts = [batch.part(start, start + size) for start in range(0, clips, size)]
        try:
            return _sum_over_parts(problem, batch, parts, pattern, loss, internals)
        except torch.cuda.OutOfMemoryError:
            if not problem.micro_batch.halve(clips):
                raise
            torch.cuda.empty_cache()
            problem.warn(
                f"the GPU's memory is short: from here on {problem.micro_batch.clips} clip(s) go through the network "
                "at a time"
            )


def _sum_over_parts(
    problem: Problem,
    batch: Batch,
    parts: list[Batch],
    pattern: Tensor,
    loss: ClipLoss,
    internals: Sequence[Internal],
) -> GradientResult:
    losses, logits = [], []
    by_pattern = torch.zeros_like(pattern)
    for part in parts:
        leaf = pattern.detach().requires_grad_()  # one for each part, so that parts add up as processes do, bit by bit
        clips = part.through(add_float(part.frames, leaf, part.slots, rounded=True))
        output = problem.network.outputs(clips, *internals)
        part_losses = loss(LossInput(clips, output.logits, part, output.features, output.activations))
        (by_leaf,) = torch.autograd.grad(part_losses.sum(), leaf)
        by_pattern = by_pattern.add_(by_leaf)
        losses.append(part_losses.detach())
        logits.append(output.logits.detach())
    all_clips = problem.group.total(torch.tensor(float(len(batch.frames)), device=pattern.device))
    by_delta = batch.path.backward(problem.group.total(by_pattern)) / all_clips
    return GradientResult(by_delta, torch.cat(losses), torch.cat(logits))
