"""What a defense declares, and the few steps that all defenses share.

A defense changes a video before a classifier samples it. It can be run on just those source frames that the
wanted frames need, and then gives exactly what it would have given on the whole video.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, final

import torch
from torch import Generator, Tensor

Frames = Literal["itself", "neighbors", "elsewhere", "stretch"]
Gradient = Literal["true", "surrogate", "straight-through"]


class Defense(ABC):
    """Changes a video and keeps its number of frames and their size.

    Concrete defenses are frozen dataclasses whose fields are their settings; `defenses.DEFENSES` lists them.
    """

    @property
    @abstractmethod
    def deterministic(self) -> bool:
        """The same video gives the same result. If not, `drawn` fixes the chances, one draw after the other."""

    @property
    @abstractmethod
    def frames(self) -> Frames:
        """What a defended frame is made of.

        itself: the same frame. neighbors: frames around it. elsewhere: another frame of the video.
        stretch: a whole stretch of the video, which is coded as one piece.
        """

    @property
    @abstractmethod
    def gradient(self) -> Gradient:
        """What autograd through `defend` gives to an attacker who knows the defense.

        true: the derivative (almost everywhere). surrogate: that of a smooth stand-in for the same operation.
        straight-through: that of the identity. See `defenses.adaptive` for the identity's in front of any defense.
        """

    @property
    @abstractmethod
    def passes_constant_in_time(self) -> bool:
        """A pattern that is the same in every frame comes out as it went in, whatever it looks like."""

    @property
    @abstractmethod
    def passes_low_frequencies(self) -> bool:
        """A pattern that is smooth in space comes out nearly as it went in, however it changes over time."""

    @property
    @abstractmethod
    def null_space(self) -> str:
        """One sentence: what passes through unchanged."""

    @property
    def differentiable(self) -> bool:
        """Whether autograd through `defend` is exact (almost everywhere)."""
        return self.gradient == "true"

    def drawn(self, generator: Generator) -> "Defense":
        """A copy with chances of its own, which then always gives the same; a deterministic defense gives itself."""
        return self

    @abstractmethod
    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        """Name the source frames that the defended frames `indices` are made of.

        Args:
            indices: (K,) int64 frame numbers in [0, frame_count), in any order, repeats allowed.
            frame_count: frames of the whole video.

        Returns:
            Frame numbers, int64, sorted, each one once.
        """

    @abstractmethod
    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        """Make the defended video's frames `indices`.

        Args:
            frames: (S, 3, H, W) float32 in [0, 1], the source frames numbered `have`; never changed.
            have: (S,) int64, sorted, each one once, at least `needs(indices, frame_count)`.
            indices: (K,) int64 frame numbers in [0, frame_count), in any order, repeats allowed.
            frame_count: frames of the whole video.

        Returns:
            (K, 3, H, W) float32 in [0, 1], on the device of `frames`.
        """


class FrameDefense(Defense):
    """A defense that treats every frame by itself and all frames alike: it only says how."""

    frames: ClassVar[Frames] = "itself"

    @abstractmethod
    def change(self, frames: Tensor) -> Tensor:
        """Defend frames: (S, 3, H, W) in [0, 1] -> the same shape; the input is not changed."""

    @final
    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        return unique_frames(indices, frame_count)

    @final
    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        return frame_by_frame(self.change, frames, have, indices, frame_count)


class FrameChoice(Defense):
    """A defense whose every frame is one of the video's frames, as it is: it only says which.

    Linear, so its gradient is exact.
    """

    frames: ClassVar[Frames] = "elsewhere"
    gradient: ClassVar[Gradient] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False

    @abstractmethod
    def sources(self, frame_count: int) -> Tensor:
        """Which frame stands at each place of the defended video: (frame_count,) int64."""

    @final
    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        check_indices(indices, frame_count)
        return each_once(self.sources(frame_count)[indices])

    @final
    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        check_indices(indices, frame_count)
        return take(frames, have, self.sources(frame_count)[indices])


@dataclass(frozen=True)
class RandomDefense(Defense):
    """A defense that draws. With one `seed` it is a fixed function of the video, so law 2 holds for every draw.

    Attributes:
        seed: of the draws; not a user's setting: `drawn` gives it.
    """

    seed: int = field(default=0, kw_only=True)

    deterministic: ClassVar[bool] = False

    @final
    def drawn(self, generator: Generator) -> Self:
        return replace(self, seed=int(torch.randint(2**31 - 1, (), generator=generator)))

    def generator(self) -> Generator:
        """A fresh generator of this draw."""
        return Generator().manual_seed(self.seed)


class CorpusDefense(Defense):
    """A defense that must look at a set of videos before it can defend one.

    `watched` and `observe` take one video at a time; `fitted` makes the defense that knows them all.

    Evidence is what `bounded` leaves of `traces`, which are linear in the frames. So an attacker whose pattern is in every
    video need not look at all of them again when it changes: bounded(traces of the clean video + traces of the pattern)
    is the evidence, with its gradient by the pattern.
    """

    @abstractmethod
    def watched(self, frame_count: int) -> Tensor:
        """The frames of a video that `observe` wants: (K,) int64, sorted, each one once."""

    @abstractmethod
    def traces(self, frames: Tensor, indices: Tensor) -> Tensor:
        """What one video shows, linear in the frames: (K, 3, H, W) in [0, 1], numbered `indices`. Differentiable."""

    @abstractmethod
    def shares(self, indices: Tensor, slots: Tensor, of: int) -> Tensor:
        """All that the traces of a pattern depend on beside itself: a matrix with a column for each of its slots.

        Args:
            indices: (K,) int64, frames of a video that are looked at.
            slots: (K,) int64 in [0, of): what of the pattern each of them carries.
            of: slots of the pattern.
        """

    @abstractmethod
    def traces_of_pattern(self, pattern: Tensor, shares: Tensor) -> Tensor:
        """What a pattern (Q, 3, h, w) adds to the traces of a video that carries it so. Differentiable."""

    @abstractmethod
    def bounded(self, shown: Tensor) -> Tensor:
        """What of the traces of one video, or of several in a stack, is evidence. Differentiable."""

    @final
    def observe(self, frames: Tensor, indices: Tensor) -> Tensor:
        """One video's evidence: frames (K, 3, H, W) in [0, 1], numbered `indices`. Differentiable."""
        return self.bounded(self.traces(frames, indices))

    @abstractmethod
    def fitted(self, evidence: Sequence[Tensor]) -> Self:
        """A copy that knows the evidence of at least two videos."""


