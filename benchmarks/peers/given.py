"""What every peer gets, and what it gives back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from lsap_cli.classifiers import Classifier


class NotInstalled(Exception):
    """A peer's package is not there; the text says how to get it."""


@dataclass(frozen=True)
class Given:
    """What every peer learns from.

    Attributes:
        classifier: the network, in evaluation mode, on the CPU.
        clips: (n, T, 3, h, w) float32 in [0, 1] at the network's size: each fit video through each fitted sampler.
        classes: (n,) int64, the network's predictions of these clips.
        epsilon: of the linf budget, in [0, 1] pixel units.
        seconds: of the processor, for learning.
        seed: of what the peer draws.
    """

    classifier: Classifier
    clips: Tensor
    classes: Tensor
    epsilon: float
    seconds: float
    seed: int

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """(T, 3, h, w)."""
        frames, colors, height, width = self.clips.shape[1:]
        return frames, colors, height, width


@dataclass(frozen=True)
class Learned:
    """What a peer gives back.

    Attributes:
        delta: (T, 3, h, w) in [0, 1] pixel units: one value for each pixel of a clip.
        cpu_seconds: of the processor, that learning took.
        looks: clips that went through the network with a gradient.
    """

    delta: Tensor
    cpu_seconds: float
    looks: int


class Peer(Protocol):
    """A method of another project that learns one perturbation for all clips."""

    @property
    def name(self) -> str:
        """In the table."""
        ...

    @property
    def cannot(self) -> str:
        """What it cannot do of what `lsap generate` does, for the table."""
        ...

    def learn(self, given: Given) -> Learned:
        """Learns for the given seconds of the processor.

        Raises:
            NotInstalled: if its package is not there.
        """
        ...


class CpuClock:
    """Seconds of the processor since it was made, of all threads of this process."""

    def __init__(self) -> None:
        self._start = time.process_time()

    @property
    def seconds(self) -> float:
        return time.process_time() - self._start


class ScoresOfClips(nn.Module):
    """The classifier as a plain module, which counts the clips that it scores with a gradient."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.looks = 0

    def forward(self, clips: Tensor) -> Tensor:
        self.looks += len(clips) if clips.requires_grad else 0
        logits: Tensor = self.classifier.score(clips)
        return logits


def shuffled_batches(count: int, size: int, seed: int) -> Sequence[Tensor]:
    """Numbers of clips in a random order, in batches."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return [order[start : start + size] for start in range(0, count, size)]
