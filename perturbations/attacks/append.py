"""Appended frames: the video stays as it is, and a few learned frames follow its end."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from perturbations.attacks.base import Attack, check_settings, objective_loss, report
from perturbations.bindings import Binding
from perturbations.budgets import Budget
from perturbations.gradients import gradient_at
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import Momentum


@dataclass(frozen=True)
class Append(Attack):
    """min over E of E [ margin of the video followed by E ], E being whole frames in [0, 1].

    It needs the binding append:K, with a budget of 1: the frames are visible. Under a sampler its
    strength is the chance that the sampler takes appended frames.

    Args:
        first_step: as a part of the whole range of pixels.
    """

    source: ClassVar[str] = "Chen et al., WACV 2021 (Appending Adversarial Frames), without its penalty on the size"
    first_step: float = 0.05

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("first_step",))

    @property
    def binding(self) -> str:
        return "append:16"

    def check(self, binding: Binding, budget: Budget) -> None:
        if binding.kind != "append":
            raise ValueError(f"append needs the binding append:K, such as append:16, not {binding}")
        if budget.norm != "linf" or budget.epsilon < 1:
            raise ValueError("append shows whole frames, which are not small; use --norm linf --epsilon 1")

    def start(self, problem: Problem, state: State) -> None:
        state.delta = torch.full_like(state.delta, 0.5)

    def step(self, problem: Problem, state: State, done: float) -> Step:
        update = Momentum(self.first_step)
        batch = problem.draw(state.steps)
        result = gradient_at(problem, batch, state.delta, objective_loss())
        state.delta = update.next(state.delta, result.gradient, state.memory, problem.budget, done).clamp(0, 1)
        return report(problem, state, batch, result, update.size(problem.budget, done))
