"""Variety for learning from few videos: clean clips are changed at random before the perturbation is added.

Without it a perturbation learned from some thirty videos over-fits: see docs/learning.md for the measurements.
All frames of a clip are changed alike, so that motion stays motion.
"""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from perturbations.cache import cache_sized_parts


@dataclass(frozen=True, eq=False)  # tensors have no single truth value
class Change:
    """The augmentation of one batch: one window and one mirror for all clips, a contrast and brightness for each.

    Attributes:
        part: side of the window, as a part of the frame's.
        top: where it is, in [0, 1) of the way that it can move.
        left: likewise.
        mirrored: left and right are exchanged; the clean predictions of a mirrored clip can differ.
        factors: (B,) contrast around mid-gray.
        shifts: (B,) brightness, in [-1, 1] pixel units.
    """

    part: float
    top: float
    left: float
    mirrored: bool
    factors: Tensor
    shifts: Tensor

    def apply(self, clips: Tensor) -> Tensor:
        """A changed copy: (B, T, 3, h, w) uint8 -> the same shape, float32 in [0, 1]."""
        height, width = clips.shape[-2:]
        rows, columns = max(1, int(height * self.part)), max(1, int(width * self.part))
        y, x = int(self.top * (height - rows + 1)), int(self.left * (width - columns + 1))
        cut = clips.flatten(0, 1)[..., y : y + rows, x : x + columns]
        if self.mirrored:
            cut = cut.flip(-1)
        if cut.is_cuda:  # torch resizes bytes on the CPU only
            cut = cut.float()
        if (rows, columns) != (height, width):
            cut = F.interpolate(cut, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
        frames = clips.shape[1]
        factors, shifts = (
            one.to(clips.device).repeat_interleave(frames)[:, None, None, None] for one in (self.factors, self.shifts)
        )
        changed = torch.empty_like(cut, dtype=torch.float32)
        for some in cache_sized_parts(cut):
            one = changed[some].copy_(cut[some]).mul_(factors[some] / 255)
            one.add_((1 - factors[some]) / 2 + shifts[some]).clamp_(0, 1)
        return changed.view(clips.shape)

    def part_of(self, clips: slice) -> "Change":
        """The same for some of the clips."""
        return replace(self, factors=self.factors[clips], shifts=self.shifts[clips])


@dataclass(frozen=True)
class Augmentation:
    """Random zoom, contrast and brightness, and a mirrored view in half of the batches.

    Args:
        zoom: the smallest part of the frame's side that is cut out and enlarged, in (0, 1]; 1: no zoom.
        contrast: the contrast is multiplied by 1 - contrast to 1 + contrast/2.
        brightness: up to this is added or taken, in [0, 1].
        mirror: the chance of a mirrored view, in [0, 1].
    """

    zoom: float = 0.6
    contrast: float = 0.4
    brightness: float = 0.15
    mirror: float = 0.5

    def draw(self, clips: int, generator: Generator) -> Change:
        """The change of one batch of this many clips."""
        scale, top, left, mirror = torch.rand(4, generator=generator).tolist()
        contrast, brightness = torch.rand(2, clips, generator=generator)
        return Change(
            self.zoom + (1 - self.zoom) * scale,
            top,
            left,
            mirror < self.mirror,
            1 - self.contrast + 1.5 * self.contrast * contrast,
            self.brightness * (2 * brightness - 1),
        )
