"""Detectors, as an attacker sees them: an alarm that a perturbation should not set off."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from perturbations.updates import Memory

KEPT_MARGIN = 0.9  # of the running mean of the margin's gradients, at each step: about ten steps are remembered
KEPT_ALARM = 0.7  # likewise: about three, so that the pattern does not run on when all is quiet


class Heard(NamedTuple):
    """What an alarm says of a step's videos with the perturbation in them."""

    gradient: Tensor  # (P, 3, h, w): of the summed scores of the flagged videos, by delta; zeros where none is flagged
    flagged: float  # the share of the step's videos that are flagged


class Alarm(Protocol):
    """A detector with videos in front of it. What it looks at depends on the number of the step, on nothing else."""

    @property
    def bearable(self) -> float:
        """The share of flagged videos at which quieting them counts as much as the margin; above 0."""
        ...

    def listen(self, delta: Tensor, step: int) -> Heard:
        """What lowers the scores of the step's flagged videos."""
        ...

    def cost(self, delta: Tensor, step: int) -> float:
        """What the step's flagged videos cost an attacker without gradients, in logits: 0 where none is flagged."""
        ...


def quietly(margin: Tensor, heard: Heard, bearable: float, memory: Memory) -> Tensor:
    """The direction that lowers the margin and keeps videos quiet: mean(m / |m|) + mean(flagged * a / |a|) / bearable.

    The means run over the last steps; they take the place of an update's momentum, which would scale each step's
    gradient by itself and so forget how loud the alarm was. Where more videos than `bearable` are flagged, the second
    part is the longer one and the step goes to quiet them first; where fewer are, it goes on with the margin.
    That is the selection between two aims of Bryniarski et al., 2021 (arXiv 2106.15023), in expectation: they take turns
    on one input and project one gradient off the other, but a pattern for all videos always meets some that are flagged
    and some that are not yet wrong.

    Args:
        margin: m, (P, 3, h, w); zeros where all clips are done.
        heard: a, and the share of flagged videos.
        bearable: at which share both count alike.
        memory: of the attack; the means are kept in it.
    """
    wrong = _running_mean(memory, "mean margin", _unit(margin), KEPT_MARGIN)
    return wrong + _running_mean(memory, "mean alarm", heard.flagged * _unit(heard.gradient), KEPT_ALARM) / bearable


def _running_mean(memory: Memory, name: str, value: Tensor, kept: float) -> Tensor:
    """The mean with one more value, from zeros on."""
    mean = kept * memory.get(name, torch.zeros_like(value)) + (1 - kept) * value
    memory[name] = mean
    return mean


def _unit(gradient: Tensor) -> Tensor:
    """At length 1; zeros stay zeros."""
    length: Tensor = gradient.norm()
    return gradient / length.clamp(min=torch.finfo(gradient.dtype).tiny)
