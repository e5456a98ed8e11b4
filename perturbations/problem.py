"""What an attack works on: batches of clips, a network that looks at them, an objective, a budget."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from perturbations.adding import add_float
from perturbations.alarms import Alarm
from perturbations.bindings import Binding
from perturbations.budgets import Budget
from perturbations.objectives import Objective
from perturbations.resizing import ResizePath


class Batch(NamedTuple):
    """What one step looks at.

    Where learning looks through a defense, S is the number of frames that the defense needs to make the T of a clip;
    without one they are the same.
    """

    frames: Tensor  # (B, S, 3, h, w) float32 in [0, 1], clean, at the network's size
    slots: Tensor  # (B, S) int64, which slot of delta each frame gets; -1: none
    clean_predictions: Tensor  # (B,) int64
    path: ResizePath  # of delta through one video's size to the network
    defend: Callable[[Tensor, int], Tensor] | None = None  # (clips (b, S, ...), number of the first) -> (b, T, ...)

    def through(self, clips: Tensor) -> Tensor:
        """What the network gets of this batch's clips, clean or perturbed: (B, S, ...) -> (B, T, ...)."""
        return clips if self.defend is None else self.defend(clips, 0)

    def perturbed(self, delta: Tensor) -> Tensor:
        """The clips with delta, (P, 3, h', w'), in them, in 8-bit levels, before any defense: (B, S, 3, h, w)."""
        return add_float(self.frames, self.path.forward(delta), self.slots, rounded=True)

    def part(self, start: int, end: int) -> "Batch":
        """Some of the clips."""
        defend = self.defend
        return self._replace(
            defend=None if defend is None else lambda clips, first: defend(clips, start + first),
            frames=self.frames[start:end],
            slots=self.slots[start:end],
            clean_predictions=self.clean_predictions[start:end],
        )


Inside = Literal["features", "activations"]


class Sight(NamedTuple):
    """What a network makes of clips, and what is seen inside of it, where it was wanted."""

    logits: Tensor  # (B, classes)
    features: Tensor | None = None  # of frames, (B, T', D), from before the network pools over time
    activations: list[Tensor] | None = (
        None  # of its layers, which may be none; the first dimension is clips or their frames
    )


class Network(Protocol):
    """The classifier, as far as an attack may look into it.

    Clips are (B, T, 3, h, w) float32 in [0, 1] at the network's size; everything is differentiable.
    """

    def score(self, clips: Tensor) -> Tensor:
        """Logits (B, classes)."""
        ...

    def look(self, clips: Tensor, *wanted: Inside) -> Sight:
        """The same logits, and what is wanted of the network's inside."""
        ...


class Gather(Protocol):
    """How several processes that learn one perturbation put their parts together."""

    @property
    def processes(self) -> int:
        """How many there are."""
        ...

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each."""
        ...


@dataclass(frozen=True)
class Alone:
    """One process: its part is the whole."""

    processes: int = 1

    def total(self, value: Tensor) -> Tensor:
        return value


def _silent(message: str) -> None:
    """Where nobody listens."""


@dataclass(frozen=True)
class Problem:
    """What is to be solved.

    Attributes:
        network: looked at, never changed.
        draw: the batch of a step, from its number; of several processes each draws its own part.
        objective: what the attacker wants.
        budget: what delta keeps after every step.
        binding: frame to slot.
        shape: (P, 3, h, w) of delta.
        frames: T, of a clip.
        classes: of the network.
        seed: of what an attack draws itself.
        device: of delta.
        together: processes that learn the same delta.
        part: clips that go through the network at a time; fewer need less memory. A list of one number, because
            an attack halves it when memory is short.
        say: gets sentences for the user.
        alarm: a detector that the attacker stays below, too; `Lsap` and `RandomSearch` know how.
    """

    network: Network
    draw: Callable[[int], Batch]
    objective: Objective
    budget: Budget
    binding: Binding
    shape: tuple[int, int, int, int]
    frames: int
    classes: int
    seed: int = 0
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - a value, not a call with a state
    together: Gather = Alone()
    part: list[int] = field(default_factory=lambda: [2**30])
    say: Callable[[str], None] = _silent
    alarm: Alarm | None = None

    @property
    def epsilon(self) -> float:
        return float(self.budget.epsilon)

    def zeros(self) -> Tensor:
        """A delta that changes nothing."""
        return torch.zeros(self.shape, device=self.device)
