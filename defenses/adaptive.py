"""What an attacker puts in a defense's place: the identity's gradient (rung A1 of the ladder) or its own (A2)."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from defenses.base import Defense, Frames, Gradient, each_once, take, wants_gradient, with_gradient_of


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
    def frames(self) -> Frames:
        return self.defense.frames

    @property
    def gradient(self) -> Gradient:
        return "straight-through"

    @property
    def passes_constant_in_time(self) -> bool:
        return self.defense.passes_constant_in_time

    @property
    def passes_low_frequencies(self) -> bool:
        return self.defense.passes_low_frequencies

    @property
    def null_space(self) -> str:
        return self.defense.null_space

    def drawn(self, generator: Generator) -> Defense:
        return StraightThrough(self.defense.drawn(generator))

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        return each_once(torch.cat([self.defense.needs(indices, frame_count), indices]))

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        with torch.no_grad():
            values = self.defense.defend(frames, have, indices, frame_count)
        if not wants_gradient(frames):
            return values
        return with_gradient_of(take(frames, have, indices), values)
