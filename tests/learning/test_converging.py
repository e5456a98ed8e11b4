"""When learning ends by itself: the attacker wins everywhere and nothing gets better."""

from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor

from lsap_cli.learning.schedule import QuickVerification, Schedule, run_learning
from lsap_cli.runs import Run
from perturbations.attacks.ifgsm import Ifgsm
from perturbations.learn import State
from tests.perturbations.worlds import make_problem


class Scripted:
    """Says what was written down beforehand: a share that is won, and a loss, each time."""

    def __init__(self, won: list[float], losses: list[float]) -> None:
        self._said = iter(zip(won, losses, strict=True))

    def judge(self, delta: Tensor) -> tuple[float, float, float]:
        won, loss = next(self._said)
        return won, 1.0, loss


ALL = [1.0] * 6


@pytest.mark.parametrize(
    ("won", "losses", "steps"),
    [
        (ALL, [-15.0] * 6, 30),
        (ALL, [-5.0, -6.0, -7.0, -7.02, -7.01, -7.01], 50),
        (ALL, [-5.0, -6.2, -6.22, -6.3, -6.4, -6.5], 60),  # slow, but it still falls
        (ALL, [-15.0, -14.0, -13.0, -12.0, -11.0, -10.0], 30),
        ([0.0, 0.0, 1.0, 1.0, 1.0, 1.0], [-15.0] * 6, 50),
        ([1.0, 1.0, 0.0, 1.0, 1.0, 0.0], [-15.0] * 6, 60),
    ],
)
def test_it_ends_when_all_is_won_three_times_in_a_row_and_the_loss_falls_no_more(
    tmp_path: Path, won: list[float], losses: list[float], steps: int
) -> None:
    problem = make_problem()
    state = State(torch.zeros(problem.shape))
    verification = cast(QuickVerification, Scripted(won, losses))
    with Run(tmp_path / "run", "test", {}, []) as run:
        watch = run_learning(
            problem, Ifgsm(), state, Schedule(60, None), verification, tmp_path / "state.safetensors", run
        )
    assert state.steps == steps
    assert watch.converged == (steps < 60)
