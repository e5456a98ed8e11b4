"""Random defenses. Every draw is a fixed function of the video (see `RandomDefense`); `drawn` gives the next one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from defenses.base import Defense, FrameDependence, GradientKind, PictureDefense, RandomDefense
from defenses.chain import Chain
from defenses.clip import Clip, check_indices, unique_indices
from defenses.compression import Jpeg
from defenses.gradients import clamp_straight_through
from defenses.kernels import add_planes
from defenses.pixels import Pixels, each_picture, frames_of, pixels_of
from defenses.reordering import TemporalShuffle
from defenses.resampling import SpatialResample, resize_frames
from defenses.settings import bad_setting
from defenses.spatial import Bilateral, BitDepth, SpatialGaussian, SpatialMedian
from defenses.temporal import TemporalMean, TemporalMedian

GRAY = 128  # 0.5 in 8 bits, half to even


@dataclass(frozen=True)
class RandomNoise(RandomDefense):
    """Gaussian noise on every value: y = x + sigma n, n ~ N(0, 1), then cut to [0, 1]; each frame has its own.

    One draw is no randomized smoothing: that takes a vote over many and gives a certificate, see `defenses.certify`.
    The gradient is exact, and passes where values are cut.

    Attributes:
        sigma: in pixel units of [0, 1], above 0 and at most 1; 0.02 to 0.1 is 5 to 25 levels.
    """

    sigma: float = 0.04

    depends_on: ClassVar[FrameDependence] = "itself"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = True
    passes_stripes: ClassVar[bool] = True
    level_tolerance: ClassVar[float] = 2e-5
    flat_error: ClassVar[float | None] = None
    null_space: ClassVar[str] = "A pattern of any kind passes, below the noise; it is hidden, not removed."

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 1:
            raise bad_setting("sigma", self.sigma, "above 0 and at most 1")

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        check_indices(indices, video_length)
        return unique_indices(indices)

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        check_indices(indices, clip.video_length)
        source = clip.frames_at(indices)
        seeds = self._frame_seeds(clip.video_length)[indices].tolist()
        noise = [torch.randn(source.shape[1:], generator=Generator().manual_seed(seed)) for seed in seeds]
        if not noise:
            return source
        return clamp_straight_through(source + torch.stack(noise).to(source).mul_(self.sigma))

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        check_indices(indices, clip.video_length)
        seeds = iter(self._frame_seeds(clip.video_length)[indices].tolist())
        scale, generator = np.float32(255 * self.sigma), Generator()

        def add_noise(picture: Pixels, out: Pixels) -> None:
            height, width, colors = picture.shape
            noise = torch.randn(colors, height * width, generator=generator.manual_seed(next(seeds)))
            add_planes(picture.reshape(-1, colors), noise.numpy(), scale, out.reshape(-1, colors))

        return each_picture(clip, indices, add_noise)

    def _frame_seeds(self, video_length: int) -> Tensor:
        return torch.randint(2**31 - 1, (video_length,), generator=self.generator())


@dataclass(frozen=True)
class ResizePad(RandomDefense, PictureDefense):
    """Shrink the frames to a random size and pad them with gray at a random place, the same for the whole video.

    Xie et al., ICLR 2018. The frame keeps its size, so it is shrunk where they enlarge. Linear: its gradient is exact.

    Attributes:
        smallest: share of the frame's own height and width that is at least left, between 0 and 1.
    """

    smallest: float = 0.9

    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    level_tolerance: ClassVar[float] = 0.2
    flat_error: ClassVar[float | None] = None
    gray_offset_error: ClassVar[float] = 0.2
    keeps_mean: ClassVar[bool] = False
    null_space: ClassVar[str] = "A pattern that is the same after a small change of size and place: a smooth one."

    def __post_init__(self) -> None:
        if not 0 < self.smallest < 1:
            raise bad_setting("smallest", self.smallest, "above 0 and below 1")

    def defend_frames(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        size, top, left = self.placed(height, width)
        small = resize_frames(frames, size)
        with torch.no_grad():  # rounded weights can leave [0, 1] by 1e-6; white must keep its gradient
            small.clamp_(0, 1)
        return pad(small, (left, width - size[1] - left, top, height - size[0] - top), value=0.5)

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        size, top, left = self.placed(*picture.shape[:2])
        out[:] = GRAY
        small = resize_frames(frames_of(picture[None]), size)  # torch's own on bytes, which rounds between its passes
        out[top : top + size[0], left : left + size[1]] = pixels_of(small)[0]

    def placed(self, height: int, width: int) -> tuple[list[int], int, int]:
        """Height and width of the smaller frame of this draw, its top and its left, in a frame of this size."""
        scale, down, right = torch.rand(3, generator=self.generator(), dtype=torch.float64).tolist()
        share = self.smallest + (1 - self.smallest) * scale
        size = [max(1, round(share * side)) for side in (height, width)]
        return size, round(down * (height - size[0])), round(right * (width - size[1]))


def draw_between(low: float, high: float, generator: Generator) -> float:
    """A uniform value in [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=generator))


