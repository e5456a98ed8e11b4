"""Samplers: which frames of a video make a clip. Integer arithmetic only.

A video's frames are known by `times`: (N,) int64, the moment each frame appears, in milliseconds from the first.
Whole milliseconds are what every container keeps, so a choice is the same in a file and in its lossless copy.

Every sampler answers two questions:
    choose   the clips that a protocol takes at test time, `views` of them (seeded where the sampler is random)
    draw     one random clip, with a random phase: what learning takes the expectation over
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Protocol

import torch
from torch import Generator, Tensor

from lsap_common import LARGEST_SETTING, NamedParts, check_types, require_kind, require_whole

PHASES = 1000  # how finely a random phase divides one segment


class Sampler(Protocol):
    """A rule that picks T frame numbers out of N."""

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        """The clips of a test protocol.

        Args:
            times: (N,) int64, milliseconds from the first frame, never falling.
            frames: T, the number of frames of a clip.
            views: V, the number of clips, spread evenly over the video.
            generator: used by random samplers only.

        Returns:
            (V, T) int64 in [0, N).
        """
        ...

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        """One random clip: (T,) int64 in [0, N)."""
        ...


@dataclass(frozen=True)
class Uniform:
    """T frames at equal distances over the whole video: the middles of T equal parts."""

    name: ClassVar[str] = "uniform"

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames, views)
        parts = 2 * frames * views
        middles = 2 * views * torch.arange(frames) + 2 * torch.arange(views)[:, None] + 1
        return middles * len(times) // parts

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames)
        phase = _below(PHASES, generator)
        return (torch.arange(frames) * PHASES + phase) * len(times) // (frames * PHASES)


@dataclass(frozen=True)
class Segments:
    """TSN's sampling: T equal segments, one random frame of each (Wang et al., ECCV 2016)."""

    name: ClassVar[str] = "segments"

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames, views)
        return torch.stack([self.draw(times, frames, generator) for _ in range(views)])

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames)
        edges = torch.arange(frames + 1) * len(times) // frames
        lengths = (edges[1:] - edges[:-1]).clamp(min=1)
        phases = torch.randint(0, PHASES, (frames,), generator=generator)
        return (edges[:-1] + phases * lengths // PHASES).clamp(max=len(times) - 1)


@dataclass(frozen=True)
class Dense:
    """T frames at a fixed stride, from the middle of the video; a video that is too short is looped.

    Args:
        stride: frames from one chosen frame to the next, at least 1.
    """

    name: ClassVar[str] = "dense"
    stride: int = 2

    def __post_init__(self) -> None:
        check_types(self, LARGEST_SETTING)
        if self.stride < 1:
            raise ValueError(f"stride is {self.stride}; use a whole number from 1")

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames, views)
        free = max(len(times) - self._window(frames), 0)
        starts = free * (2 * torch.arange(views) + 1) // (2 * views)
        return (starts[:, None] + torch.arange(frames) * self.stride) % len(times)

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames)
        free = len(times) - self._window(frames)
        start = _below(free + 1 if free >= 0 else len(times), generator)
        return (start + torch.arange(frames) * self.stride) % len(times)

    def _window(self, frames: int) -> int:
        return (frames - 1) * self.stride + 1


@dataclass(frozen=True)
class RateSampler:
    """T frames at a fixed number a second, from the middle of the video, by the frames' own timestamps.

    Each moment takes the nearest frame, the earlier of two equally near. In a video that is too short the
    last frame is held.

    Args:
        fps: frames a second, above 0 and at most 1000.
    """

    name: ClassVar[str] = "rate"
    fps: Fraction = Fraction(5)

    def __post_init__(self) -> None:
        check_types(self, LARGEST_SETTING)
        if not 0 < self.fps <= 1000:
            raise ValueError(f"fps is {self.fps}; use a number above 0 and at most 1000")

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames, views)
        free = self._free(times, frames)
        return torch.stack([self._from(times, frames, free * (2 * view + 1) // (2 * views)) for view in range(views)])

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames)
        return self._from(times, frames, _below(self._free(times, frames) + 1, generator))

    def _free(self, times: Tensor, frames: int) -> int:
        return max(int(times[-1]) - int((frames - 1) * 1000 / self.fps), 0)

    def _from(self, times: Tensor, frames: int, start: int) -> Tensor:
        moments = torch.tensor([start + int(number * 1000 / self.fps) for number in range(frames)])
        after = torch.searchsorted(times, moments).clamp(max=len(times) - 1)
        before = (after - 1).clamp(min=0)
        return torch.where((moments - times[before]).abs() <= (times[after] - moments).abs(), before, after)


@dataclass(frozen=True)
class RandomFrames:
    """T frames drawn at random from the whole video, in order; without repeats where it is long enough."""

    name: ClassVar[str] = "random"

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames, views)
        return torch.stack([self.draw(times, frames, generator) for _ in range(views)])

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        _check_clips_asked(times, frames)
        if len(times) < frames:
            return torch.randint(0, len(times), (frames,), generator=generator).sort().values
        return torch.randperm(len(times), generator=generator)[:frames].sort().values


SAMPLERS: NamedParts[type[Sampler]] = NamedParts(
    "sampler",
    {
        "uniform": Uniform,
        "segments": Segments,
        "dense": Dense,
        "rate": RateSampler,
        "random": RandomFrames,
    },
)
"""Every sampler, by the name that a user writes."""


def lengthened(times: Tensor, frames: int) -> Tensor:
    """The moments of a video that some frames are appended to, at its mean pace.

    Args:
        times: (N,) int64, milliseconds from the first frame.
        frames: how many more.

    Returns:
        (N + frames,) int64.
    """
    pace = mean_pace(int(times[-1]), len(times))
    return torch.cat([times, times[-1] + pace * torch.arange(1, frames + 1)])


def mean_pace(last: int, frames: int) -> int:
    """Milliseconds from frame to frame of a video with that many frames, the last one at `last`; 40 for one frame."""
    return max(last // (frames - 1), 1) if frames > 1 else 40


def _below(bound: int, generator: Generator) -> int:
    return int(torch.randint(0, bound, (), generator=generator))


def _check_clips_asked(times: Tensor, frames: int, views: int = 1) -> None:
    require_kind("times is", times, Tensor, "give an int64 tensor (frames of the video,) of milliseconds")
    if times.ndim != 1 or not len(times) or times.is_floating_point():
        raise ValueError(
            f"times is {times.dtype} of the shape {tuple(times.shape)}; give int64 milliseconds, one for each frame of "
            "the video, which has at least one"
        )
    require_whole("frames", frames, least=1)
    require_whole("views", views, least=1)
