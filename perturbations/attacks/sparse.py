"""Sparse: a pattern on few slots only, so that few frames of a video are touched."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from perturbations.attacks.base import Attack, check_settings, objective_loss, report
from perturbations.bindings import Binding
from perturbations.budgets import Budget
from perturbations.gradients import gradient_at
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import Momentum, normalized


@dataclass(frozen=True)
class Sparse(Attack):
    """min over E of E [ margin ] + group weight |M.E|_2,1, M keeping `slots` of the P slots, evenly spread.

    |E|_2,1 is the sum over slots of |E_t|_2: it pulls whole slots to zero. Its gradient is brought to the length of the
    margin's, times `group`.

    Args:
        slots: how many of the binding's slots carry the pattern; the rest stay zero.
        group: weight of |E|_2,1.
        first_step: as a part of epsilon.
    """

    source: ClassVar[str] = "Wei et al., AAAI 2019, eq. 2-3"
    slots: int = 4
    group: float = 0.1
    first_step: float = 0.1

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("first_step",), from_zero=("group",))

    @property
    def binding(self) -> str:
        return "cyclic:16"

    def check(self, binding: Binding, budget: Budget) -> None:
        if not 1 <= self.slots <= binding.period:
            raise ValueError(
                f"sparse is to touch {self.slots} slots, but the binding {binding} has {binding.period}; use "
                "sparse:slots=1 or more, up to the binding's number"
            )

    def step(self, problem: Problem, state: State, done: float) -> Step:
        update = Momentum(self.first_step)
        mask = self._mask(problem)
        batch = problem.draw(state.steps)
        result = gradient_at(problem, batch, state.delta, objective_loss())
        pull = state.delta / state.delta.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
        gradient = mask * (normalized(result.gradient * mask) + self.group * normalized(pull))
        state.delta = mask * update.next(state.delta, gradient, state.memory, problem.budget, done)
        return report(problem, state, batch, result, update.size(problem.budget, done))

    def _mask(self, problem: Problem) -> Tensor:
        mask = torch.zeros(problem.shape[0], 1, 1, 1, device=problem.device)
        mask[[number * problem.shape[0] // self.slots for number in range(self.slots)]] = 1
        return mask
