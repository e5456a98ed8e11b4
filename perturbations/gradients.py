"""The gradient of a loss by delta, through everything that lies between delta and the network's logits."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from perturbations.budgets import LEVELS
from perturbations.cache import at_once
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
    pattern = at_the_network(delta, batch)
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
        clips = add_and_round(part.frames, pattern, part.slots)
        clips.requires_grad_()
        shown = part.through(clips)
        sight = problem.network.look(shown, *wanted)
        seen = Seen(shown, sight.logits, part, sight.features, sight.activations)
        part_losses = loss(seen)
        (by_clip,) = torch.autograd.grad(part_losses.sum(), clips)
        of_part = torch.zeros_like(pattern)  # of its own, so that parts add up as processes do, bit by bit
        add_by_slot(of_part, part, by_clip, pattern)
        by_pattern = by_pattern.add_(of_part)
        losses.append(part_losses.detach())
        logits.append(seen.logits.detach())
    clips_in_all = problem.together.total(torch.tensor(float(len(batch.frames)), device=pattern.device))
    by_delta = back_from_the_network(problem.together.total(by_pattern), batch) / clips_in_all
    return Found(by_delta, torch.cat(losses), torch.cat(logits))


def at_the_network(delta: Tensor, batch: Batch) -> Tensor:
    """Delta after its way through a video's size to the network, with a last slot of zeros: (P + 1, 3, h, w)."""
    there = _both_ways(batch.rows, delta.permute(2, 3, 0, 1), batch.columns)
    pattern = there.new_zeros(len(delta) + 1, *there.shape[:2], delta.shape[1])  # as frames lie in memory
    pattern[:-1] = there.permute(2, 0, 1, 3)
    return pattern.permute(0, 3, 1, 2)


def _both_ways(rows: Tensor, pattern: Tensor, columns: Tensor) -> Tensor:
    """The product rows @ pattern @ columns.T, for every slot and color: (h, w, P, 3) -> (rows, columns, P, 3).

    Nearly all of the matrices is zeros; where they are kept as sparse ones, that is not counted with.
    """
    slots = pattern.shape[2:]
    half = (rows @ pattern.flatten(1)).unflatten(1, pattern.shape[1:]).transpose(0, 1)
    both: Tensor = (columns @ half.flatten(1)).unflatten(1, (len(rows), *slots)).transpose(0, 1)
    return both


def add_by_slot(by_pattern: Tensor, batch: Batch, by_clips: Tensor, pattern: Tensor) -> None:
    """Adds a gradient by clips to one by the pattern in them, (P + 1, 3, h, w), where their sum was not cut.

    The sum is made anew: that takes less time than to keep it, which is as large as the batch.

    Args:
        by_pattern: changed in place.
        batch: of the clips.
        by_clips: (B, T, 3, h, w).
        pattern: (P + 1, 3, h, w).
    """
    frames, gradients, slots = _by_frame(batch.frames), _by_frame(by_clips), by_pattern.permute(0, 2, 3, 1)
    slices, numbers = pattern.permute(0, 2, 3, 1), batch.slots.flatten() % len(pattern)
    for part in at_once(gradients):
        total = slices.index_select(0, numbers[part]).add_(frames[part])
        slots.index_add_(0, numbers[part], where_not_cut(gradients[part], total))


def _by_frame(clips: Tensor) -> Tensor:
    """(B, T, 3, h, w) -> (B * T, h, w, 3), as frames lie in memory."""
    return clips.permute(0, 1, 3, 4, 2).flatten(0, 1)


def back_from_the_network(by_pattern: Tensor, batch: Batch) -> Tensor:
    """From a gradient by the pattern at the network, (P + 1, 3, h, w), to one by delta: (P, 3, h', w')."""
    back = _both_ways(batch.rows.transpose(0, 1), by_pattern[:-1].permute(2, 3, 0, 1), batch.columns.transpose(0, 1))
    return back.permute(2, 3, 0, 1).contiguous()


def add_and_round(frames: Tensor, pattern: Tensor, slots: Tensor) -> Tensor:
    """Frames + pattern, cut to [0, 1] and rounded to 8 bits, as a file and a data loader do: (B, T, 3, h, w).

    Args:
        frames: (B, T, 3, h, w) float32 in [0, 1].
        pattern: (P + 1, 3, h, w), the last slot zeros.
        slots: (B, T) int64 in [-1, P).
    """
    slices, numbers = pattern.permute(0, 2, 3, 1), slots.flatten() % len(pattern)
    plain = _by_frame(frames)
    made = torch.empty_like(plain)
    for part in at_once(plain):
        total = torch.index_select(slices, 0, numbers[part], out=made[part]).add_(plain[part])
        total.mul_(LEVELS).round_().clamp_(0, LEVELS).div_(LEVELS)
    clips: Tensor = made.unflatten(0, slots.shape).permute(0, 1, 4, 2, 3)
    return clips


def where_not_cut(by_clips: Tensor, total: Tensor) -> Tensor:
    """The gradient by a sum of frames and pattern: that by the clips where the sum is in [0, 1], and 0 elsewhere.

    The gradient passes the rounding as if it were not there.
    """
    limits = torch.finfo(torch.float32)
    # The gradient of clamp, but for 0 and 1 themselves, which are not cut. A mask of bools takes twice as long.
    inside: Tensor = torch.ops.aten.hardtanh_backward(by_clips, total, -limits.tiny, 1 + limits.eps)
    return inside