def check_indices(indices: Tensor, frame_count: int) -> None:
    """Refuse frame numbers that a video of `frame_count` frames does not have."""
    if not indices.numel():
        return
    first, last = int(indices.min()), int(indices.max())
    if first < 0 or last >= frame_count:
        raise ValueError(
            f"frame numbers run from {first} to {last}, but the video has {frame_count} frames; "
            f"use numbers of at least 0 and below {frame_count}"
        )


def unique_frames(indices: Tensor, frame_count: int) -> Tensor:
    """Name what a defense needs that treats every frame by itself: the frames `indices`, each one once."""
    check_indices(indices, frame_count)
    return each_once(indices)


def each_once(numbers: Tensor) -> Tensor:
    """Flatten and sort frame numbers and drop the repeated ones."""
    unique: Tensor = torch.unique(numbers)
    return unique


def take(frames: Tensor, have: Tensor, wanted: Tensor) -> Tensor:
    """Copy the frames numbered `wanted` out of the source frames, which are numbered `have`.

    Args:
        frames: (S, 3, H, W), any float type.
        have: (S,) int64, sorted, each one once.
        wanted: (K,) int64, in any order, repeats allowed.

    Returns:
        (K, 3, H, W), never a view of `frames`.
    """
    if len(frames) != len(have):
        raise ValueError(f"{len(frames)} frames were given with {len(have)} frame numbers; give one number a frame")
    missing = wanted[~torch.isin(wanted, have)]
    if len(missing):
        raise ValueError(
            f"frame {int(missing[0])} is needed but is not among the {len(have)} frames given; "
            f"give all frames that needs() names"
        )
    # Plain indexing, not index_select: its gradient adds repeated frames up in a fixed order on a GPU, too.
    return frames[torch.searchsorted(have, wanted).to(frames.device)]


def frame_by_frame(
    process: Callable[[Tensor], Tensor], frames: Tensor, have: Tensor, indices: Tensor, frame_count: int
) -> Tensor:
    """Run `process`, which treats every frame by itself, once on each of the frames `indices`.

    Args:
        process: (S, 3, H, W) -> (S, 3, H, W), does not change its input.
        frames: (S, 3, H, W), the source frames numbered `have`.
        have: (S,) int64, sorted, each one once.
        indices: (K,) int64, in any order, repeats allowed.
        frame_count: frames of the whole video.
    """
    needed = unique_frames(indices, frame_count)
    processed = process(take(frames, have, needed)) if len(needed) else frames[:0].clone()
    if torch.equal(needed, indices):
        return processed
    return take(processed, needed, indices)


def wants_gradient(frames: Tensor) -> bool:
    """Whether someone will ask for the gradient at `frames`."""
    return torch.is_grad_enabled() and frames.requires_grad


def with_gradient_of(stand_in: Tensor, values: Tensor) -> Tensor:
    """`values`, with the gradient of `stand_in` (same shape).

    The backward pass differentiable approximation (BPDA) of Athalye, Carlini and Wagner, ICML 2018.
    """
    return values.detach() + (stand_in - stand_in.detach())  # the difference is exactly 0


def straight_through(values: Tensor, frames: Tensor) -> Tensor:
    """Give `values` the gradient of the identity on `frames` (same shape), where one is wanted."""
    return with_gradient_of(frames, values) if wants_gradient(frames) else values


def in_range(values: Tensor) -> Tensor:
    """Clamp to [0, 1] and pass the gradient: an attacker is not stopped where a value is cut."""
    return straight_through(values.clamp(0, 1), values)


def bad_setting(name: str, value: object, allowed: str) -> ValueError:
    """Make the error for a setting outside of its range."""
    return ValueError(f"{name} is {value}; it must be {allowed}")


def check_window(window: int) -> None:
    """Refuse a window that has no middle."""
    if window < 3 or window % 2 == 0:
        raise bad_setting("window", window, "an odd number of at least 3")
