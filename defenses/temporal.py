"""Filters along time: every frame becomes the mean, the median or a weighted mean of a window of frames around it.

Beyond its ends a video goes on in a mirror, `1 0 | 0 1 2 3 | 3 2`, so that an end frame counts for itself at
least as much as its neighbor does; one that is shorter than the window is mirrored again and again.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from defenses.base import Defense, FrameDependence, GradientKind
from defenses.clip import Clip, check_indices, unique_indices
from defenses.median import median, shared_median
from defenses.settings import bad_setting, check_window


@dataclass(frozen=True)
class TemporalMean(Defense):
    """Mean over time: y_t = (x_{t-r} + ... + x_{t+r}) / window, with r = (window - 1) / 2.

    The plainest low-pass along time: a box filter. Linear, so its gradient is exact.

    Attributes:
        window: frames averaged, an odd number of at least 3.
    """

    window: int = 3

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[FrameDependence] = "neighbors"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and nearly so one that changes slowly against the window."
    )

    def __post_init__(self) -> None:
        check_window(self.window)

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(window_frames(indices, video_length, self.window))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        columns = window_columns(clip, indices, self.window)
        total = next(columns)
        for column in columns:  # always in the order of time: rounding must not depend on what is at hand
            total += column
        return total.div_(self.window)

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        return frame_by_frame(clip, indices, self.window, self._mean_level)

    def _mean_level(self, frames: Sequence[Tensor]) -> Tensor:
        total = frames[0].to(torch.int16 if self.window < 128 else torch.int32)  # sums of more leave 16 bits
        for frame in frames[1:]:
            total += frame
        total += self.window // 2  # an odd window has no ties: this is rounding
        levels = total.numpy()
        np.floor_divide(levels, self.window, out=levels)  # torch's takes ten times as long
        return total


@dataclass(frozen=True)
class TemporalGaussian(Defense):
    """Gaussian mean over time: y_t = sum_k h_k x_{t+k}, h_k ~ exp(-k^2 / (2 sigma^2)), |k| <= ceil(3 sigma), sum h = 1.

    A low-pass along time without the box filter's side lobes. Linear, so its gradient is exact.

    Attributes:
        sigma: in frames, above 0 and at most 20.
    """

    sigma: float = 1.0

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[FrameDependence] = "neighbors"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and nearly so one that changes slowly against sigma."
    )

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 20:
            raise bad_setting("sigma", self.sigma, "above 0 and at most 20 frames")

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(window_frames(indices, video_length, self._window()))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        columns = window_columns(clip, indices, self._window())
        weights = gaussian(self.sigma)
        total = next(columns).mul_(weights[0])
        for weight, column in zip(weights[1:], columns, strict=True):
            total += column.mul_(weight)
        with torch.no_grad():  # rounded weights can leave [0, 1]; white must keep its gradient
            return total.clamp_(0, 1)

    def _window(self) -> int:
        return len(gaussian(self.sigma))


def gaussian(sigma: float) -> list[float]:
    """Weights of a Gaussian at whole distances up to 3 sigma, which sum to 1."""
    reach = math.ceil(3 * sigma)
    heights = [math.exp(-(distance**2) / (2 * sigma**2)) for distance in range(-reach, reach + 1)]
    return [height / sum(heights) for height in heights]


@dataclass(frozen=True)
class TemporalMedian(Defense):
    """Median over time: y_t = median(x_{t-r}, ..., x_{t+r}) for every value, with r = (window - 1) / 2.

    VCR-Bench (msu-video-group/vcr-bench) has it with a window of 3, but cuts the windows at the video's ends
    to 2 frames, which are full here. The gradient is exact where no two values of a window are equal.

    Attributes:
        window: frames compared, an odd number of at least 3.
    """

    window: int = 3

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[FrameDependence] = "neighbors"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and one that holds for more than half of the window."
    )

    def __post_init__(self) -> None:
        check_window(self.window)

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(window_frames(indices, video_length, self.window))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        columns = window_columns(clip, indices, self.window)
        return shared_median(list(columns))

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        return frame_by_frame(clip, indices, self.window, median)


def mirror(indices: Tensor, video_length: int) -> Tensor:
    """Fold frame indices into [0, video_length): `... 2 1 0 | 0 1 2 | 2 1 0 | 0 1 2 | ...`."""
    folded = indices % (2 * video_length)
    return torch.minimum(folded, 2 * video_length - 1 - folded)


def window_frames(indices: Tensor, video_length: int, window: int) -> Tensor:
    """Number the frames around each of `indices` (K,), in the order of time: (window, K) int64."""
    check_indices(indices, video_length)
    offsets = torch.arange(window, device=indices.device) - window // 2
    return mirror(indices + offsets[:, None], video_length)


def window_columns(clip: Clip, indices: Tensor, window: int) -> Iterator[Tensor]:
    """Yield, for each place in the window, a fresh (K, 3, H, W) copy of the frames that stand there."""
    for column in window_frames(indices, clip.video_length, window):
        yield clip.frames_at(column)


def frame_by_frame(clip: Clip, indices: Tensor, window: int, combine: Callable[[Sequence[Tensor]], Tensor]) -> Tensor:
    """Combines the 8-bit frames of each window, one window after the other, which stays in the processor's cache.

    Args:
        clip: of uint8 frames, which are not copied.
        indices: (K,) int64, the middles of the windows.
        window: frames of one.
        combine: `window` frames (3, H, W) uint8 in the order of time -> one of any integer type, in [0, 255].

    Returns:
        (K, 3, H, W) uint8, with the colors of a pixel side by side in memory.
    """
    places = window_frames(indices, clip.video_length, window)
    rows = clip.rows_of(places)
    colors, height, width = clip.frames.shape[1:]
    made = torch.empty(len(indices), height, width, colors, dtype=torch.uint8).permute(0, 3, 1, 2)
    for place, column in enumerate(rows.T.tolist()):
        made[place] = combine([clip.frames[row] for row in column])
    return made
