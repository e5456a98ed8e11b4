"""The checks that a package can run on its own defense: they pass for those of the table, and catch broken ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Generator, Tensor

from defenses import Chain, Clip, Defense
from defenses.base import FrameDefense, FrameDependence, GradientKind, RandomDefense
from defenses.clip import unique_indices
from defenses.gradients import clamp_straight_through
from defenses.randomized import RandomNoise
from defenses.temporal import TemporalMean
from defenses.testing import check_defense
from defenses.testing import defense_checks as checks
from defenses.testing.defense_checks import check_declarations
from tests.defenses.examples import EVERY_SETTING


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_every_defense_declares_what_it_is(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_declarations(defense)


@dataclass(frozen=True)
class Contrast(FrameDefense):
    """A defense as another package would write it: less contrast in each frame."""

    share: float = 0.4

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = "A pattern that is the same all over the frame."

    def defend_frames(self, frames: Tensor) -> Tensor:
        mean = frames.mean((2, 3), keepdim=True)
        return mean + self.share * (frames - mean)


@pytest.mark.parametrize("defense", [Contrast(), TemporalMean(), RandomNoise(), Chain((TemporalMean(), Contrast()))])
def test_a_sound_defense_passes_all_checks(defense: Defense) -> None:
    check_defense(defense)


@dataclass(frozen=True)
class NeedsTooFew(TemporalMean):
    """It forgets the frame after."""

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(indices)


@dataclass(frozen=True)
class LooksAtTheClip(Contrast):
    """Its result depends on what else is in the clip."""

    def defend_frames(self, frames: Tensor) -> Tensor:
        return frames.mean(0, keepdim=True).expand_as(frames).clone()


@dataclass(frozen=True)
class Unclamped(Contrast):
    def defend_frames(self, frames: Tensor) -> Tensor:
        return frames + 0.1


@dataclass(frozen=True)
class ChangesItsInput(TemporalMean):
    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        clip.frames.detach().mul_(0.5)
        return super().defend(clip, indices)


@dataclass(frozen=True)
class Darkens(Contrast):
    def defend_frames(self, frames: Tensor) -> Tensor:
        return frames * 0.9


@dataclass(frozen=True)
class Restless(Contrast):
    def defend_frames(self, frames: Tensor) -> Tensor:
        return clamp_straight_through(frames + 0.01 * torch.rand(frames.shape))


@dataclass(frozen=True)
class AlwaysTheSameDraw(RandomNoise):
    def generator(self) -> Generator:
        return Generator().manual_seed(0)


@dataclass(frozen=True)
class WithoutGradient(Contrast):
    def defend_frames(self, frames: Tensor) -> Tensor:
        return super().defend_frames(frames.detach()) + 0 * frames


@dataclass(frozen=True)
class HalfAGradient(Contrast):
    def defend_frames(self, frames: Tensor) -> Tensor:
        return super().defend_frames(0.5 * frames + 0.5 * frames.detach())


@dataclass(frozen=True)
class NotTheIdentity(Contrast):
    gradient: ClassVar[GradientKind] = "straight-through"


@dataclass(frozen=True)
class ClaimsTooMuch(Contrast):
    passes_low_frequencies: ClassVar[bool] = True


@dataclass(frozen=True)
class ClaimsToPassConstants(Contrast):
    passes_constant_in_time: ClassVar[bool] = True


@dataclass(frozen=True)
class AcceptsAnyIndex(RandomDefense):
    depends_on: ClassVar[FrameDependence] = "itself"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = True
    null_space: ClassVar[str] = "A pattern of any kind."

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(indices)

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        return clip.frames_at(indices)


@dataclass(frozen=True)
class Wordless(Contrast):
    null_space: ClassVar[str] = "smooth ones"


@dataclass(frozen=True)
class RandomByName(Contrast):
    deterministic: ClassVar[bool] = False


@pytest.mark.parametrize(
    ("check", "defense", "sentence"),
    [
        (checks.check_partial_defense, NeedsTooFew(), "is needed but is not among"),
        (checks.check_partial_defense, LooksAtTheClip(), "differ from the whole way"),
        (checks.check_shape_and_range, Unclamped(), "not within"),
        (checks.check_shape_and_range, ChangesItsInput(), "the input was changed"),
        (checks.check_flat_videos, Darkens(), "a video of 1.0 changed by 0.1"),
        (checks.check_wrong_arguments, AcceptsAnyIndex(), "must raise a ValueError"),
        (checks.check_determinism, Restless(), "two results"),
        (checks.check_determinism, AlwaysTheSameDraw(), "different seeds gave one result"),
        (checks.check_gradient, WithoutGradient(), "has no gradient"),
        (checks.check_gradient, NotTheIdentity(), "is not that of the identity"),
        (checks.check_exact_gradient, HalfAGradient(), "finite differences disagree"),
        (checks.check_gradient_of_flat_videos, Darkens(), "adds up to 0.9"),
        (checks.check_gray_offset, Darkens(), "of a gray offset, 0.900 passes"),
        (checks.check_null_space, ClaimsTooMuch(), "passes_low_frequencies is True"),
        (checks.check_null_space, ClaimsToPassConstants(), "passes_constant_in_time is True"),
        (checks.check_declarations, Wordless(), "null_space must say"),
        (checks.check_declarations, RandomByName(), "that of a random one gives a copy"),
    ],
)
def test_each_check_catches_a_broken_defense(check: Callable[[Defense], None], defense: Defense, sentence: str) -> None:
    with pytest.raises((AssertionError, ValueError), match=sentence):
        check(defense)
