"""Variety for learning from few videos: clean clips are changed at random before the perturbation is added.

Without it a perturbation learned from some thirty videos over-fits: see docs/learning.md for the measurements.
All frames of a clip are changed alike, so that motion stays motion.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Augmentation:
    """Random zoom, contrast and brightness, and a mirrored view in half of the clips.

    Args:
        zoom: the smallest part of the frame's side that is cut out and enlarged, in (0, 1]; 1: no zoom.
        contrast: the contrast is multiplied by 1 - contrast to 1 + contrast/2.
        brightness: up to this is added or taken, in [0, 1].
    """

    zoom: float = 0.6
    contrast: float = 0.4
    brightness: float = 0.15

    def mirrors(self, generator: Generator) -> bool:
        """Whether the next clip is to be mirrored, which can change what it shows (left, right): the caller must know."""
        return bool(torch.rand((), generator=generator) < 0.5)

    def apply(self, clip: Tensor, generator: Generator) -> Tensor:
        """A changed copy: (T, 3, h, w) uint8 -> the same shape, float32 in [0, 1]."""
        scale, top, left, contrast, brightness = torch.rand(5, generator=generator).tolist()
        height, width = clip.shape[-2:]
        part = self.zoom + (1 - self.zoom) * scale
        rows, columns = max(1, int(height * part)), max(1, int(width * part))
        y, x = int(top * (height - rows + 1)), int(left * (width - columns + 1))
        cut = clip[..., y : y + rows, x : x + columns]
        if cut.is_cuda:  # torch resizes bytes on the CPU only
            cut = cut.float()
        if (rows, columns) != (height, width):
            cut = F.interpolate(cut, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
        factor = 1 - self.contrast + 1.5 * self.contrast * contrast
        shift = self.brightness * (2 * brightness - 1)
        return cut.float().mul_(factor / 255).add_((1 - factor) / 2 + shift).clamp_(0, 1)
