"""Flickering: one color offset a slot, the same for all pixels of a frame."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from perturbations.attacks.base import Attack, check_settings, report, vector_jacobian_product
from perturbations.gradients import LossInput, gradient_at
from perturbations.losses import margins
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import adam_direction, step_size


@dataclass(frozen=True)
class Flicker(Attack):
    """min over d (P, 3) of E [ l ] + thickness mean(d^2) + roughness ( mean(d'^2) + mean(d''^2) ).

    d' and d'' are first and second differences over the slots, in a circle; d is in [-1, 1] units as in the paper,
    twice delta's. l = max(0, min(z^2 / m, z)), with z the margin of probabilities plus m.

    Args:
        thickness: weight of the size of d.
        roughness: weight of its change from slot to slot.
        edge: m, the margin that counts as safe.
        rate: Adam's first step, as a part of epsilon.
    """

    source: ClassVar[str] = "Pony, Naeh and Mannor, CVPR 2021, eq. 2-6"
    thickness: float = 0.5
    roughness: float = 0.5
    edge: float = 0.05
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("edge", "rate"), from_zero=("thickness", "roughness"))

    @property
    def binding(self) -> str:
        return "cyclic:16"

    def start(self, problem: Problem, state: State) -> None:
        state.memory["colors"] = torch.zeros(problem.shape[0], 3, device=problem.device)

    def step(self, problem: Problem, state: State, done: float) -> Step:
        def make(colors: Tensor) -> Tensor:
            return colors[:, :, None, None].expand(problem.shape)  # colors within epsilon keep both norms

        def loss(given: LossInput) -> Tensor:
            safety = -given.aims.toward * margins(given.logits.softmax(1), given.aims.classes) + self.edge
            return torch.minimum(safety.square() / self.edge, safety).clamp(min=0)

        batch, colors = problem.draw(state.steps), state.memory["colors"]
        result = gradient_at(problem, batch, make(colors), loss)
        gradient = vector_jacobian_product(make, colors, result.gradient) + self._regular(colors)
        direction = adam_direction(gradient, state.memory, 0.9, 0.99)
        rate = step_size(self.rate, problem.epsilon, done)
        state.memory["colors"] = (colors - rate * direction).clamp(-problem.epsilon, problem.epsilon)
        state.delta = make(state.memory["colors"]).clone()
        return report(problem, state, batch, result, rate)

    def _regular(self, colors: Tensor) -> Tensor:
        leaf = colors.detach().requires_grad_()
        d = 2 * leaf
        first = d - d.roll(1, 0)
        second = d.roll(-1, 0) - 2 * d + d.roll(1, 0)
        size = self.thickness * d.square().mean()
        change = self.roughness * (first.square().mean() + second.square().mean())
        (gradient,) = torch.autograd.grad(size + change, leaf)
        return gradient
