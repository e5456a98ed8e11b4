"""Defenses that disturb the order of frames: shuffled, dropped, frozen, or rebuilt from their neighbors."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from defenses.base import Defense, FrameChoice, FrameDependence, GradientKind, RandomDefense
from defenses.clip import Clip, unique_indices
from defenses.kernels import weighted_mean
from defenses.pixels import each_window, part_by_part
from defenses.settings import LARGEST_WINDOW, bad_setting
from defenses.temporal import mean_in_levels, window_frames


@dataclass(frozen=True)
class TemporalShuffle(RandomDefense, FrameChoice):
    """Shuffle the frames inside of every block of `block` frames.

    Hwang, Zhang, Choi, Hsieh and Lee, Neural Networks 169, 2024: networks tolerate a local shuffle better than
    perturbations do.

    Attributes:
        block: frames that change places with each other, at least 2.
    """

    block: int = 4

    null_space: ClassVar[str] = "A pattern that is the same in every frame, or at least in every block."

    def __post_init__(self) -> None:
        if self.block < 2:
            raise bad_setting("block", self.block, "a whole number of at least 2")

    def source_indices(self, video_length: int) -> Tensor:
        keys = torch.rand(video_length, generator=self.generator(), dtype=torch.float64)
        return torch.argsort(torch.arange(video_length) // self.block + keys)  # a key never leaves its block


@dataclass(frozen=True)
class TemporalDrop(RandomDefense, FrameChoice):
    """Drop every frame with the chance `share`; those that stay are spread evenly over the video's length.

    With K frames left, y_n is that of index floor(n K / N): the video plays slower, and is as long as before.

    Attributes:
        share: chance of a frame to be dropped, above 0 and below 1. One frame always stays.
    """

    share: float = 0.25

    null_space: ClassVar[str] = "A pattern that is the same in every frame, and nearly so one that changes slowly."

    def __post_init__(self) -> None:
        check_share(self.share)

    def source_indices(self, video_length: int) -> Tensor:
        draws = torch.rand(video_length, generator=self.generator())
        kept = torch.nonzero((draws >= self.share) | (draws == draws.max()))[:, 0]
        return kept[torch.arange(video_length) * len(kept) // video_length]


@dataclass(frozen=True)
class TemporalFreeze(RandomDefense, FrameChoice):
    """Freeze the picture: every frame is replaced with the chance `share` by the frame that is shown before it.

    Attributes:
        share: chance of a frame to be replaced, above 0 and below 1. The first frame never is.
    """

    share: float = 0.25

    null_space: ClassVar[str] = "A pattern that is the same in every frame, and nearly so one that changes slowly."

    def __post_init__(self) -> None:
        check_share(self.share)

    def source_indices(self, video_length: int) -> Tensor:
        stays = torch.rand(video_length, generator=self.generator()) >= self.share
        return torch.where(stays, torch.arange(video_length), 0).cummax(0).values


def check_share(share: float) -> None:
    """Refuse a chance that leaves all frames or none."""
    if not 0 < share < 1:
        raise bad_setting("share", share, "above 0 and below 1")


@dataclass(frozen=True)
class TemporalInterpolation(Defense):
    """Rebuild every frame from its neighbors, without looking at it: y_t = (x_{t-d} + x_{t+d}) / 2.

    Beyond its ends a video goes on in a mirror (see `defenses.temporal`). Linear, so its gradient is exact.

    Attributes:
        distance: d, frames to each neighbor, at least 1.
    """

    distance: int = 1

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[FrameDependence] = "neighbors"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, or repeats after as many frames as the distance."
    )

    def __post_init__(self) -> None:
        if not 1 <= self.distance <= LARGEST_WINDOW // 2:
            raise bad_setting("distance", self.distance, f"a whole number from 1 to {LARGEST_WINDOW // 2}")

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(self._neighbors(indices, video_length))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        def means(some: Tensor) -> Tensor:
            before, after = self._neighbors(some, clip.video_length)
            return mean_in_levels(clip.frames_at(before), clip.frames_at(after), 1, 2)

        return part_by_part(clip, indices, means)

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        places = self._neighbors(indices, clip.video_length)
        return each_window(clip, places, lambda pair, out: weighted_mean(*pair, np.float32(1), np.float32(2), out))

    def _neighbors(self, indices: Tensor, video_length: int) -> Tensor:
        """(2, K) int64."""
        return window_frames(indices, video_length, 2 * self.distance + 1)[[0, -1]]
