"""Several networks that one perturbation is learned against: one problem made of the problem of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from torch import Tensor

from perturbations.network import Internal, NetworkOutput
from perturbations.objectives import Aims, Objective
from perturbations.problem import Batch, Combination, Problem

COMBINATIONS: tuple[str, ...] = get_args(Combination)


def ensemble_problem(problems: Sequence[Problem], combine: Combination = "mean") -> Problem:
    """One problem of several networks, whose step follows the mean of their losses or the highest one.

    Args:
        problems: one for each network, with delta of the same shape, binding, budget and group. Size and number of
            frames, classes, and the number of the target class may differ.
        combine: mean or max, of the networks' mean losses over a batch.

    Returns:
        The problem; with one network, that network's own.

    Raises:
        ValueError: if there are no problems, or they do not share one delta.
    """
    if not problems:
        raise ValueError("an ensemble has no network; give at least one problem")
    if combine not in COMBINATIONS:
        raise ValueError(f"combine is '{combine}'; use {' or '.join(COMBINATIONS)}")
    first = problems[0]
    shared = [(one.shape, one.binding, one.budget, one.group, one.device) for one in problems]
    if any(one != shared[0] for one in shared):
        raise ValueError("the problems of an ensemble differ in delta's shape, binding, budget, group or device")
    if len(problems) == 1:
        return first
    numbered = tuple(replace(one, number=number) for number, one in enumerate(problems))
    return replace(
        first,
        network=_NoSingleNetwork(len(numbered)),
        draw=_joined_draws(numbered),
        objective=_shared_objective(numbered),
        surrogates=numbered,
        combine=combine,
    )


def _joined_draws(problems: Sequence[Problem]) -> Callable[[int], Batch]:
    def draw(step: int) -> Batch:
        first, *others = (one.draw(step) for one in problems)
        return first._replace(others=tuple(others))

    return draw


def _shared_objective(problems: Sequence[Problem]) -> Objective:
    objectives = [one.objective for one in problems]
    return objectives[0] if all(one == objectives[0] for one in objectives) else _NoSingleObjective(len(objectives))


@dataclass(frozen=True)
class _NoSingleNetwork:
    """Refuses a method that asks one network where there are several."""

    networks: int

    def score(self, clips: Tensor) -> Tensor:
        raise ValueError(self._reason)

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        raise ValueError(self._reason)

    @property
    def _reason(self) -> str:
        return (
            f"this method asks one network by itself, and there are {self.networks}; give one model, or a method that "
            "gets losses and gradients from gradient_at or losses_at"
        )


@dataclass(frozen=True)
class _NoSingleObjective:
    """Refuses a method that takes the first network's class numbers for all networks."""

    networks: int

    def aims(self, clean_predictions: Tensor) -> Aims:
        raise ValueError(self._reason)

    def success(self, predictions: Tensor, clean_predictions: Tensor) -> Tensor:
        raise ValueError(self._reason)

    @property
    def _reason(self) -> str:
        return (
            f"the goal has another class number in each of {self.networks} networks, and this method takes one; give "
            "one model, or a method whose loss takes the aims that it is given"
        )
