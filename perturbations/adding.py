"""Adding a perturbation to frames: one float form and one 8-bit form, which every caller uses.

float   frames in [0, 1], differentiable: learning, detectors, notebooks
8-bit   frames in 0..255 and delta in whole levels: judging and writing

Both take delta at the frames' size (`perturbations.resizing`), add each frame's slot of it, and cut the sum to the
range of pixels. For delta in whole levels the float form, rounded, gives the bytes of the 8-bit form.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from perturbations.bindings import NO_SLOT
from perturbations.budgets import LEVELS
from perturbations.cache import cache_sized_parts


def add_float(frames: Tensor, pattern: Tensor, slots: Tensor, *, rounded: bool = False) -> Tensor:
    """Frames plus the slots of a pattern, cut to [0, 1]. Differentiable by frames and pattern.

    The gradient is zero where the sum is cut, and passes the rounding as if it were not there.

    Args:
        frames: (..., 3, h, w) float in [0, 1].
        pattern: (P + 1, 3, h, w), delta at the frames' size; the last slot holds zeros (`with_empty_slot`).
        slots: (...) int64 in [-1, P); -1 is the last slot.
        rounded: whether the sum is rounded to 8-bit levels, as a file and a data loader do.

    Returns:
        The shape of the frames, float in [0, 1].
    """
    perturbed: Tensor = _Add.apply(frames, pattern, slots, rounded)
    return perturbed


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, frames: Tensor, pattern: Tensor, slots: Tensor, rounded: bool) -> Tensor:
        ctx.save_for_backward(frames, pattern, slots)
        plain, slices, indices = _by_pixel(frames), pattern.permute(0, 2, 3, 1), slots.flatten() % len(pattern)
        made = torch.empty_like(plain)
        for part in cache_sized_parts(plain):
            total = torch.index_select(slices, 0, indices[part], out=made[part]).add_(plain[part])
            if rounded:
                total.mul_(LEVELS).round_().clamp_(0, LEVELS).div_(LEVELS)
            else:
                total.clamp_(0, 1)
        perturbed: Tensor = made.unflatten(0, slots.shape).movedim(-1, -3)
        return perturbed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        frames, pattern, slots = ctx.saved_tensors
        by_frames = by_pattern = None
        if ctx.needs_input_grad[0]:
            by_frames = where_not_cut(gradients[0], frames + pattern[slots % len(pattern)])
        if ctx.needs_input_grad[1]:
            by_pattern = gradient_by_pattern(gradients[0], frames, pattern, slots)
        return by_frames, by_pattern, None, None


def gradient_by_pattern(by_sum: Tensor, frames: Tensor, pattern: Tensor, slots: Tensor) -> Tensor:
    """From the gradient by perturbed frames, (..., 3, h, w), to that by the pattern in them, (P + 1, 3, h, w).

    The sum is made again, which takes less time than keeping it. Arguments are those of `add_float`.
    """
    plain, gradients, indices = _by_pixel(frames), _by_pixel(by_sum), slots.flatten() % len(pattern)
    slices, by_pattern = pattern.permute(0, 2, 3, 1), torch.zeros_like(pattern)
    by_slice = by_pattern.permute(0, 2, 3, 1)
    for part in cache_sized_parts(gradients):
        total = slices.index_select(0, indices[part]).add_(plain[part])
        by_slice.index_add_(0, indices[part], where_not_cut(gradients[part], total))
    return by_pattern


def where_not_cut(by_sum: Tensor, total: Tensor) -> Tensor:
    """The gradient by the sum before clipping to [0, 1]: that by the clipped sum in range, 0 elsewhere."""
    limits = torch.finfo(torch.float32)
    # The gradient of clamp, but for 0 and 1 themselves, which are not cut. A mask of bools takes twice as long.
    inside: Tensor = torch.ops.aten.hardtanh_backward(by_sum, total, -limits.tiny, 1 + limits.eps)
    return inside


def _by_pixel(frames: Tensor) -> Tensor:
    """(..., 3, h, w) -> (N, h, w, 3), as decoded frames lie in memory."""
    return frames.movedim(-3, -1).flatten(0, -4)


class SlotLevels(NamedTuple):
    """One slot in whole levels, split so that 8-bit arithmetic suffices.

    x + d cut to 0..255 is x cut to [max(0, -d), 255 - max(0, d)], plus d; that sum never leaves 0..255.
    """

    low: Tensor  # (3, H, W) uint8
    high: Tensor  # (3, H, W) uint8
    shift: Tensor  # (3, H, W) uint8, d modulo 256

    @classmethod
    def of(cls, levels: Tensor) -> "SlotLevels":
        """From d, (3, H, W) int16 in [-255, 255]; channels last in memory, as in decoded frames."""
        d = levels.permute(1, 2, 0).contiguous()
        split = ((-d).clamp(min=0), LEVELS - d.clamp(min=0), d & LEVELS)
        return cls(*(one.to(torch.uint8).permute(2, 0, 1) for one in split))

    @property
    def nbytes(self) -> int:
        """Memory that the slot takes, in bytes."""
        return 3 * self.low.numel()


def add_levels(frame: Tensor, slot: SlotLevels) -> Tensor:
    """An 8-bit frame plus a slot, cut to 0..255: (3, H, W) uint8 -> a new tensor of the same shape."""
    return frame.clamp(slot.low, slot.high).add_(slot.shift)


def add_bytes(frames: Tensor, slots: Tensor, slot_levels: Callable[[int], SlotLevels]) -> Tensor:
    """8-bit frames plus the slots of a pattern: (T, 3, H, W) uint8 -> a copy of the same shape.

    Args:
        frames: (T, 3, H, W) uint8.
        slots: (T,) int64; NO_SLOT leaves a frame as it is.
        slot_levels: the levels of one slot at the frames' size.
    """
    perturbed = frames.clone()
    for frame, slot in zip(perturbed, slots.tolist(), strict=True):  # frame by frame, which stays in the cache
        if slot != NO_SLOT:
            frame.copy_(add_levels(frame, slot_levels(slot)))
    return perturbed


def round_to_levels(frames: Tensor) -> Tensor:
    """Float frames in [0, 1] of any shape at their nearest 8-bit levels; the gradient is the identity's."""
    rounded = (frames.detach() * LEVELS).round() / LEVELS
    return rounded + (frames - frames.detach()) if frames.requires_grad else rounded


def to_bytes(frames: Tensor) -> Tensor:
    """Float frames in [0, 1] as 8-bit ones, any shape, rounded as `round_to_levels` does: uint8."""
    return (frames * LEVELS).round_().to(torch.int16).to(torch.uint8)  # straight to uint8 takes torch twice as long
