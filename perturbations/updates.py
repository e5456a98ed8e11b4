"""From a gradient to the next delta: one small interface, step sizes as parts of epsilon.

momentum   steps of one size along accumulated gradients
apg        accelerated proximal gradient, LSAP's own
pgd        steps of one size along the gradient
sgd        steps along the gradient
adam       Adam
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from perturbations.budgets import Budget

Memory = dict[str, Tensor]
Schedule = Literal["cosine", "constant"]


class Update(Protocol):
    """A rule for one step. Its state is in `memory`, so that a run can be stopped and resumed."""

    def size(self, budget: Budget, progress: float) -> float:
        """The step's size in [0, 1] pixel units."""
        ...

    def extrapolated(self, delta: Tensor, memory: Memory) -> Tensor:
        """Where the gradient is taken: delta itself, or a point ahead of it for accelerated methods: (P, 3, h, w)."""
        ...

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, budget: Budget, progress: float) -> Tensor:
        """Delta after one step downhill, within the budget; changes `memory`.

        Args:
            delta: (P, 3, h, w) float32.
            gradient: at `extrapolated`, of the same shape.
            memory: from the step before; empty before the first.
            budget: step sizes are parts of its epsilon.
            progress: how much of the run is over, in [0, 1).
        """
        ...


@dataclass(frozen=True)
class _Steps:
    """Step sizes.

    Args:
        first_step: the first step's size, as a part of epsilon.
        schedule: cosine (falls to 0 with half a cosine over the run) or constant.
    """

    first_step: float = 0.1
    schedule: Schedule = "cosine"

    def extrapolated(self, delta: Tensor, memory: Memory) -> Tensor:
        return delta

    def size(self, budget: Budget, progress: float) -> float:
        """The step's size in [0, 1] pixel units."""
        return step_size(self.first_step, float(budget.epsilon), progress, self.schedule)


@dataclass(frozen=True)
class Momentum(_Steps):
    """Steps of one size along accumulated gradients (MI-FGSM, Dong et al., CVPR 2018, eq. 6, 7; also for l2).

    Args:
        momentum: how much of the earlier gradients is kept, in [0, 1).
    """

    momentum: float = 0.9

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, budget: Budget, progress: float) -> Tensor:
        before = memory.get("momentum", torch.zeros_like(delta))
        scale = gradient.abs().mean().clamp(min=torch.finfo(gradient.dtype).tiny)
        memory["momentum"] = self.momentum * before + gradient / scale
        return budget.project(delta - self.size(budget, progress) * steepest_ascent(memory["momentum"], budget))


@dataclass(frozen=True)
class AcceleratedProximal(_Steps):
    """LSAP's accelerated proximal update, with a restart.

        Z = R_k + k / (k + 3) (R_k - R_{k-1})        R_{k+1} = prox(Z - step * direction(grad f(Z)))

    The prox of the budget's indicator is the projection. The gradient's length says little for a network, so the
    step has one size, and goes along the steepest descent in the budget's own norm. k goes back to 0 when the step
    and the gradient point the same way, uphill (gradient restart, O'Donoghue and Candes, 2015, eq. 13).
    """

    def extrapolated(self, delta: Tensor, memory: Memory) -> Tensor:
        if "before" not in memory:
            return delta
        k = float(memory["k"])
        return delta + k / (k + 3) * (delta - memory["before"])

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, budget: Budget, progress: float) -> Tensor:
        ahead = self.extrapolated(delta, memory)
        moved = budget.project(ahead - self.size(budget, progress) * steepest_ascent(gradient, budget))
        uphill = bool((gradient * (moved - delta)).sum() > 0)
        k = memory.get("k", torch.zeros((), device=delta.device))
        memory["k"] = torch.zeros_like(k) if uphill else k + 1
        memory["before"] = delta.clone()
        return moved


@dataclass(frozen=True)
class ProjectedGradient(_Steps):
    """Projected gradient descent: steps of one size (Madry et al., ICLR 2018)."""

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, budget: Budget, progress: float) -> Tensor:
        return budget.project(delta - self.size(budget, progress) * steepest_ascent(gradient, budget))


@dataclass(frozen=True)
class GradientDescent(_Steps):
    """Steps along the gradient, with momentum; the gradient is brought to a root mean square of 1.

    Args:
        momentum: how much of the earlier steps is kept, in [0, 1).
    """

    momentum: float = 0.9

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, budget: Budget, progress: float) -> Tensor:
        before = memory.get("momentum", torch.zeros_like(delta))
        memory["momentum"] = self.momentum * before + (1 - self.momentum) * normalized(gradient)
        return budget.project(delta - self.size(budget, progress) * memory["momentum"])


@dataclass(frozen=True)
class Adam(_Steps):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1), projected.

    Args:
        beta1: decay of the mean of gradients.
        beta2: decay of the mean of their squares.
    """

    beta1: float = 0.9
    beta2: float = 0.99

    def next(self, delta: Tensor, gradient: Tensor, memory: Memory, budget: Budget, progress: float) -> Tensor:
        direction = adam_direction(gradient, memory, self.beta1, self.beta2)
        return budget.project(delta - self.size(budget, progress) * direction)


def adam_direction(gradient: Tensor, memory: Memory, beta1: float, beta2: float) -> Tensor:
    """Adam's step of size 1 for any parameter; `memory` holds its two means and the count."""
    zeros = torch.zeros_like(gradient)
    count = memory.get("count", torch.zeros((), device=gradient.device)) + 1
    mean = beta1 * memory.get("mean", zeros) + (1 - beta1) * gradient
    square = beta2 * memory.get("square", zeros) + (1 - beta2) * gradient.square()
    memory.update(count=count, mean=mean, square=square)
    tiny = torch.finfo(gradient.dtype).tiny
    return (mean / (1 - beta1**count)) / (square / (1 - beta2**count)).sqrt().clamp(min=tiny)


def steepest_ascent(gradient: Tensor, budget: Budget) -> Tensor:
    """The direction of steepest ascent in the budget's norm: the sign for linf, the gradient at an RMS of 1 for l2."""
    return gradient.sign() if budget.norm == "linf" else normalized(gradient)


def normalized(gradient: Tensor) -> Tensor:
    """The gradient at a root mean square of 1; zeros stay zeros."""
    return gradient / gradient.square().mean().sqrt().clamp(min=torch.finfo(gradient.dtype).tiny)


def step_size(first_step: float, epsilon: float, progress: float, schedule: Schedule = "cosine") -> float:
    """Half a cosine from `first_step * epsilon` to 0, or always the same."""
    if schedule == "constant":
        return first_step * epsilon
    return first_step * epsilon * 0.5 * (1 + math.cos(math.pi * progress))


UPDATES: dict[str, type[Update]] = {
    "momentum": Momentum,
    "apg": AcceleratedProximal,
    "pgd": ProjectedGradient,
    "sgd": GradientDescent,
    "adam": Adam,
}
