"""What the attacker wants, as a loss on logits that learning makes small.

untargeted   the class that the network saw in the clean video no longer wins
targeted     the target class wins
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Objective(Protocol):
    """A loss on logits."""

    def loss(self, logits: Tensor, clean_predictions: Tensor) -> Tensor:
        """One number a clip; lower is better for the attacker.

        Args:
            logits: (B, classes) float32, of perturbed clips.
            clean_predictions: (B,) int64, what the network sees in the clean videos.

        Returns:
            (B,) float32.
        """
        ...

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        """Where the attacker has won: (B,) int64 twice -> (B,) bool."""
        ...


@dataclass(frozen=True)
class Untargeted:
    """Push the clean prediction's logit below the best other one (the margin loss of Carlini and Wagner, 2017).

    A clip that is fooled by more than `enough` logits gives no more gradient, so that the others are heard.

    Args:
        enough: margin in logits at which a clip counts as done.
    """

    enough: float = 5.0

    def loss(self, logits: Tensor, clean_predictions: Tensor) -> Tensor:
        return _margin(logits, clean_predictions).clamp(min=-self.enough)

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        return predictions != clean_predictions


@dataclass(frozen=True)
class Targeted:
    """Raise the target's logit above the best other one.

    Args:
        target: class number.
        enough: margin in logits at which a clip counts as done.
    """

    target: int
    enough: float = 5.0

    def loss(self, logits: Tensor, clean_predictions: Tensor) -> Tensor:
        return (-_margin(logits, torch.full_like(clean_predictions, self.target))).clamp(min=-self.enough)

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        return predictions == self.target


def _margin(logits: Tensor, classes: Tensor) -> Tensor:
    """How far each clip's given class is above the best other class: (B,)."""
    own = logits.gather(1, classes[:, None])[:, 0]
    others = logits.scatter(1, classes[:, None], float("-inf")).amax(1)
    return own - others
