"""When learning ends."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lsap_cli.learning.learning_loop import LearningLog, run_learning
from lsap_cli.learning.progress_verification import VerifiedProgress
from lsap_cli.learning.schedule import Schedule
from lsap_cli.results.rates import rate_of
from lsap_cli.runs import Run
from perturbations.attacks import Attack
from perturbations.attacks.ifgsm import Ifgsm
from perturbations.attacks.search import RandomSearch
from perturbations.network import CountedNetwork, QueryCounter
from perturbations.state import State
from tests.perturbations.worlds import make_problem


class ScriptedVerifier:
    """Returns prepared counts of fooled videos, and losses, one after the other."""

    samplers = ("uniform", "random")

    def __init__(self, fooled: list[int], losses: list[float]) -> None:
        self._prepared = iter(zip(fooled, losses, strict=True))

    def verify(self, delta: Tensor) -> VerifiedProgress:
        fooled, loss = next(self._prepared)
        return VerifiedProgress({"uniform": rate_of(1, 1), "random": rate_of(fooled, 1)}, fooled == 1, loss)


ALL = [1] * 6


@pytest.mark.parametrize(
    ("fooled", "losses", "steps"),
    [
        (ALL, [-15.0] * 6, 30),
        (ALL, [-5.0, -6.0, -7.0, -7.02, -7.01, -7.01], 50),
        (ALL, [-5.0, -6.2, -6.22, -6.3, -6.4, -6.5], 60),  # slow, but it still falls
        (ALL, [-15.0, -14.0, -13.0, -12.0, -11.0, -10.0], 30),
        ([0, 0, 1, 1, 1, 1], [-15.0] * 6, 50),
        ([1, 1, 0, 1, 1, 0], [-15.0] * 6, 60),
    ],
)
def test_learning_ends_when_all_clips_are_fooled_three_times_in_a_row_and_the_loss_has_settled(
    tmp_path: Path, fooled: list[int], losses: list[float], steps: int
) -> None:
    problem = make_problem()
    state = State(torch.zeros(problem.shape))
    verifier = ScriptedVerifier(fooled, losses)
    with Run(tmp_path / "run", "test", {}, []) as run:
        log = LearningLog(run, tmp_path / "state.safetensors")
        diagnostics = run_learning(problem, Ifgsm(), state, Schedule(60), verifier, log)
        assert state.steps == steps
        assert diagnostics.converged == (steps < 60)

        again = run_learning(problem, Ifgsm(), state, Schedule(60), verifier, log)
    assert state.steps == steps  # a run that was killed after its last step has nothing more to learn
    assert (again.converged, again.losses) == (diagnostics.converged, diagnostics.losses)


def test_learning_ends_when_its_seconds_are_over(tmp_path: Path) -> None:
    problem = make_problem()
    state = State(torch.zeros(problem.shape))
    with Run(tmp_path / "run", "test", {}, []) as run:
        run_learning(problem, Ifgsm(), state, Schedule(None, 0.05), None, LearningLog(run, tmp_path / "state"))
    assert state.steps > 0
    assert state.seconds >= 0.05


@pytest.mark.parametrize(("attack", "clips_of_a_step"), [(Ifgsm(), 1), (RandomSearch(grid=2), 2)])
def test_a_budget_of_queries_is_kept_and_goes_on_with_a_resumed_run(
    tmp_path: Path, attack: Attack, clips_of_a_step: int
) -> None:
    queries = QueryCounter()
    problem = make_problem()
    problem = replace(problem, network=CountedNetwork(problem.network, queries))
    batch = len(problem.draw(0).frames)
    a_step = clips_of_a_step * batch
    verifier = ScriptedVerifier([0] * 20, [-1.0] * 20)
    state = State(torch.zeros(problem.shape))
    with Run(tmp_path / "run", "test", {}, []) as run:
        log = LearningLog(run, tmp_path / "state.safetensors")
        run_learning(problem, attack, state, Schedule(None, queries=3 * a_step + 1), verifier, log, queries)
        assert (state.steps, state.queries) == (3, 3 * a_step)
        state = State.load(tmp_path / "state.safetensors")
        assert state.queries == 3 * a_step
        run_learning(problem, attack, state, Schedule(None, queries=5 * a_step), verifier, log, queries)
    assert (state.steps, state.queries) == (5, 5 * a_step)
