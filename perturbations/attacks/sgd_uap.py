"""SGD-UAP: sign steps on a cross-entropy that is cut off, so that no clip rules the sum."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from perturbations.attacks.base import Attack, check_settings, gradient_step
from perturbations.gradients import LossInput
from perturbations.losses import cross_entropy_loss
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import ProjectedGradient


@dataclass(frozen=True)
class SgdUap(Attack):
    """max over delta of the mean of min( cross-entropy, limit ).

    The step falls over the run; in the public code its decay never takes effect.

    Args:
        limit: where the cross-entropy is cut off, in nats.
        first_step: as a part of epsilon.
    """

    source: ClassVar[str] = "Shafahi et al., AAAI 2020, eq. 5 and algorithm 2; limit and step of sgd-uap-torch"
    limit: float = 12.0
    first_step: float = 0.8

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("limit", "first_step"))

    def step(self, problem: Problem, state: State, done: float) -> Step:
        def loss(given: LossInput) -> Tensor:
            return cross_entropy_loss(given.logits, given.aims, self.limit)

        return gradient_step(problem, state, ProjectedGradient(self.first_step), loss, done)