TRANSFORM_KINDS: dict[str, Callable[[Generator], Defense]] = {
    "jpeg": lambda generator: Jpeg(round(draw_between(30, 90, generator))),
    "bits": lambda generator: BitDepth(round(draw_between(3, 6, generator))),
    "noise": lambda generator: RandomNoise(draw_between(0.01, 0.06, generator)).draw(generator),
    "gaussian": lambda generator: SpatialGaussian(draw_between(0.4, 1.5, generator)),
    "median": lambda _: SpatialMedian(3),
    "bilateral": lambda generator: Bilateral(3, draw_between(1, 3, generator), draw_between(0.05, 0.2, generator)),
    "size": lambda generator: SpatialResample(draw_between(0.4, 0.9, generator)),
    "place": lambda generator: ResizePad(0.85).draw(generator),
    "time": lambda generator: (TemporalMean(3), TemporalMedian(3))[int(torch.randint(2, (), generator=generator))],
    "order": lambda generator: TemporalShuffle(2).draw(generator),
}
"""What the random ensemble draws from: one kind of change each, at a random strength."""


@dataclass(frozen=True)
class Barrage(RandomDefense):
    """A random ensemble: `count` of ten kinds of defenses, in random order and at random strengths.

    Raff et al., CVPR 2019 (Barrage of Random Transforms), with the kinds that make sense for a video. Sitawarin et al.
    show that such ensembles were judged by attacks that are too weak: judge it with an expectation over many draws.
    The gradient is that of the members that were drawn: exact, a surrogate (JPEG) or straight-through (bits).

    Attributes:
        count: of the kinds, 2 to 10.
    """

    count: int = 4

    depends_on: ClassVar[FrameDependence] = "elsewhere"
    gradient: ClassVar[GradientKind] = "straight-through"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    composite: ClassVar[bool] = True
    flat_error: ClassVar[float | None] = None
    gray_offset_error: ClassVar[float] = 0.15
    keeps_mean: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is smooth and the same in every frame: each of the ten kinds lets most of it pass."
    )

    def __post_init__(self) -> None:
        if not 2 <= self.count <= len(TRANSFORM_KINDS):
            raise bad_setting("count", self.count, f"a whole number from 2 to {len(TRANSFORM_KINDS)}")

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return Chain(self.members()).needs(indices, video_length)

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        return Chain(self.members()).defend(clip, indices)

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        return Chain(self.members()).defend_levels(clip, indices)

    @property
    def level_tolerance(self) -> float:
        return Chain(self.members()).level_tolerance

    def members(self) -> tuple[Defense, ...]:
        """The defenses of this draw, in their order."""
        generator = self.generator()
        names: Sequence[str] = list(TRANSFORM_KINDS)
        chosen = torch.randperm(len(names), generator=generator)[: self.count].tolist()
        return tuple(TRANSFORM_KINDS[names[place]](generator) for place in chosen)
