"""What one step reports, and all that a learning run needs to go on."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

Memory = dict[str, Tensor]
"""What an attack or an update remembers from step to step, by name."""


class Step(NamedTuple):
    """The figures of one step, of delta before the step moved it."""

    number: int  # from 1
    loss: float
    fooled: int | None  # clips of the batch whose own prediction the perturbation turned; None: not counted
    clips: int
    gradient_size: float  # mean absolute element; 0 for a method without gradients
    step_size: float = 0.0  # in [0, 1] pixel units; 0 where a method has none
    coherence: float | None = None  # of the perturbed clips, in (0, 1]


@dataclass
class State:
    """All that a run needs to go on; a step changes it in place.

    Attributes:
        delta: (P, 3, h, w) float32 in [-1, 1], pixel units.
        memory: of the attack.
        steps: done so far.
        seconds: spent on them.
        queries: clips that the network was asked about for them.
    """

    delta: Tensor
    memory: Memory = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    queries: int = 0

    def move(self, device: torch.device) -> None:
        """Puts delta and the attack's memory on a device."""
        self.delta = self.delta.to(device)
        self.memory = {name: value.to(device) for name, value in self.memory.items()}

    def save(self, path: Path) -> None:
        """Writes the state as one safetensors file, whole or not at all.

        Raises:
            OSError: if it cannot be written.
        """
        partial = path.with_name(f".{path.name}.partial")
        tensors = {"delta": self.delta} | {f"memory.{name}": value for name, value in self.memory.items()}
        metadata = {"steps": str(self.steps), "seconds": repr(self.seconds), "queries": str(self.queries)}
        held = {name: value.cpu().contiguous().clone() for name, value in tensors.items()}
        try:
            partial.write_bytes(save(held, metadata))  # safetensors' own writer raises no OSError for a full disk
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "State":
        """Reads what `save` wrote.

        Raises:
            ValueError: if the file is something else.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                # Copies are aligned as fresh tensors are: kernels round differently where memory begins elsewhere.
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dict
            memory = {name.removeprefix("memory."): value for name, value in tensors.items() if name != "delta"}
            steps, seconds = int(metadata["steps"]), float(metadata["seconds"])
            return cls(tensors["delta"], memory, steps, seconds, int(metadata.get("queries", "0")))
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is not a saved state of lsap generate ({error})") from None
