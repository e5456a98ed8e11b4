"""Filters along time: every frame becomes the mean, the median or a weighted mean of a window of frames around it.

Beyond its ends a video goes on in a mirror, `1 0 | 0 1 2 3 | 3 2`, so that an end frame counts for itself at
least as much as its neighbor does; one that is shorter than the window is mirrored again and again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from defenses.base import Defense, FrameDependence, GradientKind
from defenses.clip import Clip, check_indices, unique_indices
from defenses.kernels import mean_of_few, median_of_three, weighted_sum, weighted_sum_of_few
from defenses.median import median, shared_median
from defenses.pixels import Pixels, each_window, frames_of, part_by_part, pixels_of
from defenses.settings import bad_setting, check_window

FEW_FRAMES = 15  # of a window, for which a loop of their own is compiled


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
        return part_by_part(clip, indices, partial(self._means, clip))

    def _means(self, clip: Clip, indices: Tensor) -> Tensor:
        columns = window_columns(clip, indices, self.window)
        total = next(columns)
        for column in columns:  # always in the order of time: rounding must not depend on what is at hand
            total += column
        return total.div_(self.window)

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        places = window_frames(indices, clip.video_length, self.window)
        if self.window <= FEW_FRAMES:
            return each_window(clip, places, mean_of_few)
        return weighted_windows(clip, places, np.ones(self.window, np.float32), 1 / self.window)


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
    level_tolerance: ClassVar[float] = 1e-5
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and nearly so one that changes slowly against sigma."
    )

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 20:
            raise bad_setting("sigma", self.sigma, "above 0 and at most 20 frames")

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(window_frames(indices, video_length, self._window()))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        return part_by_part(clip, indices, partial(self._means, clip))

    def _means(self, clip: Clip, indices: Tensor) -> Tensor:
        columns = window_columns(clip, indices, self._window())
        weights = gaussian(self.sigma)
        total = next(columns).mul_(weights[0])
        for weight, column in zip(weights[1:], columns, strict=True):
            total += column.mul_(weight)
        with torch.no_grad():  # rounded weights can leave [0, 1]; white must keep its gradient
            return total.clamp_(0, 1)

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        weights = np.array(gaussian(self.sigma), np.float32)
        places = window_frames(indices, clip.video_length, len(weights))
        if len(weights) > FEW_FRAMES:
            return weighted_windows(clip, places, weights, 1.0)
        return each_window(clip, places, lambda frames, out: weighted_sum_of_few(frames, weights, out))

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
    whole_levels: ClassVar[bool] = True
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and one that holds for more than half of the window."
    )

    def __post_init__(self) -> None:
        check_window(self.window)

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(window_frames(indices, video_length, self.window))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        return part_by_part(clip, indices, lambda some: shared_median(list(window_columns(clip, some, self.window))))

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        places = window_frames(indices, clip.video_length, self.window)
        return each_window(clip, places, median_of_three_frames if self.window == 3 else median_of_frames)


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


def mean_in_levels(first: Tensor, second: Tensor, share: Tensor | int, of: int) -> Tensor:
    """((of - share) first + share second) / of, in [0, 1] as they are; the second is changed.

    The sum is made in levels of 0..255, in which it is whole for 8-bit frames. So a value between two levels stands
    exactly there, and rounding half to even is unbiased: in units of [0, 1] float noise would decide, upwards mostly.
    """
    total = (first * 255).mul_(of - share).add_(second.mul_(255).mul_(share))
    return total.div_(of).div_(255)


def weighted_windows(clip: Clip, places: Tensor, weights: NDArray[np.float32], scale: float) -> Tensor:
    """Weighted sums of many 8-bit frames, times a scale: (W, K) places and (W,) weights -> (K, 3, H, W) uint8."""
    pictures = pixels_of(clip.frames)
    made = np.empty((places.shape[1], *pictures.shape[1:]), np.uint8)
    flat = pictures.reshape(len(pictures), math.prod(pictures.shape[1:]))
    for out, rows in zip(made, clip.rows_of(places).T.contiguous().numpy(), strict=True):
        weighted_sum(flat, rows, weights, np.float32(scale), out.reshape(-1))
    return frames_of(made)


def median_of_three_frames(frames: tuple[Pixels, ...], out: Pixels) -> None:
    """Median of three 8-bit frames, value by value."""
    first, second, third = frames
    median_of_three(first, second, third, out)


def median_of_frames(frames: tuple[Pixels, ...], out: Pixels) -> None:
    """Median of an odd number of 8-bit frames, value by value."""
    out[:] = median([torch.from_numpy(frame) for frame in frames]).numpy()
