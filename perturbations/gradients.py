"""The gradient of a loss by delta, through everything that lies between delta and the network's logits."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from perturbations.adding import add_float
from perturbations.problem import Batch, Inside, Problem


class Seen(NamedTuple):
    """What the network makes of (a part of) a batch with the perturbation in it."""

    clips: Tensor  # (B, T, 3, h, w) float32 in [0, 1]
    logits: Tensor  # (B, classes)
    batch: Batch
    features: Tensor | None = None  # (B, T', D), where the loss wants them
    activations: list[Tensor] | None = None  # of the network's layers, likewise


class Found(NamedTuple):
    """A gradient, and what was seen on the way."""

    gradient: Tensor  # (P, 3, h, w), of the mean loss
    losses: Tensor  # (B,)
    logits: Tensor  # (B, classes)


Loss = Callable[[Seen], Tensor]
"""(B,) numbers, one a clip, which learning makes small."""


def gradient_at(problem: Problem, batch: Batch, delta: Tensor, loss: Loss, *wanted: Inside) -> Found:
    """The gradient of the batch's mean loss.

    The network sees the clips in parts of at most `problem.part` clips; where the memory of a GPU does not suffice,
    the part is halved and the step goes on.

    Args:
        problem: what is attacked.
        batch: of the step.
        delta: (P, 3, h, w), where the gradient is wanted.
        loss: of what is seen.
        wanted: what the loss looks at beside the logits.
    """
    pattern = batch.path.forward(delta)
    while True:
        size = problem.part[0]
        parts = [batch.part(start, start + size) for start in range(0, len(batch.frames), size)]
        try:
            return _through(problem, batch, parts, pattern, loss, wanted)
        except torch.cuda.OutOfMemoryError:
            if problem.part[0] == 1:
                raise
            problem.part[0] = -(-min(problem.part[0], len(batch.frames)) // 2)
            torch.cuda.empty_cache()
            problem.say(
                f"the GPU's memory is short: from here on {problem.part[0]} clip(s) go through the network at a time"
            )


def _through(
    problem: Problem, batch: Batch, parts: list[Batch], pattern: Tensor, loss: Loss, wanted: Sequence[Inside]
) -> Found:
    losses, logits = [], []
    by_pattern = torch.zeros_like(pattern)
    for part in parts:
        leaf = pattern.detach().requires_grad_()  # of its own, so that parts add up as processes do, bit by bit
        shown = part.through(add_float(part.frames, leaf, part.slots, rounded=True))
        sight = problem.network.look(shown, *wanted)
        seen = Seen(shown, sight.logits, part, sight.features, sight.activations)
        part_losses = loss(seen)
        (by_leaf,) = torch.autograd.grad(part_losses.sum(), leaf)
        by_pattern = by_pattern.add_(by_leaf)
        losses.append(part_losses.detach())
        logits.append(seen.logits.detach())
    clips_in_all = problem.together.total(torch.tensor(float(len(batch.frames)), device=pattern.device))
    by_delta = batch.path.backward(problem.together.total(by_pattern)) / clips_in_all
    return Found(by_delta, torch.cat(losses), torch.cat(logits))
