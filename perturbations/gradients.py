"""The gradient of a loss by delta, through everything that lies between delta and the network's logits.

Of several networks, losses and gradients become one here (`over_networks`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from perturbations.adding import add_float
from perturbations.network import Internal
from perturbations.objectives import Aims
from perturbations.problem import Batch, Problem


class LossInput(NamedTuple):
    """What a loss is computed from: (a part of) a batch with the perturbation in it, and the network's outputs.

    Attributes:
        clips: (B, T, 3, h, w) float32 in [0, 1], perturbed.
        logits: (B, classes).
        batch: the clean clips.
        problem: of the network at hand.
        features: (B, T', D), where the loss asks for them.
        activations: of the network's layers, where the loss asks for them.
    """

    clips: Tensor
    logits: Tensor
    batch: Batch
    problem: Problem
    features: Tensor | None = None
    activations: list[Tensor] | None = None

    @property
    def aims(self) -> Aims:
        """Of each clip, in the network's own class numbers."""
        return self.problem.objective.aims(self.batch.clean_predictions)


class GradientResult(NamedTuple):
    """A gradient, and the losses and logits that were computed for it.

    Attributes:
        gradient: (P, 3, h, w), of the mean loss; with several networks, of what their losses become together.
        losses: (B,), of the first network.
        logits: (B, classes), of the first network.
        others: the results of the second network and of those after it.
    """

    gradient: Tensor
    losses: Tensor
    logits: Tensor
    others: tuple["GradientResult", ...] = ()

    @property
    def of_networks(self) -> tuple["GradientResult", ...]:
        """The losses and logits of each network; the gradient of the first one is that of all together."""
        return self._replace(others=()), *self.others


ClipLoss = Callable[[LossInput], Tensor]
"""(B,) values, one a clip, that learning lowers."""


def gradient_at(problem: Problem, batch: Batch, delta: Tensor, loss: ClipLoss, *internals: Internal) -> GradientResult:
    """The gradient of the batch's mean loss; with several networks, of what their mean losses become together.

    The clips go through the network in parts of at most `problem.micro_batch.clips`; where the memory of a GPU is too
    small for a part, the part is halved and the step goes on.

    Args:
        problem: what is attacked.
        batch: of the step.
        delta: (P, 3, h, w), where the gradient is taken.
        loss: of a network's outputs.
        internals: what the loss needs besides the logits.

    Raises:
        torch.cuda.OutOfMemoryError: if the memory is too small for one clip.
    """
    return over_networks(problem, batch, lambda one, own: _of_network(one, own, delta, loss, internals, gradient=True))


def losses_at(problem: Problem, batch: Batch, delta: Tensor, loss: ClipLoss, *internals: Internal) -> GradientResult:
    """The same without a gradient, which is zeros: for methods that have only the network's outputs."""
    with torch.no_grad():
        return over_networks(
            problem, batch, lambda one, own: _of_network(one, own, delta, loss, internals, gradient=False)
        )


def over_networks(
    problem: Problem, batch: Batch, result_of: Callable[[Problem, Batch], GradientResult]
) -> GradientResult:
    """The results of all networks, with the gradient of their combined loss.

    Args:
        problem: what is attacked.
        batch: of the step.
        result_of: of one network, from its problem and its batch.
    """
    results = [result_of(one, own) for one, own in problem.each(batch)]
    first, *others = results
    if not others:
        return first
    counted = followed_networks(problem, GradientResult(first.gradient, first.losses, first.logits, tuple(others)))
    gradient = sum((results[number].gradient for number in counted[1:]), results[counted[0]].gradient) / len(counted)
    return GradientResult(gradient, first.losses, first.logits, tuple(others))


def followed_networks(problem: Problem, result: GradientResult) -> list[int]:
    """The numbers of the networks whose losses a step lowers: all, or with `max` the one whose loss is highest."""
    if problem.combine == "mean" or not result.others:
        return list(range(len(result.of_networks)))
    losses = mean_losses(problem, result)
    return [losses.index(max(losses))]


def combined_loss(problem: Problem, result: GradientResult) -> float:
    """What the networks' mean losses become together."""
    losses = mean_losses(problem, result)
    return max(losses) if problem.combine == "max" else sum(losses) / len(losses)


def mean_losses(problem: Problem, result: GradientResult) -> list[float]:
    """Of each network, the mean over the clips of all processes."""
    sums = [[float(one.losses.sum()), float(len(one.losses))] for one in result.of_networks]
    totals = problem.group.total(torch.tensor(sums, dtype=torch.float64))
    return [loss / clips for loss, clips in totals.tolist()]


def _of_network(
    problem: Problem, batch: Batch, delta: Tensor, loss: ClipLoss, internals: Sequence[Internal], *, gradient: bool
) -> GradientResult:
    """Of one network."""
    pattern, clips = batch.path.forward(delta), len(batch.frames)
    while True:
        size = problem.micro_batch.clips
        parts = [batch.part(start, start + size) for start in range(0, clips, size)]
        try:
            if not gradient:
                losses, logits = _losses_of_parts(problem, parts, pattern, loss, internals)
                return GradientResult(torch.zeros_like(delta), losses, logits)
            return _sum_over_parts(problem, batch, parts, pattern, loss, internals)
        except torch.cuda.OutOfMemoryError:
            if not problem.micro_batch.halve(clips):
                raise
            torch.cuda.empty_cache()
            problem.warn(
                f"the GPU's memory is short: from here on {problem.micro_batch.clips} clip(s) go through the network "
                "at a time"
            )


def _losses_of_parts(
    problem: Problem, parts: list[Batch], pattern: Tensor, loss: ClipLoss, internals: Sequence[Internal]
) -> tuple[Tensor, Tensor]:
    outputs = [_outputs(problem, part, pattern, loss, internals) for part in parts]
    return torch.cat([losses for losses, _ in outputs]), torch.cat([logits for _, logits in outputs])


def _outputs(
    problem: Problem, part: Batch, pattern: Tensor, loss: ClipLoss, internals: Sequence[Internal]
) -> tuple[Tensor, Tensor]:
    """Losses (b,) and logits (b, classes) of the clips of a part."""
    clips = part.through(add_float(part.frames, pattern, part.slots, rounded=True))
    output = problem.network.outputs(clips, *internals)
    return loss(LossInput(clips, output.logits, part, problem, output.features, output.activations)), output.logits


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
        part_losses, part_logits = _outputs(problem, part, leaf, loss, internals)
        (by_leaf,) = torch.autograd.grad(part_losses.sum(), leaf)
        by_pattern = by_pattern.add_(by_leaf)
        losses.append(part_losses.detach())
        logits.append(part_logits.detach())
    all_clips = problem.group.total(torch.tensor(float(len(batch.frames)), device=pattern.device))
    by_delta = batch.path.backward(problem.group.total(by_pattern)) / all_clips
    return GradientResult(by_delta, torch.cat(losses), torch.cat(logits))
