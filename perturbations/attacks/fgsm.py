"""FGSM over many videos: one step of the whole budget, along the gradient at zero, summed over all batches."""

from dataclasses import dataclass
from typing import ClassVar

from perturbations.attacks.base import Attack, objective_loss, report
from perturbations.gradients import gradient_at
from perturbations.problem import Problem
from perturbations.state import State, Step
from perturbations.updates import normalized


@dataclass(frozen=True)
class Fgsm(Attack):
    """delta = -epsilon sign( sum over batches of the gradient at delta = 0 ); for l2 along the gradient itself.

    More steps do not iterate: they make the sum one of more clips.
    """

    source: ClassVar[str] = "Goodfellow et al., ICLR 2015, section 4, summed over clips"

    def step(self, problem: Problem, state: State, done: float) -> Step:
        batch = problem.draw(state.steps)
        result = gradient_at(problem, batch, problem.zeros(), objective_loss())
        total = state.memory.get("total", problem.zeros()) + result.gradient
        state.memory["total"] = total
        along = total.sign() if problem.budget.norm == "linf" else normalized(total)
        state.delta = problem.budget.project(-problem.epsilon * along)
        return report(problem, state, batch, result, problem.epsilon)
