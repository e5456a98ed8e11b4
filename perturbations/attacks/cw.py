"""Carlini and Wagner's attack over many videos: small pattern, large margin, variables without a projection."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from perturbations.attacks.base import Attack, check_settings, objective_loss, report, vector_jacobian_product
from perturbations.gradients import gradient_at
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import adam_direction, step_size


@dataclass(frozen=True)
class Cw(Attack):
    """min over w of size_weight mean(tanh(w)^2) + E [ margin ], delta = epsilon tanh(w), by Adam.

    The change of variable keeps linf; for l2, delta = project( epsilon w ) instead.

    Args:
        size_weight: what smallness is worth beside one logit of margin.
        rate: Adam's first step, in units of w.
    """

    source: ClassVar[str] = "Carlini and Wagner, IEEE S&P 2017, section V; one w for all clips"
    size_weight: float = 0.1
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("rate",), from_zero=("size_weight",))

    def start(self, problem: Problem, state: State) -> None:
        state.memory["w"] = problem.zeros()

    def step(self, problem: Problem, state: State, done: float) -> Step:
        def make(w: Tensor) -> Tensor:
            bounded = torch.tanh(w) if problem.budget.norm == "linf" else w
            return problem.budget.project(problem.epsilon * bounded)

        batch, w = problem.draw(state.steps), state.memory["w"]
        result = gradient_at(problem, batch, make(w), objective_loss())
        smaller = 2 * self.size_weight * torch.tanh(w) * (1 - torch.tanh(w).square()) / w.numel()
        direction = adam_direction(
            vector_jacobian_product(make, w, result.gradient) + smaller, state.memory, 0.9, 0.999
        )
        state.memory["w"] = w - step_size(self.rate, 1.0, done) * direction
        state.delta = make(state.memory["w"])
        return report(problem, state, batch, result, problem.epsilon * step_size(self.rate, 1.0, done))
