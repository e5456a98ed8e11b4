"""What many videos have in common: the evidence for a universal pattern, one video at a time, and its mean.

A universal perturbation is added to every video, so it is what is left when the residuals of many videos are
averaged: with n videos the content goes down by sqrt(n), the pattern stays. The same idea finds a camera's sensor
pattern (PRNU; Lukas, Fridrich and Goljan 2006).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, one_hot

from defenses.clip import Clip
from defenses.settings import bad_setting
from defenses.spatial import blur
from lsap_common import require_kind

BLUR_SIGMA = 2.0  # pixels: a scene's own structure above that size is taken out
LARGEST_RESIDUAL = 16 / 255  # beyond this, a residual is an edge of the scene, not a perturbation
RUN_COUNT = 8  # places of a video that are looked at


def check_period_and_side(period: int, side: int) -> None:
    """Refuse a period or a picture size that cannot be right."""
    if not 1 <= period <= 64:
        raise bad_setting("period", period, "from 1 to 64 frames")
    if not 16 <= side <= 512:
        raise bad_setting("side", side, "from 16 to 512 pixels")


def evidence_indices(video_length: int, period: int) -> Tensor:
    """The frames to look at: runs of `period` neighbors, spread over the video, each frame once: (K,) int64, sorted."""
    run = min(period, video_length)
    starts = (video_length - run) * (2 * torch.arange(RUN_COUNT) + 1) // (2 * RUN_COUNT)
    indices: Tensor = torch.unique(starts[:, None] + torch.arange(run))
    return indices


def bounded_residuals(clip: Clip, period: int, side: int) -> Tensor:
    """One video's evidence for a pattern that repeats every `period` frames: its bounded `slot_residuals`.

    Returns:
        (P, 3, side, side), within 16/255; 0 in a slot that no frame has.
    """
    return bound(slot_residuals(clip, period, side))


def slot_residuals(clip: Clip, period: int, side: int) -> Tensor:
    """What one video shows of a pattern that repeats every `period` frames.

    Each slot's mean frame, at a common size. What is the same in all slots is kept without what is smooth in space,
    because every scene has that; how slots differ is kept as it is, because a scene has no such period.

    Linear in the frames: the residuals of a video with a pattern in it are its own and those of the pattern.

    Args:
        clip: K frames, such as `evidence_indices` names; never changed. Differentiable.
        period: P, frames until the pattern repeats.
        side: pixels of the common, square size.

    Returns:
        (P, 3, side, side); 0 in a slot that no frame has.
    """
    members = one_hot(clip.indices % period, period).T.to(clip.frames)  # (P, K)
    return _residuals_of_slots(members, clip.frames, side)


def pattern_residuals(pattern: Tensor, slot_counts: Tensor, side: int) -> Tensor:
    """The residuals of a pattern alone: what it adds to those of a video that carries it.

    Args:
        pattern: (Q, 3, h, w), its slots; never changed. Differentiable.
        slot_counts: (P, Q), as `count_slots` gives.
        side: pixels of the common, square size.

    Returns:
        (P, 3, side, side).
    """
    return _residuals_of_slots(slot_counts.to(pattern), pattern, side)


def count_slots(indices: Tensor, slots: Tensor, slot_count: int, period: int) -> Tensor:
    """How often the frames of each slot that is looked for carry each slot of a pattern.

    Args:
        indices: (K,) int64, of the frames that are looked at.
        slots: (K,) int64 in [0, slot_count): the slot of the pattern that each of them carries.
        slot_count: Q, slots of the pattern.
        period: P, frames until a pattern is taken to repeat.

    Returns:
        (P, Q) float32, counts.
    """
    return one_hot(indices % period, period).T.float() @ one_hot(slots, slot_count).float()


def bound(residuals: Tensor) -> Tensor:
    """The part of residuals that is no edge of a scene: (..., 3, side, side), within 16/255."""
    return residuals.clamp(-LARGEST_RESIDUAL, LARGEST_RESIDUAL)


def _residuals_of_slots(members: Tensor, frames: Tensor, side: int) -> Tensor:
    """Differences of slots' mean frames, plus their common part less its smooth share.

    Members are (P, K), frames (K, ...).
    """
    small = interpolate(frames, (side, side), mode="bilinear", align_corners=False, antialias=True)
    counts = members.sum(1).view(-1, 1, 1, 1)
    # a product of matrices adds up in a fixed order on a GPU, too
    means = (members @ small.flatten(1)).view(len(members), 3, side, side) / counts.clamp(min=1)
    present = (counts > 0).to(small)
    common = (means * present).sum(0, keepdim=True) / present.sum()
    fine = common - blur(common, BLUR_SIGMA)
    return (fine + means - common) * present


def estimate_pattern(residuals: Sequence[Tensor]) -> Tensor:
    """The pattern that videos share: their mean residual, less where it is no larger than chance.

    pattern = m max(0, 1 - s^2 / m^2), with the mean m and its standard error s over the videos, value by value
    (the positive part of James and Stein's shrinkage): on clean videos next to nothing is left.

    Args:
        residuals: of at least two videos: (P, 3, side, side) each.
    """
    for one in residuals:
        require_kind("the evidence of a video is", one, Tensor, "give what evidence(clip) returns")
    if len(residuals) < 2:
        raise ValueError(f"{len(residuals)} videos were given to estimate a pattern from; give at least two")
    stack = torch.stack(list(residuals)).float()
    mean = stack.mean(0)
    error = stack.var(0) / len(stack)
    return mean * (1 - error / mean.square().clamp(min=1e-12)).clamp(min=0)
