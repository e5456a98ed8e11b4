"""What every method of finding a perturbation has in common."""

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from perturbations.gradients import Found, Loss, Seen, gradient_at
from perturbations.learn import State, Step
from perturbations.losses import margin_loss
from perturbations.problem import Batch, Inside, Problem
from perturbations.seeds import seeded
from perturbations.updates import Update

ENOUGH = 5.0  # logits over the border at which a clip counts as done


class Attack(Protocol):
    """A method. Concrete ones inherit, as frozen dataclasses whose fields are their settings; `ATTACKS` lists them.

    A step draws the batch `problem.draw(state.steps)`, changes `state.delta` and `state.memory`, and nothing else.
    It leaves delta within the budget. What it draws at random depends on `problem.seed` and `state.steps` only.
    """

    source: ClassVar[str]
    """Where the method is from."""

    uses_gradients: ClassVar[bool] = True
    """Whether a step without any gradient is worth a warning."""

    @property
    def binding(self) -> str:
        """The binding that is taken where the user names none."""
        return "cyclic:4"

    def start(self, problem: Problem, state: State) -> None:
        """Before the first step; `state.delta` holds zeros.

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
    """Refuses numbers that a method cannot work with.

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


def descend(problem: Problem, state: State, update: Update, loss: Loss, done: float, *wanted: Inside) -> Step:
    """Gradient, step, project, report: the step of all methods that learn delta itself.

    Args:
        problem: what is attacked.
        state: changed in place.
        update: from the gradient to the next delta.
        loss: what learning makes small.
        done: how much of the run is over.
        wanted: what the loss looks at beside the logits.
    """
    batch = problem.draw(state.steps)
    found = gradient_at(problem, batch, update.look_at(state.delta, state.memory), loss, *wanted)
    state.delta = update.next(state.delta, found.gradient, state.memory, problem.budget, done)
    return report(problem, state, batch, found, update.size(problem.budget, done))


def report(problem: Problem, state: State, batch: Batch, found: Found, step_size: float = 0.0) -> Step:
    """The step's figures, over all processes."""
    won = problem.objective.success(found.logits.argmax(1), batch.clean_predictions)
    part = torch.stack(
        [found.losses.sum().float(), won.sum().float(), torch.tensor(float(len(won)), device=won.device)]
    )
    loss, fooled, clips = problem.together.total(part).tolist()
    return Step(state.steps + 1, loss / clips, int(fooled), int(clips), float(found.gradient.abs().mean()), step_size)


def objective_loss(problem: Problem, enough: float = ENOUGH) -> Loss:
    """The margin of what the objective asks for."""

    def loss(seen: Seen) -> Tensor:
        return margin_loss(seen.logits, problem.objective.aims(seen.batch.clean_predictions), enough)

    return loss


def pull_back(make: Callable[[Tensor], Tensor], parameters: Tensor, gradient: Tensor) -> Tensor:
    """The gradient by the parameters of delta = make(parameters), from the gradient by delta."""
    leaf = parameters.detach().requires_grad_()
    (by_parameters,) = torch.autograd.grad(make(leaf), leaf, gradient)
    return by_parameters


def small_noise(problem: Problem) -> Tensor:
    """Where methods begin whose gradient is zero at a delta of zeros: noise of a tenth of epsilon."""
    noise = torch.randn(problem.shape, generator=seeded(problem.seed, "first delta"))
    return (0.1 * problem.epsilon * noise).to(problem.device)
