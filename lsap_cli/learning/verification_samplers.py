"""Which samplers the final verification of `generate` looks through."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from lsap_cli.learning.task import LearningTask
from lsap_cli.specs import build_samplers
from perturbations.samplers import Sampler
from perturbations.seeds import seeded

UNSEEN_CLIPS = 10  # of one video: LSAP's set X2


@dataclass(frozen=True)
class NumberedDraw:
    """A random draw of another sampler, so that one video can be verified on several of its clips.

    Attributes:
        sampler: that draws.
        number: of the draw; equal numbers give equal clips.
    """

    sampler: Sampler
    number: int

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        """(views, frames) int64 frame indices; `generator` is not used."""
        own = seeded("drawn", self.number)
        return torch.stack([self.sampler.draw(times, frames, own) for _ in range(views)])

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        """(frames,) int64 frame indices, as the other sampler draws them."""
        return self.sampler.draw(times, frames, generator)


def verification_samplers(task: LearningTask, same_video: bool) -> dict[str, Sampler]:
    """Samplers by name: the classifier's own first, those that were learned through, those that were not.

    Args:
        task: whose samplers they are.
        same_video: whether verification is on other clips of the very video that is learned from.
    """
    if not same_video:
        return build_samplers((task.classifier.sampler_spec, *task.fitted, *task.held_out))
    held_out = list(task.held_out.items())
    drawn = [(number, *held_out[number % len(held_out)]) for number in range(UNSEEN_CLIPS)]
    return {f"{spec}, draw {number}": NumberedDraw(sampler, number) for number, spec, sampler in drawn}
