"""Detectors, as an attacker sees them: an alarm that a perturbation should not set off."""

from typing import Protocol

import torch
from torch import Tensor


class Alarm(Protocol):
    """A detector with videos in front of it. What it looks at depends on the number of the step, on nothing else."""

    def gradient(self, delta: Tensor, step: int) -> Tensor:
        """Of the summed scores of the step's flagged videos, by delta: (P, 3, h, w); zeros where none is flagged."""
        ...

    def cost(self, delta: Tensor, step: int) -> float:
        """What the step's flagged videos cost the attacker, in logits: 0 where none is flagged."""
        ...


def both_ways(margin: Tensor, alarm: Tensor) -> Tensor:
    """One direction for two gradients of the same shape: their sum at equal lengths.

    With a and b of length 1, <a, a + b> = 1 + <a, b> >= 0: to first order no step along it undoes what the other gradient
    wants, however the two lie. It is also what is left of both when each loses its part along the other where they
    conflict (Yu et al., NeurIPS 2020). Selection is the other half of it: a clip that is far over the border and a video
    that is not flagged add nothing (after Bryniarski et al., 2021, arXiv 2106.15023, who take turns between the two
    and project. A pattern for all videos always meets some that are flagged and some that are not yet wrong.)
    """
    return _unit(margin) + _unit(alarm)


def _unit(gradient: Tensor) -> Tensor:
    """At length 1; zeros stay zeros."""
    return gradient / gradient.norm().clamp(min=torch.finfo(gradient.dtype).tiny)
