"""GD-UAP: data-free; the pattern alone maximizes the response of every layer of the network."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from perturbations.attacks.base import Attack, check_settings, report, small_noise
from perturbations.gradients import LossInput, gradient_at
from perturbations.losses import layer_response
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import Adam


@dataclass(frozen=True)
class GdUap(Attack):
    """max over delta of the sum over layers of log |f_l( gray + delta )|_2, without any video.

    The draw gives only the slots of a clip and the way to the network; its frames are not used, and the report
    counts no clips.

    Args:
        rate: Adam's first step, as a part of epsilon.
    """

    source: ClassVar[str] = "Mopuri et al., TPAMI 2018, eq. 3"
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("rate",))

    def start(self, problem: Problem, state: State) -> None:
        one = problem.draw(0).part(0, 1)
        with torch.no_grad():
            if not problem.network.outputs(one.through(one.frames), "activations").activations:
                raise ValueError("gd-uap excites layers, and this network has none that can be looked into; use lsap")
        state.delta = problem.budget.project(small_noise(problem))

    def step(self, problem: Problem, state: State, done: float) -> Step:
        def loss(given: LossInput) -> Tensor:
            assert given.activations is not None
            return -layer_response(given.activations, len(given.logits))

        batch = problem.draw(state.steps)
        gray = batch.part(0, 1)
        gray = gray._replace(frames=torch.full_like(gray.frames, 0.5))
        update = Adam(self.rate)
        result = gradient_at(problem, gray, state.delta, loss, "activations")
        state.delta = update.next(state.delta, result.gradient, state.memory, problem.budget, done)
        step = report(problem, state, gray, result, update.size(problem.budget, done))
        return step._replace(fooled=0, clips=0)
