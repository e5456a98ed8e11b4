"""Weights of a network: opened without running code, and loaded with every key that does not fit named."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lsap_cli.errors import LsapError

LONGEST_MESSAGE = 400  # characters of a stranger's error that are shown


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_state(path: Path) -> Mapping[str, Tensor]:
    """Weights from a safetensors file, or a `.pt` that holds nothing but weights.

    Raises:
        LsapError: if the file is neither; a pickle that could run code is never opened.
    """
    state: Any
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the loaders raise many kinds; each becomes the same sentence
        raise LsapError(
            f"the weights {path} cannot be opened as safetensors or as a .pt with weights only ({error_text(error)})"
        ) from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise LsapError(f"the weights {path} hold a {type(state).__name__}; a state dict is needed")
    return state


def check_file(path: Path) -> None:
    """Opens weights in the format of their suffix, before any other code reads them.

    Raises:
        LsapError: if they are not that, or could run code.
    """
    if path.suffix != ".safetensors":
        load_state(path)
        return
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            file.keys()
    except Exception as error:  # see load_state
        raise LsapError(f"the weights {path} cannot be opened as safetensors ({error_text(error)})") from None


def load_into(network: nn.Module, state: Mapping[str, Any], weights: str) -> None:
    """Loads weights into a network.

    Args:
        network: changed in place.
        state: its state dict.
        weights: what the weights are called, for the sentence.

    Raises:
        LsapError: naming the keys that are missing, left over, or of another shape.
    """
    own = network.state_dict()
    shapes = {key: tuple(getattr(value, "shape", ())) for key, value in state.items()}
    problems = {
        "it lacks": [key for key in own if key not in shapes],
        "the network has no": [key for key in shapes if key not in own],
        "another shape has": [
            f"{key} ({shapes[key]}, not {tuple(value.shape)})"
            for key, value in own.items()
            if isinstance(value, Tensor) and key in shapes and shapes[key] != tuple(value.shape)
        ],
    }
    parts = [f"{what} {_some(keys)}" for what, keys in problems.items() if keys]
    if parts:
        raise LsapError(f"the weights {weights} do not fit the network {type(network).__name__}: {'; '.join(parts)}")
    network.load_state_dict(state)


def error_text(error: BaseException) -> str:
    """An error's whole message as one line, cut at a word where it is very long."""
    text = " ".join(str(error).split()) or "no message"
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE].rsplit(' ', 1)[0]} …"


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, types, shapes and values of tensors, in hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
