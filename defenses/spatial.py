"""Filters inside of each frame: fewer levels, medians, Gaussians, bilateral filters, total variation.

Beyond its borders a frame goes on with its border pixels.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from defenses.base import GradientKind, PictureDefense
from defenses.gradients import straight_through
from defenses.kernels import bilateral, blur_rows_and_columns, long_blur_rows_and_columns, total_variation
from defenses.median import shared_median
from defenses.pixels import Pixels, opencv
from defenses.settings import bad_setting, check_window
from defenses.temporal import gaussian

LEVEL_TOLERANCE = 2e-5  # of filters that add up floats: the order of their sums is not that of the float path
LARGEST_OPENCV_MEDIAN = 255  # pixels a side: it counts a window's pixels in 16 bits
FEW_PIXELS = 9  # of half a blur, for which a loop of its own is compiled


@dataclass(frozen=True)
class BitDepth(PictureDefense):
    """Fewer levels: y = round(x (2^bits - 1)) / (2^bits - 1). Xu, Evans and Qi, NDSS 2018.

    A staircase has no useful gradient, so the gradient is that of the identity.

    Attributes:
        bits: of each channel, 1 to 7.
    """

    bits: int = 4

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "straight-through"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern of whole steps of 1 / (2^bits - 1); on average over a textured frame any pattern passes."
    )

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 7:
            raise bad_setting("bits", self.bits, "a whole number from 1 to 7")

    def defend_frames(self, frames: Tensor) -> Tensor:
        steps = 2**self.bits - 1
        return straight_through((frames.detach() * steps).round_().div_(steps), frames)

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        opencv().LUT(picture, level_table(self), dst=out)


@cache
def level_table(defense: BitDepth) -> Pixels:
    """What a defense of single values makes of each level: (256,)."""
    return (defense.defend_frames(torch.arange(256) / 255) * 255).round_().to(torch.uint8).numpy()


@dataclass(frozen=True)
class SpatialMedian(PictureDefense):
    """Median of a square window around each pixel, channel by channel. A squeezer of Xu et al., NDSS 2018.

    The gradient is exact where no two values of a window are equal.

    Attributes:
        window: pixels a side, an odd number of at least 3.
    """

    window: int = 3

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    whole_levels: ClassVar[bool] = True
    null_space: ClassVar[str] = "A pattern that is the same all over the frame, and nearly so one that is smooth."

    def __post_init__(self) -> None:
        check_window(self.window)

    def defend_frames(self, frames: Tensor) -> Tensor:
        return shared_median([shifted.contiguous() for shifted, _ in shifts(frames, self.window)])

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        if self.window <= LARGEST_OPENCV_MEDIAN:
            opencv().medianBlur(picture, self.window, dst=out)
        else:
            from scipy.ndimage import median_filter  # slower to import than OpenCV, and hardly ever needed

            median_filter(picture, size=(self.window, self.window, 1), mode="nearest", output=out)


@dataclass(frozen=True)
class SpatialGaussian(PictureDefense):
    """Gaussian blur, separable, out to 3 sigma. Linear, so its gradient is exact.

    Attributes:
        sigma: in pixels, above 0 and at most 50.
    """

    sigma: float = 1.0

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    level_tolerance: ClassVar[float] = LEVEL_TOLERANCE
    null_space: ClassVar[str] = "A pattern that is the same all over the frame, and nearly so one that is smooth."

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 50:
            raise bad_setting("sigma", self.sigma, "above 0 and at most 50 pixels")

    def defend_frames(self, frames: Tensor) -> Tensor:
        blurred = blur(frames, self.sigma)
        with torch.no_grad():  # rounded weights can leave [0, 1]; white must keep its gradient
            return blurred.clamp_(0, 1)

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        weights = half_gaussian(self.sigma)
        height = len(picture)
        if len(weights) > FEW_PIXELS:
            long_blur_rows_and_columns(picture.reshape(height, -1), weights, out.reshape(height, -1))
        else:
            blur_rows_and_columns(picture.reshape(height, -1), tuple(weights), out.reshape(height, -1))


@cache
def half_gaussian(sigma: float) -> NDArray[np.float32]:
    """Weights of a Gaussian from its middle to one side."""
    weights = np.array(gaussian(sigma), np.float32)
    return weights[len(weights) // 2 :]


def blur(frames: Tensor, sigma: float) -> Tensor:
    """Blur (S, 3, H, W) along rows and columns."""
    weights = gaussian(sigma)
    for axis in (-2, -1):
        length = frames.shape[axis]
        around = extended(frames, len(weights) // 2, axis)
        total = around.narrow(axis, 0, length) * weights[0]
        for start, weight in enumerate(weights[1:], 1):
            total = total + around.narrow(axis, start, length) * weight
        frames = total
    return frames


def extended(frames: Tensor, reach: int, axis: int) -> Tensor:
    """The frames with `reach` copies of the border before and after, along one axis."""
    length = frames.shape[axis]
    places = torch.arange(-reach, length + reach, device=frames.device).clamp(0, length - 1)
    return frames.index_select(axis, places)


def shifts(frames: Tensor, window: int) -> list[tuple[Tensor, int]]:
    """Every shift of the frames inside of a square window, with its squared distance in pixels."""
    height, width = frames.shape[-2:]
    reach = window // 2
    around = extended(extended(frames, reach, -2), reach, -1)
    return [
        (around[..., row : row + height, column : column + width], (row - reach) ** 2 + (column - reach) ** 2)
        for row in range(window)
        for column in range(window)
    ]


@dataclass(frozen=True)
class Bilateral(PictureDefense):
    """Mean of a square window, where pixels count less the farther they are in space and in color.

    y_p = sum_q w_pq x_q / sum_q w_pq, w_pq = exp(-|p - q|^2 / (2 sigma^2) - ||x_p - x_q||^2 / (2 tone^2)).
    Tomasi and Manduchi, ICCV 1998: it smooths and keeps edges.

    Attributes:
        window: pixels a side, an odd number of at least 3.
        sigma: in pixels, above 0.
        tone: sigma of the color distance (of three channels in [0, 1] together), above 0.
    """

    window: int = 5
    sigma: float = 2.0
    tone: float = 0.1

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    level_tolerance: ClassVar[float] = LEVEL_TOLERANCE
    null_space: ClassVar[str] = (
        "A pattern that is smooth, and one whose own edges are larger than the tone that is smoothed away."
    )

    def __post_init__(self) -> None:
        check_window(self.window)
        if not self.sigma > 0:
            raise bad_setting("sigma", self.sigma, "above 0 pixels")
        if not self.tone > 0:
            raise bad_setting("tone", self.tone, "above 0")

    def defend_frames(self, frames: Tensor) -> Tensor:
        total, weights = torch.zeros_like(frames), torch.zeros_like(frames[:, :1])
        for shifted, distance in shifts(frames, self.window):
            color = (shifted - frames).square().sum(1, keepdim=True)
            weight = (color * (-0.5 / self.tone**2) - distance / (2 * self.sigma**2)).exp()
            total = total + weight * shifted
            weights = weights + weight
        mean = total / weights
        with torch.no_grad():  # rounding can leave [0, 1] by 1e-7
            return mean.clamp_(0, 1)

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        reach = self.window // 2
        around = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
        bilateral(around, *bilateral_weights(self), out)


@lru_cache(maxsize=8)
def bilateral_weights(defense: Bilateral) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights by the squared distance of two colors in levels, and by place: (195076,), (window, window)."""
    by_color = np.exp(np.arange(3 * 255**2 + 1) * (-0.5 / (255 * defense.tone) ** 2))
    squares = (np.arange(defense.window) - defense.window // 2) ** 2
    by_place = np.exp((squares[:, None] + squares) * (-0.5 / defense.sigma**2))
    return by_color.astype(np.float32), by_place.astype(np.float32)


@dataclass(frozen=True)
class TotalVariation(PictureDefense):
    """Denoising by total variation: the y that makes |y - x|^2 / 2 + weight TV(y) smallest, channel by channel.

    Rudin, Osher and Fatemi 1992, by `steps` steps of Chambolle's projection (J. Math. Imaging Vis. 20, 2004, eq. 9),
    so it is the same function for attacker and defender, and its gradient is exact. Guo et al., ICLR 2018, use total
    variation with random dropping of pixels; here nothing is dropped.

    Attributes:
        weight: in pixel units of [0, 1], above 0 and at most 1.
        steps: of the projection, 1 to 200.
    """

    weight: float = 0.05
    steps: int = 20

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    level_tolerance: ClassVar[float] = LEVEL_TOLERANCE
    null_space: ClassVar[str] = (
        "A pattern that is the same all over the frame, and nearly so large patches whose border is short."
    )

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise bad_setting("weight", self.weight, "above 0 and at most 1")
        if not 1 <= self.steps <= 200:
            raise bad_setting("steps", self.steps, "a whole number from 1 to 200")

    def defend_frames(self, frames: Tensor) -> Tensor:
        down, right = torch.zeros_like(frames), torch.zeros_like(frames)
        for _ in range(self.steps):
            error = divergence(down, right) - frames / self.weight
            towards_down, towards_right = slopes(error)
            norm = 1 + STEP * (towards_down.square() + towards_right.square() + TINY).sqrt()
            down, right = (down + STEP * towards_down) / norm, (right + STEP * towards_right) / norm
        smooth = frames - self.weight * divergence(down, right)
        with torch.no_grad():  # an unfinished projection can leave [0, 1] a little; white must keep its gradient
            return smooth.clamp_(0, 1)

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        height, width, _ = picture.shape
        work, made = np.empty((3, height, width), np.float32), np.empty((height, width), np.uint8)
        for color in range(3):
            plane = picture[..., color].astype(np.float32) / np.float32(255)
            total_variation(plane, np.float32(self.weight), self.steps, work, made)
            out[..., color] = made


STEP = 0.25  # 1/8 is proven to converge, 1/4 does in practice (Chambolle 2004, section 3)
TINY = 1e-12  # keeps the root's gradient finite where nothing changes


def slopes(image: Tensor) -> tuple[Tensor, Tensor]:
    """Differences to the pixel below and to the right; 0 at the last one."""
    return pad(image.diff(dim=-2), (0, 0, 0, 1)), pad(image.diff(dim=-1), (0, 1))


def divergence(down: Tensor, right: Tensor) -> Tensor:
    """The negative adjoint of `slopes`; the last row of `down` and the last column of `right` are 0 there."""
    inner_down, inner_right = down[..., :-1, :], right[..., :-1]
    rows = pad(inner_down, (0, 0, 0, 1)) - pad(inner_down, (0, 0, 1, 0))
    columns = pad(inner_right, (0, 1)) - pad(inner_right, (1, 0))
    return rows + columns
