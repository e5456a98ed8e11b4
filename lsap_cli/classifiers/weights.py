"""Weights of a network: opened without running code, and loaded with every key that does not fit named."""

import argparse
import hashlib
import pickle
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lsap_cli.classifiers.checkpoints import beside, misfit, named_as, quantized, state_dict_of, with_tied
from lsap_cli.errors import LsapError

LONGEST_MESSAGE = 400  # characters of a stranger's error that are shown
NO_PICKLE = "it is damaged, or torch.save did not write it"
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
HARMLESS: list[Any] = [  # plain values that training programs save beside weights: settings, and the best score
    argparse.Namespace,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
    np.dtypes.Int64DType,
    np._core.multiarray.scalar,  # type: ignore[attr-defined]  # numpy's own name of it in pickles
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]  # before numpy 2
]


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_state(path: Path, key: str | None = None) -> dict[str, Tensor]:
    """Weights from a safetensors file, or a `.pt` that holds nothing but weights and plain values.

    Args:
        path: of the file.
        key: under which a checkpoint has them; None: where training programs usually put them.

    Raises:
        LsapError: if the file is neither; a pickle that could run code is never opened.
    """
    return state_dict_of(_opened(path), str(path), key)


def _opened(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the loaders raise many kinds; each becomes the same sentence
        raise LsapError(
            f"the weights {path} cannot be opened as safetensors or as a .pt with weights only ({_cause(path, error)})"
        ) from None


def _cause(path: Path, error: Exception) -> str:
    """Why a file could not be opened, in plain words where the reason is known."""
    if path.is_file() and not path.stat().st_size:
        return "it is empty"
    members: list[str] = []
    with suppress(OSError, zipfile.BadZipFile):
        members = zipfile.ZipFile(path).namelist()
    if any(name.endswith("/constants.pkl") for name in members):
        return 'it is a TorchScript archive; write format = "torchscript" in place of factory'
    if any(name.endswith("/models/model.json") for name in members):
        return 'it is an exported program; write format = "pt2" in place of factory'
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    if not found:
        return NO_PICKLE if isinstance(error, pickle.UnpicklingError | LookupError | EOFError) else error_text(error)
    classes: list[str] = [found.group(1)]
    with suppress(Exception):  # a reader of old pickles does not exist
        classes = torch.serialization.get_unsafe_globals_in_checkpoint(path)  # a path works
    if any(name.startswith("torch.nn.modules.") for name in classes):
        return (
            f"it is a whole pickled model, of the class {classes[0]}, and pickles can run code; save its weights "
            "alone: torch.save(model.state_dict(), FILE)"
        )
    return (
        f"it holds a pickled {classes[0]}, and pickles can run code; save the weights alone, as a whole model's are: "
        "torch.save(model.state_dict(), FILE)"
    )


def check_file(path: Path) -> None:
    """Opens weights in the format of their suffix, before any other code reads them.

    Raises:
        LsapError: if they are not that, or could run code.
    """
    if path.suffix != ".safetensors":
        _opened(path)
        return
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            file.keys()
    except Exception as error:  # safetensors has its own kind, the system others; each becomes the same sentence
        raise LsapError(f"the weights {path} cannot be opened as safetensors ({error_text(error)})") from None


def load_into(
    network: nn.Module, state: Mapping[str, Any], weights: str, strip_prefix: str | None = None
) -> tuple[str, ...]:
    """Loads weights into a network.

    Args:
        network: changed in place.
        state: its state dict.
        weights: what the weights are called, for the sentence.
        strip_prefix: that is taken from the state dict's names; None: what training programs are known to put there.

    Returns:
        The sentence on what stands beside the network's weights in the file, if anything does.

    Raises:
        LsapError: naming the keys that are missing, left over, or of another shape.
    """
    own = network.state_dict()
    try:
        named = named_as(state, own, strip_prefix)
    except LsapError as error:
        raise LsapError(f"the weights {weights} {error}") from None
    fitting = with_tied(named, own)
    problem = misfit(fitting, own) or quantized(fitting, own)
    if problem:
        raise LsapError(f"the weights {weights} do not fit the network {type(network).__name__}: {problem}")
    try:
        network.load_state_dict(fitting)
    except RuntimeError as error:  # such as a hook of the network's own
        raise LsapError(
            f"the weights {weights} do not fit the network {type(network).__name__}: {error_text(error)}"
        ) from None
    rest = beside(state, fitting)
    if not rest:
        return ()
    return (f"{len(rest)} tensors of the weights {weights} are not the network's and are not read, such as {rest[0]}",)


def error_text(error: BaseException) -> str:
    """An error's whole message as one line without escape sequences, cut at a word where it is very long."""
    text = " ".join(ESCAPES.sub("", str(error)).split()) or "no message"
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE].rsplit(' ', 1)[0]} …"


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, types, shapes and values of tensors, in hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
