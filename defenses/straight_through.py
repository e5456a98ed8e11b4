"""The straight-through stand-in that an attacker can put in the place of any defense."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from defenses.base import Defense, FrameDependence, GradientKind
from defenses.clip import Clip, unique_indices
from defenses.gradients import wants_gradient, with_gradient_of


@dataclass(frozen=True)
class StraightThrough(Defense):
    """Any defense with the gradient of the identity: frame n of the result hands its gradient to frame n of the video.

    The values are those of the defense. BPDA with the identity (Athalye, Carlini and Wagner, ICML 2018). What a
    defense itself gives by autograd is its true gradient or a surrogate, see `Defense.gradient`.

    Attributes:
        defense: whose values are used.
    """

    defense: Defense

    @property
    def deterministic(self) -> bool:
        return self.defense.deterministic

    @property
    def depends_on(self) -> FrameDependence:
        return self.defense.depends_on

    @property
    def gradient(self) -> GradientKind:
        return "straight-through"

    @property
    def passes_constant_in_time(self) -> bool:
        return self.defense.passes_constant_in_time

    @property
    def passes_low_frequencies(self) -> bool:
        return self.defense.passes_low_frequencies

    @property
    def passes_stripes(self) -> bool:
        return self.defense.passes_stripes

    @property
    def null_space(self) -> str:
        return self.defense.null_space

    @property
    def flat_error(self) -> float | None:
        return self.defense.flat_error

    @property
    def gray_offset_error(self) -> float:
        return self.defense.gray_offset_error

    @property
    def whole_levels(self) -> bool:
        return self.defense.whole_levels

    @property
    def level_tolerance(self) -> float:
        return self.defense.level_tolerance

    def draw(self, generator: Generator) -> Defense:
        return self if self.deterministic else StraightThrough(self.defense.draw(generator))

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        return unique_indices(torch.cat([self.defense.needs(indices, video_length), indices]))

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        with torch.no_grad():
            values = self.defense.defend(clip, indices)
        if not wants_gradient(clip.frames):
            return values
        return with_gradient_of(clip.frames_at(indices), values)

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        return self.defense.defend_levels(clip, indices)
