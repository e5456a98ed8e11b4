"""Attacks under a constraint, in the tiny world."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from perturbations.attacks import Attack
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch
from perturbations.constraints import ConstraintGradient, constrained_direction
from perturbations.problem import Problem
from perturbations.state import State
from tests.perturbations.worlds import make_problem, run


@dataclass(frozen=True)
class Brightness:
    """Flags a pattern whose mean is above a limit."""

    limit: float
    tolerated: float = 0.2

    def gradient_at(self, delta: Tensor, step: int) -> ConstraintGradient:
        flagged = float(delta.mean() > self.limit)
        return ConstraintGradient(torch.full_like(delta, flagged), flagged)

    def cost(self, delta: Tensor, step: int) -> float:
        return 100.0 * float(delta.mean() > self.limit)


def test_both_gradients_weigh_the_same_at_the_tolerated_share_whatever_their_sizes() -> None:
    margin, alarm = torch.tensor([1e-6, 0.0]), torch.tensor([0.0, 1e3])
    for flagged in (0.1, 0.2, 0.8):
        memory: dict[str, Tensor] = {}
        for _ in range(200):
            along = constrained_direction(margin, ConstraintGradient(alarm, flagged), 0.2, memory)
        assert along.tolist() == pytest.approx([1.0, flagged / 0.2], rel=1e-4)


def test_a_flagged_video_is_remembered_but_not_for_long() -> None:
    memory: dict[str, Tensor] = {}
    margin, quiet = torch.tensor([1.0, 0.0]), ConstraintGradient(torch.zeros(2), 0.0)
    first = float(constrained_direction(margin, ConstraintGradient(torch.tensor([0.0, 7.0]), 1.0), 0.2, memory)[1])
    after = [float(constrained_direction(margin, quiet, 0.2, memory)[1]) for _ in range(10)]
    assert after[:2] == pytest.approx([0.7 * first, 0.49 * first])
    assert after[9] < 0.03 * first


def test_where_nothing_is_flagged_the_margin_alone_decides() -> None:
    quiet = ConstraintGradient(torch.zeros(2), 0.0)
    along = constrained_direction(torch.tensor([3.0, -4.0]), quiet, 0.2, {})
    assert torch.allclose(along / along.norm(), torch.tensor([0.6, -0.8]))
    assert constrained_direction(torch.zeros(2), quiet, 0.2, {}).tolist() == [0.0, 0.0]


def learned(problem: Problem, attack: Attack, steps: int = 60) -> tuple[float, float]:
    """The mean of the pattern, and the share of clips of the last steps that it wins."""
    state = State(problem.zeros())
    made = run(problem, attack, state, steps, steps)
    return float(state.delta.mean()), sum(step.fooled or 0 for step in made[-10:]) / sum(
        step.clips for step in made[-10:]
    )


@pytest.mark.parametrize("attack", [Lsap(update="pgd", enough=5), RandomSearch(grid=2)])
def test_an_attack_under_a_constraint_stays_within_it_and_still_fools(attack: Attack) -> None:
    problem = make_problem(levels=48)
    loud, _ = learned(problem, attack)
    limit = loud - 0.02
    quiet, won = learned(replace(problem, constraint=Brightness(limit)), attack)
    assert quiet < limit + 0.005
    assert won > learned(problem, attack, steps=1)[1]


def test_an_attack_under_a_constraint_that_is_resumed_ends_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    problem = replace(make_problem(), constraint=Brightness(0.0))
    whole, first = State(problem.zeros()), State(problem.zeros())
    run(problem, Lsap(), whole, 12, 12)
    run(problem, Lsap(), first, 5, 12)
    first.save(tmp_path / "state")
    second = State.load(tmp_path / "state")
    run(problem, Lsap(), second, 12, 12)
    assert torch.equal(second.delta, whole.delta)
