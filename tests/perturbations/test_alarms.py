"""Attackers who keep an alarm quiet, in the tiny world."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from perturbations.alarms import both_ways
from perturbations.attacks import Attack
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch
from perturbations.learn import State
from perturbations.problem import Problem
from tests.perturbations.worlds import make_problem, run


@dataclass(frozen=True)
class Brightness:
    """Flags a pattern whose mean is above a limit."""

    limit: float

    def gradient(self, delta: Tensor, step: int) -> Tensor:
        return torch.full_like(delta, float(delta.mean() > self.limit))

    def cost(self, delta: Tensor, step: int) -> float:
        return 100.0 * float(delta.mean() > self.limit)


@pytest.mark.parametrize("angle", [0.0, 1.0, 2.0, 3.0, 3.1])
def test_a_step_for_both_undoes_neither_however_they_lie_and_whatever_their_sizes(angle: float) -> None:
    first = torch.tensor([1e-6, 0.0])
    second = 1e3 * torch.tensor([torch.tensor(angle).cos(), torch.tensor(angle).sin()])
    along = both_ways(first, second)
    assert float(along @ first) >= 0
    assert float(along @ second) >= 0
    assert torch.allclose(along, both_ways(5e4 * first, second))


def test_where_no_alarm_is_raised_the_margin_alone_decides() -> None:
    margin = torch.tensor([3.0, -4.0])
    assert torch.allclose(both_ways(margin, torch.zeros(2)), margin / 5)
    assert both_ways(torch.zeros(2), torch.zeros(2)).tolist() == [0.0, 0.0]


def learned(problem: Problem, attack: Attack, steps: int = 60) -> tuple[float, float]:
    """The mean of the pattern, and the share of clips of the last steps that it wins."""
    state = State(problem.zeros())
    made = run(problem, attack, state, steps, steps)
    return float(state.delta.mean()), sum(step.fooled for step in made[-10:]) / sum(step.clips for step in made[-10:])


@pytest.mark.parametrize("attack", [Lsap(), RandomSearch(grid=2)])
def test_an_attacker_who_knows_the_alarm_stays_below_it_and_wins_all_the_same(attack: Attack) -> None:
    problem = make_problem(levels=48)
    loud, _ = learned(problem, attack)
    limit = loud - 0.02
    quiet, won = learned(replace(problem, alarm=Brightness(limit)), attack)
    assert quiet < limit + 0.005
    assert won > learned(problem, attack, steps=1)[1]


def test_an_attacker_with_an_alarm_who_is_stopped_goes_on_as_if_he_had_not_been(tmp_path: Path) -> None:
    problem = replace(make_problem(), alarm=Brightness(0.0))
    whole, first = State(problem.zeros()), State(problem.zeros())
    run(problem, Lsap(), whole, 12, 12)
    run(problem, Lsap(), first, 5, 12)
    first.save(tmp_path / "state")
    second = State.load(tmp_path / "state")
    run(problem, Lsap(), second, 12, 12)
    assert torch.equal(second.delta, whole.delta)
