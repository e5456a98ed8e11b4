"""GD-UAP: data-free; the pattern alone maximizes the response of every layer of the network."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from perturbations.attacks.base import Attack, check_settings, report, small_noise
from perturbations.gradients import LossInput, gradient_at
from perturbations.losses import layer_response
from perturbations.problem import Batch, Problem
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
        for one in problem.networks:
            clip = one.draw(0).part(0, 1)
            with torch.no_grad():
                activations = one.network.outputs(clip.through(clip.frames), "activations").activations
            if not activations:
                raise ValueError("gd-uap excites layers, and this network has none that can be looked into; use lsap")
        state.delta = problem.budget.project(small_noise(problem))

    def step(self, problem: Problem, state: State, done: float) -> Step:
        def loss(given: LossInput) -> Tensor:
            assert given.activations is not None
            return -layer_response(given.activations, len(given.logits))

        gray = problem.draw(state.steps).changed(_one_gray_clip)
        update = Adam(self.rate)
        result = gradient_at(problem, gray, state.delta, loss, "activations")
        state.delta = update.next(state.delta, result.gradient, state.memory, problem.budget, done)
        step = report(problem, state, gray, result, update.size(problem.budget, done))
        return step._replace(fooled=0, clips=0)


def _one_gray_clip(batch: Batch) -> Batch:
    first = batch.part(0, 1)
    return first._replace(frames=torch.full_like(first.frames, 0.5))
