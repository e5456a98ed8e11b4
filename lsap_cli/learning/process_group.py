"""Several processes, on one machine or several, that learn one perturbation together, as `torchrun` starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from lsap_cli.errors import LsapError
from perturbations.problem import Alone, Gather

Value = TypeVar("Value")


@dataclass(frozen=True)
class Together:
    """One of several processes. Only delta's gradient and a few counts travel between them.

    Attributes:
        number: of this process, from 0.
        processes: how many there are.
    """

    number: int
    processes: int

    def total(self, value: Tensor) -> Tensor:
        summed = value.clone()
        distributed.all_reduce(summed)
        return summed


def of_the_first(together: Gather, value: Value) -> Value:
    """What the first process has for this value, in all of them."""
    if together.processes == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box)
    return box[0]


def process_number() -> int:
    """This process's number among those that torchrun started; 0 without it."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def joined(batch: int, device: torch.device) -> Iterator[Gather]:
    """Joins the other processes, where torchrun started several.

    Raises:
        LsapError: if the batch cannot be divided among them.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield Alone()
        return
    if batch % processes:
        raise LsapError(f"--batch {batch} cannot be divided among {processes} processes; use a multiple of {processes}")
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield Together(distributed.get_rank(), processes)
    finally:
        distributed.destroy_process_group()


def own_device(text: str) -> str:
    """`--device` for this process: with several on one machine, `auto` and `cuda` are the GPU of its number there."""
    if "LOCAL_RANK" in os.environ and text in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return text
