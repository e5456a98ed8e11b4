"""Tiny seeded videos and the long way through a defense."""

import torch
from torch import Tensor

from defenses import Clip, Defense


def make_video(frame_count: int, height: int = 18, width: int = 23, seed: int = 0) -> Tensor:
    """Noise, (frame_count, 3, height, width) float32 in [0, 1], with both ends of the range in it."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(frame_count, 3, height, width, generator=generator).mul(0.4).add(0.5).clamp(0, 1)


def make_smooth_video(frame_count: int, height: int = 32, width: int = 48) -> Tensor:
    """A soft gradient that drifts, (frame_count, 3, height, width) float32 within [0.2, 0.8]."""
    time = torch.arange(frame_count).view(-1, 1, 1, 1) / 40
    color = torch.arange(3).view(1, 3, 1, 1) / 3
    across = torch.arange(height).view(1, 1, -1, 1) / height + torch.arange(width).view(1, 1, 1, -1) / width
    return 0.5 + 0.3 * torch.sin(2 * across + time + color)


def make_fine_noise(frame_count: int, height: int = 32, width: int = 48) -> Tensor:
    """Normal noise of 8/255: independent in every pixel and frame."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(frame_count, 3, height, width, generator=generator) * 8 / 255


def defend_all(defense: Defense, video: Tensor) -> Tensor:
    """The long way: the whole defended video."""
    clip = Clip.whole(video)
    return defense.defend(clip, clip.indices)
