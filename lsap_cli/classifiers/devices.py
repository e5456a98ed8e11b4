"""The device that a classifier runs on."""

import torch

from lsap_cli.errors import LsapError


def choose_device(text: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` as a device that is there.

    Raises:
        LsapError: if it is not.
    """
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if text == "cpu":
        return torch.device("cpu")
    kind, _, number = text.partition(":")
    if kind != "cuda" or (number and not number.isdigit()):
        raise LsapError(f"--device {text} is unknown; use auto, cpu, cuda or cuda:N")
    if not torch.cuda.is_available():
        raise LsapError(f"--device {text}: torch finds no CUDA device here; use --device cpu")
    if int(number or 0) >= torch.cuda.device_count():
        raise LsapError(f"--device {text}: there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    return torch.device(text)
