"""Random search without gradients: blocks of full size, changed where that lowers the loss."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from perturbations.attacks.base import Attack, objective_loss, report
from perturbations.gradients import GradientResult, combined_loss, losses_at
from perturbations.problem import Problem
from perturbations.seeds import seeded
from perturbations.state import State, Step

FIRST_SHARE = 0.5  # of the blocks that the first proposals change; the last ones change a single block


@dataclass(frozen=True)
class RandomSearch(Attack):
    """min over s in {-1, 1}^(P x 3 x grid x grid) of E [ margin ], delta = project( epsilon s, block by block ).

    A step draws a batch and a proposal: in a square window of blocks, of one slot or of all, each color gets a new
    sign. Both are evaluated on the same batch, and the better one stays. Windows shrink as the run goes on. That is the
    Square Attack with one pattern for all clips. It needs logits only, so it works where gradients are hidden.

    Args:
        grid: blocks along height and width.
    """

    uses_gradients: ClassVar[bool] = False
    source: ClassVar[str] = "after the Square Attack, Andriushchenko et al., ECCV 2020, algorithms 1 and 2; universal"
    grid: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.grid <= 224:
            raise ValueError(f"grid is {self.grid}; use a number from 1 to 224")

    def start(self, problem: Problem, state: State) -> None:
        if problem.group.processes > 1:
            raise ValueError(
                "random-search tries one pattern after the other and is not spread over processes; use one"
            )
        stripes = _signs((problem.shape[0], 3, 1, self.grid), seeded(problem.seed, "random search"))
        state.memory["signs"] = stripes.expand(-1, -1, self.grid, -1).clone()  # the paper's first pattern
        state.delta = self.pattern(problem, state.memory["signs"])

    def step(self, problem: Problem, state: State, done: float) -> Step:
        signs, batch = state.memory["signs"], problem.draw(state.steps)
        proposed = self._proposal(signs, seeded(problem.seed, "random search", state.steps), done)
        current = losses_at(problem, batch, state.delta, objective_loss())
        delta = self.pattern(problem, proposed)
        candidate = losses_at(problem, batch, delta, objective_loss())
        if _cost(problem, candidate, delta, state.steps) < _cost(problem, current, state.delta, state.steps):
            state.delta, state.memory["signs"], current = delta, proposed, candidate
        return report(problem, state, batch, current, may_ask=False)

    def pattern(self, problem: Problem, signs: Tensor) -> Tensor:
        """Signs (P, 3, grid, grid) -> delta (P, 3, h, w), blocks of equal size up to a pixel."""
        height, width = problem.shape[2:]
        rows = torch.arange(height) * self.grid // height
        columns = torch.arange(width) * self.grid // width
        return problem.budget.project(problem.epsilon * signs[:, :, rows][..., columns].to(problem.device))

    def _proposal(self, signs: Tensor, generator: Generator, done: float) -> Tensor:
        slots = len(signs)
        side = max(1, round(self.grid * math.sqrt(FIRST_SHARE * (1 - done) ** 2)))
        top, left = torch.randint(0, self.grid - side + 1, (2,), generator=generator).tolist()
        everywhere = slots == 1 or bool(torch.randint(0, 2, (), generator=generator))
        chosen = slice(None) if everywhere else int(torch.randint(0, slots, (), generator=generator))
        proposed = signs.clone()
        proposed[chosen, :, top : top + side, left : left + side] = _signs((3, 1, 1), generator)
        return proposed


def _cost(problem: Problem, result: GradientResult, delta: Tensor, step: int) -> float:
    """The mean margin loss, plus the constraint's cost where there is one, in logits."""
    of_constraint = 0.0 if problem.constraint is None else problem.constraint.cost(delta, step)
    return combined_loss(problem, result) + of_constraint


def _signs(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1.0
