"""I-FGSM over many videos: sign steps of one fixed size."""

from dataclasses import dataclass
from typing import ClassVar

from perturbations.attacks.base import Attack, check_settings, gradient_step, objective_loss
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import ProjectedGradient


@dataclass(frozen=True)
class Ifgsm(Attack):
    """delta = project( delta - step sign(gradient) ), one batch a step.

    Args:
        step_size: as a part of epsilon; 1/8 is the paper's one level at 8/255.
    """

    source: ClassVar[str] = "Kurakin et al., ICLR workshop 2017, eq. 2, over clips"
    step_size: float = 0.125

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("step_size",))

    def step(self, problem: Problem, state: State, done: float) -> Step:
        return gradient_step(problem, state, ProjectedGradient(self.step_size, "constant"), objective_loss(), done)
