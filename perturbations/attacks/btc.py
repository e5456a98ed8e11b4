"""BTC-UAP: a short cycle of patterns that drives the features of neighboring frames apart."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from perturbations.attacks.base import Attack, check_settings, gradient_step, small_noise
from perturbations.gradients import LossInput
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import Adam


@dataclass(frozen=True)
class Btc(Attack):
    """min over delta of mean cos( f(x_t + d_t), f(x_t) ) + gamma mean cos( f(x_t + d_t), f(x_t+1 + d_t+1) ).

    f are frame features of the attacked network; the paper takes an image network, which needs no videos. The
    objective's classes play no part: features are moved away from the clean ones, whatever class that gives.

    Args:
        gamma: weight of the similarity of neighboring frames.
        rate: Adam's first step, as a part of epsilon.
    """

    source: ClassVar[str] = "Kim et al., ICCV 2023; form re-derived from the abstract"
    gamma: float = 1.0
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("rate",), from_zero=("gamma",))

    def start(self, problem: Problem, state: State) -> None:
        state.delta = problem.budget.project(small_noise(problem))

    def step(self, problem: Problem, state: State, done: float) -> Step:
        def loss(given: LossInput) -> Tensor:
            assert given.features is not None
            with torch.no_grad():
                clean = given.problem.network.outputs(given.batch.through(given.batch.frames), "features").features
            assert clean is not None
            away = F.cosine_similarity(given.features, clean, dim=2).mean(1)
            neighbors = F.cosine_similarity(given.features[:, :-1], given.features[:, 1:], dim=2)
            return away if neighbors.shape[1] == 0 else away + self.gamma * neighbors.mean(1)

        return gradient_step(problem, state, Adam(self.rate), loss, done, "features")
