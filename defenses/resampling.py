"""Resampling: throw away every second pixel or frame, say, and rebuild it from those that were kept."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from defenses.base import (
    Defense,
    FrameChoice,
    FrameDefense,
    Frames,
    Gradient,
    bad_setting,
    check_indices,
    each_once,
    take,
)


@dataclass(frozen=True)
class SpatialResample(FrameDefense):
    """Every frame to a smaller size and back: y = up(down(x)), both bilinear, the way down antialiased.

    Xie et al., ICLR 2018, resize and pad at random; here the smaller size is fixed and nothing is padded.
    Linear, so its gradient is exact.

    Attributes:
        scale: smaller height and width as a share of the frame's own, between 0 and 1; never below one pixel.
    """

    scale: float = 0.5

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[Gradient] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    null_space: ClassVar[str] = (
        "A pattern that is the same all over the frame, and nearly so one that is smooth at the smaller size."
    )

    def __post_init__(self) -> None:
        if not 0 < self.scale < 1:
            raise bad_setting("scale", self.scale, "above 0 and below 1")

    def change(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        small = resize(frames, [max(1, round(self.scale * side)) for side in (height, width)])
        rebuilt = resize(small, [height, width])
        with torch.no_grad():  # rounded weights can leave [0, 1] by 1e-6; white must keep its gradient
            return rebuilt.clamp_(0, 1)


def resize(frames: Tensor, size: list[int]) -> Tensor:
    """Resize (S, 3, H, W) to (S, 3, *size), bilinear.

    On the way up, antialiasing changes nothing but torch's kernel: the plain one rounds differently when the
    number of threads differs.
    """
    return interpolate(frames, size, mode="bilinear", align_corners=False, antialias=True)


@dataclass(frozen=True)
class TemporalResample(Defense):
    """Keep frames 0, keep, 2 keep, ... and rebuild those between from their two kept neighbors.

    y_n = x_a + (n - a) / keep (x_{a + keep} - x_a), where a is the last kept frame up to n; after the video's
    last kept frame, that one is held. Schiappa et al., CVPR 2023, lower the frame rate 2, 4, ... times as a
    corruption; here it is a defense. Linear, so its gradient is exact.

    Attributes:
        keep: every keep-th frame is kept, at least 2.
    """

    keep: int = 2

    deterministic: ClassVar[bool] = True
    frames: ClassVar[Frames] = "neighbors"
    gradient: ClassVar[Gradient] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame or linear between the kept frames, "
        "and anything at all in the kept frames themselves."
    )

    def __post_init__(self) -> None:
        check_keep(self.keep)

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        return each_once(torch.cat(self._kept_neighbors(indices, frame_count)))

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        before, after = self._kept_neighbors(indices, frame_count)
        rebuilt = take(frames, have, before)
        weights = ((indices - before).to(frames) / self.keep).view(-1, 1, 1, 1)
        change = take(frames, have, after).sub_(rebuilt).mul_(weights)
        return rebuilt.add_(change)

    def _kept_neighbors(self, indices: Tensor, frame_count: int) -> tuple[Tensor, Tensor]:
        """Number the kept frames before and after each of `indices`; both are the frame itself if kept."""
        check_indices(indices, frame_count)
        before = indices // self.keep * self.keep
        last = (frame_count - 1) // self.keep * self.keep
        after = torch.where(indices == before, before, (before + self.keep).clamp(max=last))
        return before, after


@dataclass(frozen=True)
class FrameRate(FrameChoice):
    """Keep frames 0, keep, 2 keep, ... and hold each one until the next: y_n = x_(keep floor(n / keep)).

    What a player does with a video whose frame rate was lowered; Schiappa et al., CVPR 2023, use factors of
    2 to 32 as a corruption.

    Attributes:
        keep: every keep-th frame is kept, at least 2.
    """

    keep: int = 2

    deterministic: ClassVar[bool] = True
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and anything at all in the kept frames themselves."
    )

    def __post_init__(self) -> None:
        check_keep(self.keep)

    def sources(self, frame_count: int) -> Tensor:
        return torch.arange(frame_count) // self.keep * self.keep


def check_keep(keep: int) -> None:
    """Refuse a distance of kept frames that keeps them all."""
    if keep < 2:
        raise bad_setting("keep", keep, "a whole number of at least 2")
