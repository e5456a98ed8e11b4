"""What all attacks have in common: the interface, the usual step, its report."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from lsap_common import check_settings_when_made
from perturbations.bindings import Binding
from perturbations.budgets import Budget
from perturbations.gradients import ClipLoss, GradientResult, LossInput, combined_loss, gradient_at
from perturbations.losses import margin_loss
from perturbations.network import Internal
from perturbations.problem import Batch, Problem
from perturbations.resizing import BILINEAR
from perturbations.seeds import seeded
from perturbations.state import State, Step
from perturbations.updates import Update

COUNT_EVERY = 16  # steps from one count of fooled clips to the next: it costs half of a step
CONFIDENCE = 5.0  # logits over the decision boundary at which a clip has no more gradient


class Attack(Protocol):
    """A method that learns a perturbation.

    Subclasses are frozen dataclasses whose fields are their settings; `ATTACKS` lists them.

    A step draws the batch `problem.draw(state.steps)`, changes `state.delta` and `state.memory`, and nothing else.
    It leaves delta within the budget. What it draws at random depends on `problem.seed` and `state.steps` only.
    """

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        check_settings_when_made(cls)

    source: ClassVar[str]
    """The paper, and what differs from it."""

    old_settings: ClassVar[Mapping[str, str]] = {}
    """Settings that had another name, old to new: specs of earlier runs stay readable."""

    uses_gradients: ClassVar[bool] = True
    """Whether a step without any gradient is worth a warning."""

    @property
    def binding(self) -> str:
        """The binding that is taken where the user names none."""
        return "cyclic:4"

    @property
    def resize(self) -> str:
        """How files enlarge what it learns: a name of `perturbations.resizing.RESIZINGS`."""
        return BILINEAR

    def check(self, binding: Binding, budget: Budget) -> None:
        """Before anything is loaded: whether the method can learn such a pattern at all.

        Raises:
            ValueError: if it cannot, and what would do.
        """
        return

    def start(self, problem: Problem, state: State) -> None:
        """Before the first step, after `check`; `state.delta` holds zeros.

        Raises:
            ValueError: if the method cannot work on this problem, and what would do.
        """
        return

    def step(self, problem: Problem, state: State, done: float) -> Step:
        """One step.

        Args:
            problem: what is attacked.
            state: changed in place, but for its count of steps.
            done: how much of the run is over, in [0, 1).
        """
        ...


def check_settings(attack: Attack, above_zero: Sequence[str] = (), from_zero: Sequence[str] = ()) -> None:
    """Refuses settings out of range.

    Args:
        attack: whose fields they are.
        above_zero: names of fields that must be finite and above 0.
        from_zero: names of fields that must be finite and 0 or above.

    Raises:
        ValueError: if one of them is not.
    """
    for name in (*above_zero, *from_zero):
        value = getattr(attack, name)
        if not math.isfinite(value) or value < 0 or (value == 0 and name in above_zero):
            raise ValueError(f"{name} is {value}; use a number {'above 0' if name in above_zero else 'from 0'}")


def gradient_step(
    problem: Problem, state: State, update: Update, loss: ClipLoss, done: float, *internals: Internal
) -> Step:
    """Gradient, step, project, report: the step of all methods that learn delta itself.

    Args:
        problem: what is attacked.
        state: changed in place.
        update: from the gradient to the next delta.
        loss: that learning lowers.
        done: how much of the run is over, in [0, 1).
        internals: what the loss needs besides the logits.
    """
    batch = problem.draw(state.steps)
    result = gradient_at(problem, batch, update.extrapolated(state.delta, state.memory), loss, *internals)
    state.delta = update.next(state.delta, result.gradient, state.memory, problem.budget, done)
    return report(problem, state, batch, result, update.size(problem.budget, done))


def report(
    problem: Problem,
    state: State,
    batch: Batch,
    result: GradientResult,
    step_size: float = 0.0,
    *,
    may_ask: bool = True,
) -> Step:
    """The step's figures, over all processes; with several networks, `fooled` and `clips` are sums over them.

    An augmented clip that the augmentation alone has turned is not fooled. To know, the network must predict the batch
    without the perturbation, so fooled clips are counted in the first step and every `COUNT_EVERY` steps, and not at
    all where each query counts (`may_ask` is false).
    """
    counted = not batch.augmented or (may_ask and state.steps % COUNT_EVERY == 0)
    won = sum(
        _won(one, own, part) if counted else 0
        for (one, own), part in zip(problem.each(batch), result.of_networks, strict=True)
    )
    clips = sum(len(part.losses) for part in result.of_networks)
    fooled, clips = problem.group.total(torch.tensor([float(won), float(clips)])).tolist()
    size = float(result.gradient.abs().mean())
    loss = combined_loss(problem, result)
    return Step(state.steps + 1, loss, int(fooled) if counted else None, int(clips), size, step_size)


def _won(problem: Problem, batch: Batch, result: GradientResult) -> int:
    """The clips of one network's batch on which the objective is reached."""
    own = _predictions_without(problem, batch) if batch.augmented else batch.clean_predictions
    return int(problem.objective.success(result.logits.argmax(1), own).sum())


def _predictions_without(problem: Problem, batch: Batch) -> Tensor:
    """(B,) int64, of the batch's clips as they are without the perturbation."""
    size = problem.micro_batch.clips
    parts = [batch.part(start, start + size) for start in range(0, len(batch.frames), size)]
    with torch.no_grad():
        return torch.cat([problem.network.score(one.through(one.frames)).argmax(1) for one in parts])


def objective_loss(*, confidence: float = CONFIDENCE) -> ClipLoss:
    """The margin of the objective's classes.

    Args:
        confidence: in logits: a clip that is over the boundary by this much has no more gradient.
    """

    def loss(given: LossInput) -> Tensor:
        return margin_loss(given.logits, given.aims, confidence)

    return loss


def vector_jacobian_product(make: Callable[[Tensor], Tensor], parameters: Tensor, gradient: Tensor) -> Tensor:
    """The gradient by the parameters of delta = make(parameters), from the gradient by delta."""
    leaf = parameters.detach().requires_grad_()
    (by_parameters,) = torch.autograd.grad(make(leaf), leaf, gradient)
    return by_parameters


def small_noise(problem: Problem) -> Tensor:
    """The first delta of methods whose gradient is zero at zeros: noise of a tenth of epsilon, (P, 3, h, w)."""
    noise = torch.randn(problem.shape, generator=seeded(problem.seed, "first delta"))
    return (0.1 * problem.epsilon * noise).to(problem.device)
