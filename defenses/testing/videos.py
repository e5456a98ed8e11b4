"""Tiny seeded videos and patterns, and what passes a defense of them."""

import torch
from torch import Generator, Tensor

from defenses.base import Defense
from defenses.clip import Clip
from defenses.detectors.video import TensorVideo
from defenses.fitting import fit_defense, fittable_part


def make_noise_video(video_length: int, height: int = 18, width: int = 23, seed: int = 0) -> Tensor:
    """Noise, (video_length, 3, height, width) float32 in [0, 1], with both ends of the range in it."""
    return torch.randn(video_length, 3, height, width, generator=make_generator(seed)).mul(0.4).add(0.5).clamp(0, 1)


def make_smooth_video(video_length: int, height: int = 32, width: int = 48) -> Tensor:
    """A soft gradient that drifts, (video_length, 3, height, width) float32 within [0.2, 0.8]."""
    time = torch.arange(video_length).view(-1, 1, 1, 1) / 40
    color = torch.arange(3).view(1, 3, 1, 1) / 3
    across = torch.arange(height).view(1, 1, -1, 1) / height + torch.arange(width).view(1, 1, 1, -1) / width
    return 0.5 + 0.3 * torch.sin(2 * across + time + color)


def make_fine_noise(frame_count: int, height: int = 32, width: int = 48) -> Tensor:
    """Normal noise of 8/255: independent in every pixel and frame."""
    return torch.randn(frame_count, 3, height, width, generator=make_generator(7)) * 8 / 255


def make_smooth_flicker(frame_count: int, height: int = 32, width: int = 48) -> Tensor:
    """Half a wave of 16/255 across the frame, whose sign changes at uneven times."""
    down, across = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    wave = 16 / 255 * torch.cos(torch.pi * down) * torch.cos(torch.pi * across)
    return wave * _uneven_signs(frame_count).expand(-1, 3, 1, 1)


def make_striped_flicker(frame_count: int, axis: int, height: int = 32, width: int = 48) -> Tensor:
    """Gray stripes of single pixels and 8/255, whose sign changes at uneven times.

    Args:
        frame_count: N.
        axis: 0: each row is one color; 1: each column.
        height: of a frame.
        width: of a frame.
    """
    lengths, shape = (height, width), [1, 1, 1, 1]
    shape[2 + axis] = lengths[axis]
    stripes = 8 / 255 * (1.0 - 2 * (torch.arange(lengths[axis]) % 2)).view(shape)
    return (stripes * _uneven_signs(frame_count)).expand(-1, 3, height, width)


def surviving_share(defense: Defense, pattern: Tensor) -> float:
    """How much of a pattern is in what it changes in the defended video: a codec's own errors do not count.

    Args:
        defense: any.
        pattern: (N, 3, 32, 48), added to a smooth video.
    """
    passed = _passed(defense, pattern)
    return float((passed * pattern).sum() / pattern.square().sum())


def unchanged_share(defense: Defense, pattern: Tensor) -> float:
    """1 if the defended video differs by just the pattern; 0, or less, if by something else.

    Args:
        defense: any.
        pattern: (N, 3, 32, 48), added to a smooth video.
    """
    passed = _passed(defense, pattern)
    return 1 - float((passed - pattern).square().sum() / pattern.square().sum())


def fit_on_tiny_videos(defense: Defense) -> Defense:
    """The defense, fitted on three tiny videos that share a pattern, if it must be fitted; otherwise as it is."""
    part = fittable_part(defense)
    if part is None:
        return defense
    pattern = torch.randn(4, 3, 16, 16, generator=make_generator(11)) * 4 / 255
    evidence = []
    for seed in range(3):
        video = (make_noise_video(8, 16, 16, seed) * 0.1 + 0.4 + pattern.repeat(2, 1, 1, 1)).clamp(0, 1)
        indices = part.evidence_indices(len(video))
        evidence.append(part.evidence(Clip(video[indices], indices, len(video))))
    return fit_defense(defense, evidence)


def read_tiny(video: Tensor) -> TensorVideo:
    """A video in front of a linear classifier of 6 classes that takes the mean of 4 frames, evenly spread."""
    weights = torch.randn(video[0].numel(), 6, generator=make_generator(2)) / 4
    return TensorVideo(video, lambda frames: frames.mean(1).flatten(1) @ weights, spread_four(len(video)))


def spread_four(video_length: int) -> Tensor:
    """One clip of 4 frames, evenly spread over a video: (1, 4) int64."""
    return (torch.arange(4) * video_length // 4)[None]


def make_generator(seed: int) -> Generator:
    """A generator of this seed."""
    return Generator().manual_seed(seed)


def _uneven_signs(frame_count: int) -> Tensor:
    signs = torch.tensor([1, -1, -1, 1, 1, 1, -1, 1, -1, -1, -1, 1]).repeat(frame_count // 12 + 1)[:frame_count]
    return signs.view(-1, 1, 1, 1)


def _passed(defense: Defense, pattern: Tensor) -> Tensor:
    video = make_smooth_video(len(pattern))
    return defense(video + pattern) - defense(video)
