"""Learning one perturbation for all videos: an attack's steps, one after the other, until the run is over.

A step depends only on what came before and on its number, so a run that is stopped and resumed from a saved
`State` ends with the same bits as one that was not.
"""

from collections.abc import Callable, Iterator

from perturbations.attacks.base import Attack
from perturbations.problem import Problem
from perturbations.state import State, Step


def learn(problem: Problem, attack: Attack, state: State, progress: Callable[[State], float]) -> Iterator[Step]:
    """Improves `state.delta` until `progress` reaches 1, one `Step` at a time.

    Args:
        problem: what is attacked, with what, within which budget.
        attack: how; most attacks take a step by `perturbations.attacks.base.gradient_step`: gradient, step, project,
            report.
        state: changed in place.
        progress: how much of the run is over, from the state: 0 at the start, 1 at the end.
    """
    if state.steps == 0:
        attack.check(problem.binding, problem.budget)
        attack.start(problem, state)
    while (done := progress(state)) < 1:
        step = attack.step(problem, state, done)
        state.steps += 1
        yield step
