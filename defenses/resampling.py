"""Resampling: throw away every second pixel or frame, say, and rebuild it from those that were kept."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from defenses.base import Defense, FrameChoice, FrameDependence, GradientKind, PictureDefense
from defenses.clip import Clip, check_indices, unique_indices
from defenses.kernels import Taps, shrink_and_enlarge, weighted_mean
from defenses.pixels import Pixels, each_window, part_by_part
from defenses.settings import bad_setting
from defenses.temporal import mean_in_levels


@dataclass(frozen=True)
class SpatialResample(PictureDefense):
    """Every frame to a smaller size and back: y = up(down(x)), both bilinear, the way down antialiased.

    Xie et al., ICLR 2018, resize and pad at random; here the smaller size is fixed and nothing is padded.
    Linear, so its gradient is exact.

    Attributes:
        scale: smaller height and width as a share of the frame's own, between 0 and 1; never below one pixel.
    """

    scale: float = 0.5

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    level_tolerance: ClassVar[float] = 5e-4  # many sums of few weights lie between two levels
    null_space: ClassVar[str] = (
        "A pattern that is the same all over the frame, and nearly so one that is smooth at the smaller size."
    )

    def __post_init__(self) -> None:
        if not 0 < self.scale < 1:
            raise bad_setting("scale", self.scale, "above 0 and below 1")

    def defend_frames(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        small = resize_frames(frames * 255, self._smaller(height, width))  # at a scale of 0.5 sums of levels are exact
        rebuilt = resize_frames(small, [height, width]) / 255
        with torch.no_grad():  # rounded weights can leave [0, 1] by 1e-6; white must keep its gradient
            return rebuilt.clamp_(0, 1)

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        height, width, _ = picture.shape
        small_height, small_width = self._smaller(height, width)
        down = resize_taps(height, small_height), resize_taps(width, small_width)
        up = resize_taps(small_height, height), resize_taps(small_width, width)
        small = np.empty((small_height, 3 * width), np.float32)
        shrink_and_enlarge(picture.reshape(height, -1), down, up, small, out.reshape(height, -1))

    def _smaller(self, height: int, width: int) -> list[int]:
        return [max(1, round(self.scale * side)) for side in (height, width)]


@lru_cache(maxsize=32)
def resize_taps(size: int, target: int) -> Taps:
    """What each place is made of when `resize_frames` brings a side of `size` to `target`."""
    weights = resize_frames(torch.eye(size)[None, None], [target, size])[0, 0].numpy()
    there = weights != 0
    first, last = there.argmax(1), size - 1 - there[:, ::-1].argmax(1)
    count = int((last - first).max()) + 1
    starts = np.minimum(first, size - count).astype(np.int64)
    return starts, np.take_along_axis(weights, starts[:, None] + np.arange(count), 1)


def resize_frames(frames: Tensor, size: list[int]) -> Tensor:
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
    depends_on: ClassVar[FrameDependence] = "neighbors"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame or linear between the kept frames, "
        "and anything at all in the kept frames themselves."
    )

    def __post_init__(self) -> None:
        check_keep(self.keep)

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(torch.cat(self._kept_neighbors(indices, video_length)))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        return part_by_part(clip, indices, partial(self._rebuilt, clip))

    def _rebuilt(self, clip: Clip, indices: Tensor) -> Tensor:
        before, after = self._kept_neighbors(indices, clip.video_length)
        kept, next_kept = clip.frames_at(before), clip.frames_at(after)
        shares = (indices - before).to(kept).view(-1, 1, 1, 1)
        between = mean_in_levels(kept, next_kept, shares, self.keep)
        return torch.where(shares == 0, kept, between)  # to the last bit, for floats between levels, too

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        before, after = self._kept_neighbors(indices, clip.video_length)
        shares = iter((indices - before).tolist())
        of = np.float32(self.keep)

        def mean(pair: tuple[Pixels, ...], out: Pixels) -> None:
            weighted_mean(*pair, np.float32(next(shares)), of, out)

        return each_window(clip, torch.stack([before, after]), mean)

    def _kept_neighbors(self, indices: Tensor, video_length: int) -> tuple[Tensor, Tensor]:
        """Number the kept frames before and after each of `indices`; both are the frame itself if kept."""
        check_indices(indices, video_length)
        before = indices // self.keep * self.keep
        last = (video_length - 1) // self.keep * self.keep
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

    def source_indices(self, video_length: int) -> Tensor:
        return torch.arange(video_length) // self.keep * self.keep


def check_keep(keep: int) -> None:
    """Refuse a distance of kept frames that keeps them all."""
    if keep < 2:
        raise bad_setting("keep", keep, "a whole number of at least 2")
