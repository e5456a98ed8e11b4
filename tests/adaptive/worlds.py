"""A world for attackers of detectors: a detector measures red, a classifier takes bright videos for class 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from defenses.base import GradientKind
from defenses.detectors import Detector, DetectorVideo
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from perturbations import Budget, Perturbation, parse_binding

BUDGET = Budget("linf", Fraction(16, 255))


class RedAndGreen(nn.Module):
    """Class 1 where 3 red + 2 green is above a border that clean videos do not reach."""

    def forward(self, clips: Tensor) -> Tensor:
        red, green, _ = clips.mean((1, 3, 4)).unbind(1)
        logit = 100 * (3 * (red - 0.5) + 2 * (green - 0.5) - 0.06)
        return torch.stack([torch.zeros_like(logit), logit], 1)


@dataclass(frozen=True)
class Redness(Detector):
    """How red the video is."""

    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = "Whatever is not red."

    def evidence(self, video: DetectorVideo) -> Tensor:
        return video.read(torch.arange(video.video_length)).frames[:, 0].mean()

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        return evidence


@dataclass(frozen=True)
class RednessWithoutGradient(Redness):
    """The same score, without a gradient."""

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        return evidence.detach()


def color_classifier() -> Classifier:
    return Classifier(RedAndGreen(), "colors", ["plain", "bright"], InputFormat("BTCHW", 4, (8, 8)))


def gray_videos(count: int, seed: int) -> list[StoredVideo]:
    """Noise around the middle gray, each video a recording of its own."""
    return [
        StoredVideo(
            Video(Path(f"{seed}-{number}.mkv"), f"{seed}-{number}.mkv"),
            torch.randint(108, 148, (9, 8, 8, 3), generator=torch.Generator().manual_seed(100 * seed + number)).byte(),
            torch.arange(9) * 40,
            (16, 16),
        )
        for number in range(count)
    ]


def zeros(binding: str) -> Perturbation:
    """A perturbation that changes nothing."""
    parsed = parse_binding(binding)
    return Perturbation(torch.zeros(parsed.period, 3, 8, 8), parsed, BUDGET)
