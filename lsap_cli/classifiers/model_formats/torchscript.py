"""`FILE.ts` or `FILE.pt` that torch.jit.save wrote, with a model card for preprocessing and labels."""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.model_formats.batches import batch_notes, believed_batch, in_fixed_batches, network_shape
from lsap_cli.classifiers.weights import error_text, sha256
from lsap_cli.errors import LsapError

DEPRECATED = "TorchScript is deprecated by torch: torch.export.save writes a .pt2 with the same network"


class ScriptedNetwork(nn.Module):
    """A TorchScript module.

    Args:
        script: the module.
        batch: of clips that it takes; None: any number.
        gives_gradients: whether its output has a gradient by its input.
    """

    def __init__(self, script: nn.Module, batch: int | None, gives_gradients: bool) -> None:
        super().__init__()
        self.script, self.batch, self.gives_gradients = script, batch, gives_gradients

    def forward(self, clips: Tensor) -> Any:
        return in_fixed_batches(self.script, clips, self.batch)


def load_torchscript(request: NetworkRequest) -> LoadedNetwork:
    """The network of a TorchScript archive.

    Raises:
        LsapError: if the file is none, or does not fit the card.
    """
    path, where = request.file, request.where
    _check_archive(path, where)
    expects = request.needed_input("TorchScript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each call of torch.jit warns; the note says it once
        try:
            script = torch.jit.load(path, map_location="cpu").eval()
        except Exception as error:  # of another version of torch, or damaged
            raise LsapError(f"{where}: {path} cannot be loaded as TorchScript ({error_text(error)})") from None
        shape = network_shape(expects)
        batch = believed_batch(script, shape, where)
        gives_gradients = _has_gradient(script, torch.zeros(batch or 1, *shape))
    notes = [DEPRECATED]
    notes += batch_notes(path.name, batch)
    if not gives_gradients:
        notes.append(f"{path.name} gives no gradients (was it optimized for inference?): scores only")
    network = ScriptedNetwork(script, batch, gives_gradients)
    return LoadedNetwork(network, path.stem, source={"weights_sha256": sha256(path)}, notes=tuple(notes))


def _check_archive(path: Path, where: str) -> None:
    try:
        names = zipfile.ZipFile(path).namelist()
    except (OSError, zipfile.BadZipFile):
        names = []
    if not any(name.endswith("/constants.pkl") for name in names):
        raise LsapError(
            f"{where}: {path} is not a TorchScript archive; weights belong into the field weights of a model card with "
            "a factory"
        )


def _has_gradient(script: Any, clips: Tensor) -> bool:
    leaf = clips.requires_grad_()
    try:
        outputs = [one for one in torch.utils._pytree.tree_leaves(script(leaf)) if isinstance(one, Tensor)]
        total = torch.stack([one.float().sum() for one in outputs if one.requires_grad]).sum()
        (gradient,) = torch.autograd.grad(total, leaf)
    except (RuntimeError, TypeError):  # a part of it has none
        return False
    return bool(gradient.isfinite().all())
