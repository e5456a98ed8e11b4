"""A constraint besides the budget: a detector whose threshold the scores of perturbed videos should stay below."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from perturbations.state import Memory

MARGIN_DECAY = 0.9  # of the running mean of the margin's unit gradients: about ten steps
CONSTRAINT_DECAY = 0.7  # of the constraint's: about three steps, so that it ends soon after the last flagged video
MARGIN_MEAN, CONSTRAINT_MEAN = "mean margin", "mean alarm"  # keys of saved states


class ConstraintGradient(NamedTuple):
    """A detector's result on the videos of a step with the perturbation in them.

    Attributes:
        gradient: (P, 3, h, w), of the summed scores of the flagged videos by delta; zeros where none is flagged.
        flagged: the share of the step's videos that are flagged, in [0, 1].
    """

    gradient: Tensor
    flagged: float


class Constraint(Protocol):
    """A detector and videos to show it. What it returns depends on delta and the step's number, on nothing else."""

    @property
    def tolerated(self) -> float:
        """The share of flagged videos at which the constraint weighs as much as the margin; above 0."""
        ...

    def gradient_at(self, delta: Tensor, step: int) -> ConstraintGradient:
        """The gradient of the scores of the step's flagged videos."""
        ...

    def cost(self, delta: Tensor, step: int) -> float:
        """For attacks without gradients: the cost of the step's flagged videos in logits, 0 where none is flagged."""
        ...


def constrained_direction(margin: Tensor, violation: ConstraintGradient, tolerated: float, memory: Memory) -> Tensor:
    """The ascent direction of margin and constraint: mean(m / |m|) + mean(flagged * a / |a|) / tolerated.

    The means run over the last steps; they replace an update's momentum, which would scale each step's gradient by
    itself and so lose the share of flagged videos. Where more videos than `tolerated` are flagged, the second part is
    longer and the step lowers their scores first; where fewer are, it lowers the margin. That is the selection between
    two objectives of Bryniarski et al., 2021 (arXiv 2106.15023), in expectation: they take turns on one input and
    project one gradient off the other, but a pattern for all videos always meets some that are flagged and some that
    are not yet misclassified.

    Args:
        margin: m, (P, 3, h, w); zeros where the objective is reached on all clips.
        violation: a, and the share of flagged videos.
        tolerated: the share at which both parts have the same weight.
        memory: of the attack; the means are kept in it.
    """
    of_margin = _running_mean(memory, MARGIN_MEAN, _unit(margin), MARGIN_DECAY)
    weighted = violation.flagged * _unit(violation.gradient)
    return of_margin + _running_mean(memory, CONSTRAINT_MEAN, weighted, CONSTRAINT_DECAY) / tolerated


def _running_mean(memory: Memory, name: str, value: Tensor, decay: float) -> Tensor:
    """The mean after one more value; it starts from zeros."""
    mean = decay * memory.get(name, torch.zeros_like(value)) + (1 - decay) * value
    memory[name] = mean
    return mean


def _unit(gradient: Tensor) -> Tensor:
    """At length 1; zeros stay zeros."""
    length: Tensor = gradient.norm()
    return gradient / length.clamp(min=torch.finfo(gradient.dtype).tiny)
