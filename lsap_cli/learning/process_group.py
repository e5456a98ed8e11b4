"""A group of processes, on one machine or several, that learn one perturbation, as `torchrun` starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from lsap_cli.errors import LsapError

Value = TypeVar("Value")


@dataclass(frozen=True)
class ProcessGroup:
    """One process among those that learn the same delta; only gradients and a few counts travel between them.

    Attributes:
        number: of this process, from 0.
        processes: how many there are; 1: this one's part is the whole.
    """

    number: int = 0
    processes: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process verifies, and writes the results."""
        return self.number == 0

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each."""
        if self.processes == 1:
            return value
        summed = value.clone()
        distributed.all_reduce(summed)
        return summed

    def from_first(self, value: Value) -> Value:
        """The first process's value, in all of them."""
        if self.processes == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box)
        return box[0]


@contextmanager
def process_group(batch: int, device: torch.device) -> Iterator[ProcessGroup]:
    """Joins the other processes, where torchrun started several.

    Raises:
        LsapError: if the batch cannot be divided among them.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield ProcessGroup()
        return
    if batch % processes:
        raise LsapError(f"--batch {batch} cannot be divided among {processes} processes; use a multiple of {processes}")
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(distributed.get_rank(), processes)
    finally:
        distributed.destroy_process_group()


def device_of_process(text: str) -> str:
    """`--device` for this process: with several on one machine, `auto` and `cuda` are the GPU of its number there."""
    if "LOCAL_RANK" in os.environ and text in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return text
