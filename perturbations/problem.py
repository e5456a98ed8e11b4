"""What an attack works on: batches of clips, a network (or several), an objective, a budget."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from perturbations.adding import add_float
from perturbations.bindings import Binding
from perturbations.budgets import Budget
from perturbations.constraints import Constraint
from perturbations.network import Network
from perturbations.objectives import Objective
from perturbations.resizing import DeltaPath

Combination = Literal["mean", "max"]
"""How the losses of several networks become one: their mean, or that of the network whose loss is highest."""


class Batch(NamedTuple):
    """The clips of one step.

    Where learning goes through a defense, S is the number of frames that the defense needs to make the T of a clip;
    without one they are the same.

    Attributes:
        frames: (B, S, 3, h, w) float32 in [0, 1], clean, at the network's size.
        slots: (B, S) int64, which slot of delta each frame gets; -1: none.
        clean_predictions: (B,) int64, the network's classes of the clean clips.
        path: of delta through one video's size to the network.
        defend: (clips (b, S, 3, h, w), number of the first one in the batch) -> (b, T, 3, h, w); None: no defense.
        augmented: whether the clips were changed at random, so that the network may predict another class of them
            than `clean_predictions`, with no perturbation in them.
        others: of a problem with several networks, the batches of the second network and of those after it.
    """

    frames: Tensor
    slots: Tensor
    clean_predictions: Tensor
    path: DeltaPath
    defend: Callable[[Tensor, int], Tensor] | None = None
    augmented: bool = False
    others: tuple["Batch", ...] = ()

    @property
    def of_networks(self) -> tuple["Batch", ...]:
        """The batch of each network."""
        return self._replace(others=()), *self.others

    def changed(self, change: Callable[["Batch"], "Batch"]) -> "Batch":
        """The batch with the change made to that of each network."""
        first, *others = map(change, self.of_networks)
        return first._replace(others=tuple(others))

    def perturbed(self, delta: Tensor) -> Tensor:
        """The clips with delta, (P, 3, h', w'), in them, in 8-bit levels, before any defense: (B, S, 3, h, w)."""
        return add_float(self.frames, self.path.forward(delta), self.slots, rounded=True)

    def through(self, clips: Tensor) -> Tensor:
        """What the network gets of this batch's clips, clean or perturbed: (B, S, ...) -> (B, T, ...)."""
        return clips if self.defend is None else self.defend(clips, 0)

    def part(self, start: int, end: int) -> "Batch":
        """Some of the clips."""
        defend = self.defend
        return self._replace(
            defend=None if defend is None else lambda clips, first: defend(clips, start + first),
            frames=self.frames[start:end],
            slots=self.slots[start:end],
            clean_predictions=self.clean_predictions[start:end],
        )


class SumOverProcesses(Protocol):
    """How several processes that learn one perturbation add up their parts."""

    @property
    def processes(self) -> int:
        """How many there are."""
        ...

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each."""
        ...


@dataclass(frozen=True)
class SingleProcess:
    """One process: its part is the whole."""

    processes: int = 1

    def total(self, value: Tensor) -> Tensor:
        return value


@dataclass
class MicroBatch:
    """How many clips go through the network at a time. Mutable: a step halves it where a GPU's memory is short.

    Attributes:
        clips: at most; fewer need less memory.
    """

    clips: int = 2**30

    def halve(self, batch: int) -> bool:
        """Makes it half of what a batch of that many clips was cut into; False where it is one clip already."""
        if self.clips == 1:
            return False
        self.clips = -(-min(self.clips, batch) // 2)
        return True


def _no_op(message: str) -> None:
    """No-op callback."""


@dataclass(frozen=True)
class Problem:
    """What is to be solved.

    With several networks, each of `surrogates` is the problem of one of them: its own clips, classes and objective.
    What belongs to one network is then reached through these, and `network` and `objective` of the whole raise where
    they would stand for the first network alone (`perturbations.ensemble`).

    Attributes:
        network: is evaluated, never changed.
        draw: the batch of a step, from its number; of several processes each draws its own part.
        objective: what the attacker wants.
        budget: what delta keeps after every step.
        binding: frame to slot.
        shape: (P, 3, h, w) of delta.
        frames: T, of a clip.
        classes: of the network.
        seed: of what an attack draws itself.
        device: of delta.
        group: the processes that learn the same delta.
        micro_batch: the one mutable part. It belongs to whoever makes the problem; copies made by `replace` share it.
        warn: gets sentences for the user.
        constraint: what delta must keep besides the budget, such as a detector's threshold; `Lsap` and `RandomSearch`
            can.
        surrogates: with several networks, the problem of each; empty: there is one.
        combine: how their losses become one.
        number: of the network among several, from 0.
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
    group: SumOverProcesses = SingleProcess()
    micro_batch: MicroBatch = field(default_factory=MicroBatch)
    warn: Callable[[str], None] = _no_op
    constraint: Constraint | None = None
    surrogates: tuple["Problem", ...] = ()
    combine: Combination = "mean"
    number: int = 0

    @property
    def networks(self) -> tuple["Problem", ...]:
        """The problem of each network: itself, where there is one."""
        return self.surrogates or (self,)

    def each(self, batch: Batch) -> Iterator[tuple["Problem", Batch]]:
        """The problem and the batch of each network."""
        return zip(self.networks, batch.of_networks, strict=True)

    def key(self, name: str) -> str:
        """The name under which an attack remembers something about this network."""
        return name if self.number == 0 else f"{name} of network {self.number + 1}"

    @property
    def epsilon(self) -> float:
        """The budget's epsilon in [0, 1] pixel units."""
        return float(self.budget.epsilon)

    def zeros(self) -> Tensor:
        """A delta that changes nothing."""
        return torch.zeros(self.shape, device=self.device)
