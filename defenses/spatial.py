"""Filters inside of each frame: fewer levels, medians, Gaussians, bilateral filters, total variation.

Beyond its borders a frame goes on with its border pixels.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from defenses.base import FrameDefense, FrameLevelsDefense, GradientKind
from defenses.gradients import straight_through
from defenses.median import median, shared_median
from defenses.settings import bad_setting, check_window
from defenses.temporal import gaussian


@dataclass(frozen=True)
class BitDepth(FrameLevelsDefense):
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

    def defend_frame_levels(self, frames: Tensor) -> Tensor:
        table = (self.defend_frames(torch.arange(256) / 255) * 255).round_().to(torch.uint8)
        looked_up = table.numpy()[frames.permute(0, 2, 3, 1).numpy()]
        return torch.from_numpy(looked_up).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class SpatialMedian(FrameLevelsDefense):
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
    null_space: ClassVar[str] = "A pattern that is the same all over the frame, and nearly so one that is smooth."

    def __post_init__(self) -> None:
        check_window(self.window)

    def defend_frames(self, frames: Tensor) -> Tensor:
        return shared_median([shifted.contiguous() for shifted, _ in shifts(frames, self.window)])

    def defend_frame_levels(self, frames: Tensor) -> Tensor:
        made = torch.empty(*frames.permute(0, 2, 3, 1).shape, dtype=torch.uint8).permute(0, 3, 1, 2)
        for result, frame in zip(made, frames, strict=True):  # frame by frame, which stays in the processor's cache
            result.copy_(median([shifted.contiguous() for shifted, _ in shifts(frame[None], self.window)])[0])
        return made


@dataclass(frozen=True)
class SpatialGaussian(FrameDefense):
    """Gaussian blur, separable, out to 3 sigma. Linear, so its gradient is exact.

    Attributes:
        sigma: in pixels, above 0 and at most 50.
    """

    sigma: float = 1.0

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    null_space: ClassVar[str] = "A pattern that is the same all over the frame, and nearly so one that is smooth."

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 50:
            raise bad_setting("sigma", self.sigma, "above 0 and at most 50 pixels")

    def defend_frames(self, frames: Tensor) -> Tensor:
        blurred = blur(frames, self.sigma)
        with torch.no_grad():  # rounded weights can leave [0, 1]; white must keep its gradient
            return blurred.clamp_(0, 1)


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
class Bilateral(FrameDefense):
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


@dataclass(frozen=True)
class TotalVariation(FrameDefense):
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
