"""Learning one perturbation for all videos: gradient, step, project, report.

A step depends only on what came before and on its number, so a run that is stopped and resumed from a saved
`State` ends with the same bits as one that was not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from perturbations.budgets import LEVELS, Budget
from perturbations.objectives import Objective
from perturbations.updates import Memory, Update

Score = Callable[[Tensor], Tensor]


class Batch(NamedTuple):
    """What one step looks at."""

    frames: Tensor  # (B, T, 3, h, w) float32 in [0, 1], clean, at the network's size
    slots: Tensor  # (B, T) int64, which slot of delta each frame gets
    clean_predictions: Tensor  # (B,) int64
    rows: Tensor  # (h, delta's height): delta's way through one video's size to the network ...
    columns: Tensor  # (w, delta's width): ... as rows @ delta @ columns.T


class Step(NamedTuple):
    """What one step found, before it moved delta."""

    number: int  # from 1
    loss: float
    fooled: int  # clips of the batch on which the attacker had won
    clips: int
    gradient_size: float  # mean absolute element


@dataclass
class State:
    """All that a run needs to go on.

    Attributes:
        delta: (P, 3, h, w) float32.
        memory: of the update.
        steps: done so far.
        seconds: spent on them.
    """

    delta: Tensor
    memory: Memory = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Writes the state, whole or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        tensors = {"delta": self.delta} | {f"memory.{name}": value for name, value in self.memory.items()}
        metadata = {"steps": str(self.steps), "seconds": repr(self.seconds)}
        save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, partial, metadata=metadata)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "State":
        """Reads what `save` wrote.

        Raises:
            ValueError: if the file is something else.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            memory = {name.removeprefix("memory."): value for name, value in tensors.items() if name != "delta"}
            return cls(tensors["delta"], memory, int(metadata["steps"]), float(metadata["seconds"]))
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is not a saved state of lsap generate ({error})") from None


def learn(
    score: Score,
    draw: Callable[[int], Batch],
    objective: Objective,
    update: Update,
    budget: Budget,
    state: State,
    progress: Callable[[State], float],
) -> Iterator[Step]:
    """Improves `state.delta` until `progress` reaches 1, one `Step` at a time.

    min over delta in the budget of E [ loss(score(round(clip + way(delta)[slots]))) ], the expectation being over
    what `draw` draws: videos, samplers, phases, sizes.

    Args:
        score: clips (B, T, 3, h, w) in [0, 1] -> logits (B, classes), differentiable.
        draw: the batch of the step with this number.
        objective: the attacker's loss.
        update: from a gradient to the next delta.
        budget: what delta keeps after every step.
        state: changed in place.
        progress: how much of the run is over, from the state.
    """
    if not state.memory:
        state.memory = update.start(state.delta)
    while (done := progress(state)) < 1:
        batch = draw(state.steps)
        logits, losses, gradient = evaluate_gradient(score, batch, objective, state.delta)
        moved = update.next(state.delta, gradient, state.memory, float(budget.epsilon), done)
        state.delta = budget.project(moved)
        state.steps += 1
        won = objective.success(logits.argmax(1), batch.clean_predictions)
        yield Step(state.steps, float(losses.mean()), int(won.sum()), len(won), float(gradient.abs().mean()))


def evaluate_gradient(score: Score, batch: Batch, objective: Objective, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The batch's logits (B, classes), losses (B,), and the gradient of their mean by delta."""
    leaf = delta.detach().requires_grad_()
    at_the_network = batch.rows @ leaf @ batch.columns.T
    clips = add_and_round(batch.frames, at_the_network[batch.slots])
    logits = score(clips)
    losses = objective.loss(logits, batch.clean_predictions)
    (gradient,) = torch.autograd.grad(losses.mean(), leaf)
    return logits.detach(), losses.detach(), gradient


def add_and_round(frames: Tensor, pattern: Tensor) -> Tensor:
    """Frames + pattern, cut to [0, 1] and rounded to 8 bits, as a file and a data loader do.

    The gradient passes the rounding as if it were not there, and stops where the sum was cut.

    Args:
        frames: (..., 3, h, w) float32 in [0, 1].
        pattern: of the same shape.
    """
    perturbed: Tensor = _AddAndRound.apply(frames, pattern)
    return perturbed


class _AddAndRound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, frames: Tensor, pattern: Tensor) -> Tensor:
        total = frames + pattern
        ctx.save_for_backward((total >= 0) & (total <= 1))
        return total.clamp_(0, 1).mul_(LEVELS).round_().div_(LEVELS)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[None, Tensor]:
        (inside,) = ctx.saved_tensors  # type: ignore[attr-defined]  # torch's stubs do not know it
        return None, gradients[0] * inside
