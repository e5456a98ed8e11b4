"""What a defense declares, and the few steps that all defenses share.

A defense changes a video before a classifier samples it. It can be run on just those source frames that the
requested frames need, and then gives exactly what it would have given on the whole video.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, final

import torch
from torch import Generator, Tensor

from defenses.clip import Clip, check_clip, check_indices, check_video, unique_indices
from defenses.pixels import Pixels, each_picture, frames_at_a_time, frames_of, pixels_of
from lsap_common import check_first_argument, check_settings_when_made, require_kind

FrameDependence = Literal["itself", "neighbors", "elsewhere", "stretch"]
GradientKind = Literal["true", "surrogate", "straight-through"]

_WIDEST_LAST: tuple[FrameDependence, ...] = ("itself", "neighbors", "elsewhere", "stretch")
_LEAST_EXACT_LAST: tuple[GradientKind, ...] = ("true", "surrogate", "straight-through")


class Defense(ABC):
    """Changes a video and keeps its number of frames and their size.

    Concrete defenses are frozen dataclasses whose fields are their settings; `defenses.DEFENSES` lists them.
    `defense(video)` defends a whole video; `defense.defend(clip, indices)` makes only some frames of the result.
    Settings of a wrong type are refused before the class's own `__post_init__`, and what is no clip before `defend`.
    """

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        check_settings_when_made(cls)
        check_first_argument(cls, "defend", check_clip)

    @property
    @abstractmethod
    def deterministic(self) -> bool:
        """Whether there is nothing random. If there is, `draw` fixes it: each copy is a fixed function of the video."""

    @property
    @abstractmethod
    def depends_on(self) -> FrameDependence:
        """The source frames that a defended frame depends on.

        itself: the same frame. neighbors: frames around it. elsewhere: another frame of the video.
        stretch: a whole stretch of the video, which is coded as one piece.
        """

    @property
    @abstractmethod
    def gradient(self) -> GradientKind:
        """What autograd through `defend` gives to an attacker that knows the defense.

        true: the derivative (almost everywhere). surrogate: that of a smooth stand-in for the same operation.
        straight-through: that of the identity. `defenses.straight_through` puts the identity's in front of any defense.
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
    def passes_stripes(self) -> bool:
        """Gray stripes of single pixels, along rows or columns, come out nearly as they went in, also if they flicker.

        Stripes stand for patterns of few frequencies, which a quantizer keeps where it removes fine noise.
        """
        return False

    @property
    @abstractmethod
    def null_space(self) -> str:
        """One sentence: which patterns pass through unchanged."""

    @property
    def composite(self) -> bool:
        """Whether it is made of other defenses. Its gradient is the chain of theirs; the least exact is declared."""
        return False

    @property
    def flat_error(self) -> float | None:
        """The most that a black or white video changes, in pixel units of [0, 1]; None: nothing is promised."""
        return 3 / 255

    @property
    def gray_offset_error(self) -> float:
        """The share of a gray offset, the same in all frames, that is lost or added at most at default settings."""
        return 0.03

    @property
    def keeps_mean(self) -> bool:
        """A small change of brightness of a whole video changes the result's mean by as much, rounding aside."""
        return True

    @property
    def whole_levels(self) -> bool:
        """Whether a video of whole 8-bit levels comes out in whole levels, without being rounded."""
        return False

    @property
    def level_tolerance(self) -> float:
        """The share of values that `defend_levels` may give one level away from `defend`, rounded."""
        return 0.0

    @property
    def differentiable(self) -> bool:
        """Whether autograd through `defend` is exact (almost everywhere)."""
        return self.gradient == "true"

    def draw(self, generator: Generator) -> "Defense":
        """A copy with fixed randomness, drawn from the generator; a deterministic defense gives itself."""
        return self

    @abstractmethod
    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        """The source frames that the defended frames `indices` are made of.

        Args:
            indices: (K,) int64 in [0, video_length), in any order, repeats allowed.
            video_length: frames of the whole video.

        Returns:
            Frame indices, int64, sorted, each one once.

        Raises:
            ValueError: if the video has no such frame.
        """

    @abstractmethod
    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        """Make the defended video's frames `indices`.

        Args:
            clip: source frames, float in [0, 1]; at least those that `needs(indices, clip.video_length)` names.
            indices: (K,) int64 in [0, video_length), in any order, repeats allowed.

        Returns:
            (K, 3, H, W) in [0, 1], with the type and on the device of the clip's frames.

        Raises:
            ValueError: if the video has no such frame, or the clip lacks a source frame.
        """

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        """Make the same frames in whole levels, straight from 8-bit frames, where that is faster.

        Args:
            clip: source frames, uint8; at least those that `needs` names.
            indices: as for `defend`.

        Returns:
            (K, 3, H, W) uint8: what `defend` makes of the frames / 255, times 255 and rounded half to even, but for
            the `level_tolerance`. None: there is no faster way.
        """
        return None

    @final
    def __call__(self, video: Tensor) -> Tensor:
        """Defend a whole video, or each video of a batch by itself.

        A random defense gives the same result each time; call `draw(generator)` first for another one.

        Args:
            video: (N, 3, H, W) or (B, N, 3, H, W), float in [0, 1]; never changed.

        Returns:
            The same shape, in [0, 1].

        Raises:
            ValueError: if it has another shape, type or range.
        """
        check_video(video)
        if video.ndim == 5:
            return torch.stack([self(one) for one in video])
        clip = Clip.whole(video)
        return self.defend(clip, clip.indices)


