"""From a gradient to the next delta. The budget's projection follows in `learn`."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Memory = dict[str, Tensor]


class Update(Protocol):
    """A rule for one step. What it remembers is in `memory`, so that a run can be stopped and resumed."""

    def start(self, delta: Tensor) -> Memory:
        """The memory before the first step."""
        ...

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, epsilon: float, progress: float) -> Tensor:
        """Delta after one step downhill, not yet projected; changes `memory`.

        Args:
            delta: (P, 3, h, w) float32.
            gradient: of the loss, of the same shape.
            memory: from `start` or the step before.
            epsilon: the budget, in [0, 1]: step sizes are parts of it.
            progress: how much of the run is over, in [0, 1).
        """
        ...


@dataclass(frozen=True)
class MomentumSign:
    """Sign steps with momentum (MI-FGSM, Dong et al., CVPR 2018, eq. 6-7) and a step that falls like a cosine.

    Args:
        first_step: the first step's size, as a part of epsilon.
        momentum: how much of the earlier gradients is kept, in [0, 1).
    """

    first_step: float = 0.1
    momentum: float = 0.9

    def start(self, delta: Tensor) -> Memory:
        return {"momentum": torch.zeros_like(delta)}

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, epsilon: float, progress: float) -> Tensor:
        normalized = gradient / gradient.abs().mean().clamp(min=torch.finfo(gradient.dtype).tiny)
        memory["momentum"] = self.momentum * memory["momentum"] + normalized
        return delta - step_size(self.first_step, epsilon, progress) * memory["momentum"].sign()


def step_size(first_step: float, epsilon: float, progress: float) -> float:
    """Half a cosine from `first_step * epsilon` to 0."""
    return first_step * epsilon * 0.5 * (1 + math.cos(math.pi * progress))
