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
    """Push the clean prediction's logit below the best other one, and all clips towards one class that they share.

    The first part is the margin loss of Carlini and Wagner (2017). Alone it over-fits few videos: each is pushed
    over its own nearest border. Universal perturbations that work on unseen inputs lead most of them to a few
    dominant labels (Moosavi-Dezfooli et al., CVPR 2017, section 4), so the second part asks for that: the margin
    of the class that has, over the whole batch, the highest mean logit and is no clip's clean prediction.
    Measured in docs/learning.md.

    Args:
        together: weight of the second part, in [0, 1].
        enough: margin in logits at which a clip counts as done and gives no more gradient.
    """

    together: float = 0.5
    enough: float = 5.0

    def loss(self, logits: Tensor, clean_predictions: Tensor) -> Tensor:
        escape = _margin(logits, clean_predictions).clamp(min=-self.enough)
        if self.together == 0 or len(clean_predictions.unique()) == logits.shape[1]:
            return escape
        shared = _shared_class(logits, clean_predictions)
        join = (-_margin(logits, torch.full_like(clean_predictions, shared))).clamp(min=-self.enough)
        return (1 - self.together) * escape + self.together * join

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


def _shared_class(logits: Tensor, clean_predictions: Tensor) -> int:
    """The class with the highest mean logit over the batch that is no clip's clean prediction."""
    means = logits.detach().mean(0)
    means[clean_predictions] = float("-inf")
    return int(means.argmax())