class FrameDefense(Defense):
    """A defense that treats every frame by itself and all frames alike: subclasses define one method."""

    depends_on: ClassVar[FrameDependence] = "itself"

    @abstractmethod
    def defend_frames(self, frames: Tensor) -> Tensor:
        """Defend frames: (S, 3, H, W) in [0, 1] -> the same shape; the input is not changed."""

    @final
    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        check_indices(indices, video_length)
        return unique_indices(indices)

    @final
    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        needed = self.needs(indices, clip.video_length)
        if not len(needed):
            return clip.frames[:0].clone()
        frames = clip.frames_at(needed)  # each frame once
        parts = frames.split(frames_at_a_time(frames))
        defended = self.defend_frames(frames) if len(parts) == 1 else torch.cat([*map(self.defend_frames, parts)])
        return _each_asked_for(defended, needed, indices, clip.video_length)


class PictureDefense(FrameDefense):
    """A defense of frames that has an 8-bit way of its own: subclasses define a second method."""

    @abstractmethod
    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        """Defends one 8-bit frame, as `defend_levels` does.

        Args:
            picture: (H, W, 3) uint8, not changed.
            out: of the same shape, that gets the result.
        """

    @final
    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        needed = self.needs(indices, clip.video_length)
        defended = each_picture(clip, needed, self.defend_picture)
        return _each_asked_for(defended, needed, indices, clip.video_length)


def _each_asked_for(defended: Tensor, needed: Tensor, indices: Tensor, video_length: int) -> Tensor:
    """The frames `indices`, in their order and as often as they are named, of those that were defended once each."""
    if torch.equal(needed, indices):
        return defended
    return Clip(defended, needed, video_length).frames_at(indices)


class FrameChoice(Defense):
    """A defense that replaces each frame by an unchanged frame of the video; subclasses choose which.

    Linear, so its gradient is exact.
    """

    depends_on: ClassVar[FrameDependence] = "elsewhere"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    whole_levels: ClassVar[bool] = True

    @abstractmethod
    def source_indices(self, video_length: int) -> Tensor:
        """Which frame stands at each place of the defended video: (video_length,) int64."""

    @final
    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        check_indices(indices, video_length)
        return unique_indices(self.source_indices(video_length)[indices])

    @final
    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        check_indices(indices, clip.video_length)
        return clip.frames_at(self.source_indices(clip.video_length)[indices])

    @final
    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        check_indices(indices, clip.video_length)
        rows = clip.rows_of(self.source_indices(clip.video_length)[indices])
        return frames_of(pixels_of(clip.frames)[rows.numpy()])  # whole frames, not single bytes


@dataclass(frozen=True)
class RandomDefense(Defense):
    """A defense that draws. With one `seed` it is a fixed function of the video, so law 2 holds for every draw.

    Attributes:
        seed: of the randomness; not a user's setting: `draw` gives it.
    """

    seed: int = field(default=0, kw_only=True)

    deterministic: ClassVar[bool] = False

    @final
    def draw(self, generator: Generator) -> Self:
        require_kind("the generator is", generator, Generator, "give torch.Generator().manual_seed(0)")
        return replace(self, seed=int(torch.randint(2**31 - 1, (), generator=generator)))

    def generator(self) -> Generator:
        """A fresh generator of this draw."""
        return Generator().manual_seed(self.seed)


def widest_dependence(defenses: Iterable[Defense]) -> FrameDependence:
    """The frames that a result of several defenses depends on."""
    return max((one.depends_on for one in defenses), key=_WIDEST_LAST.index)


def least_exact_gradient(defenses: Iterable[Defense]) -> GradientKind:
    """The gradient kind of a chain of defenses."""
    return max((one.gradient for one in defenses), key=_LEAST_EXACT_LAST.index)
