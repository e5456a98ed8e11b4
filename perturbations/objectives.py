"""Objectives: the class that each clip is to lose or to get, and when that is reached.

untargeted       the class that the network saw in the clean video no longer wins
targeted         the target class wins
discriminative   videos of one class lose it, all others keep theirs
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lsap_common import require_whole


class Aims(NamedTuple):
    """The aim for each clip of a batch."""

    classes: Tensor  # (B,) int64: the class in question
    toward: Tensor  # (B,) float32: 1, raise its logit above the others; -1, lower it below another


class Objective(Protocol):
    """What an attack is for. How it gets there is up to the attack."""

    def aims(self, clean_predictions: Tensor) -> Aims:
        """The aim of each clip, from the network's predictions of the clean clips, (B,) int64."""
        ...

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        """Where the objective is reached: predictions (B,) int64, perturbed and clean -> (B,) bool."""
        ...


@dataclass(frozen=True)
class Untargeted:
    """The clean prediction is to lose."""

    def aims(self, clean_predictions: Tensor) -> Aims:
        return Aims(clean_predictions, torch.full(clean_predictions.shape, -1.0, device=clean_predictions.device))

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        return predictions != clean_predictions


@dataclass(frozen=True)
class Targeted:
    """One class is to win on every video.

    Args:
        target: class number.
    """

    target: int

    def __post_init__(self) -> None:
        require_whole("target", self.target, least=0)

    def aims(self, clean_predictions: Tensor) -> Aims:
        classes = torch.full_like(clean_predictions, self.target)
        return Aims(classes, torch.ones(classes.shape, device=classes.device))

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        return predictions == self.target


@dataclass(frozen=True)
class Discriminative:
    """Videos predicted as one class are to lose it, all others are to keep theirs (Li et al., NDSS 2019).

    Args:
        source: number of the class that is attacked.
    """

    source: int

    def __post_init__(self) -> None:
        require_whole("source", self.source, least=0)

    def aims(self, clean_predictions: Tensor) -> Aims:
        return Aims(clean_predictions, torch.where(clean_predictions == self.source, -1.0, 1.0))

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        return (predictions == clean_predictions) != (clean_predictions == self.source)
