"""`FILE.pt2`: a network that was saved with torch.export.save, with a model card for preprocessing and labels."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.model_formats.batches import (
    batch_notes,
    believed_batch,
    check_shape,
    in_fixed_batches,
    network_shape,
)
from lsap_cli.classifiers.model_formats.pt2_members import check_members
from lsap_cli.classifiers.weights import error_text, sha256
from lsap_cli.errors import LsapError

TRAINING_ARGUMENT = {
    "aten.dropout.default": 2,
    "aten.alpha_dropout.default": 2,
    "aten.feature_dropout.default": 2,
    "aten.native_dropout.default": 2,
    "aten.batch_norm.default": 5,
    "aten.instance_norm.default": 5,
}
"""The place of `training` among the arguments of operators that act otherwise while a network learns."""
RANDOM = (
    "aten.bernoulli",
    "aten.rand",
    "aten.normal",
    "aten._native_batch_norm_legit.",
    "aten._native_batch_norm_legit_f",
)


class ExportedNetwork(nn.Module):
    """The module of an exported program, which is called with any number of clips.

    Args:
        program: the module.
        batch: of clips that it takes; None: any number.
    """

    def __init__(self, program: nn.Module, batch: int | None) -> None:
        super().__init__()
        self.program, self.batch = program, batch

    def train(self, mode: bool = True) -> "ExportedNetwork":
        """The program has one mode, that it was exported in."""
        self.training = mode
        return self

    def forward(self, clips: Tensor) -> Any:
        return in_fixed_batches(self.program, clips, self.batch)


def load_pt2(request: NetworkRequest) -> LoadedNetwork:
    """The network of an exported program.

    Raises:
        LsapError: if the file could run code, is no such program, or does not fit the card.
    """
    path, where = request.file, request.where
    expects = request.needed_input("an exported program")
    has_example = check_members(path, where)
    exported = _opened(path, where)
    inputs = exported.graph_signature.user_inputs
    if len(inputs) != 1:
        raise LsapError(
            f"{where}: {path} takes {len(inputs)} inputs ({', '.join(map(str, inputs))}); export it with one"
        )
    shape = next(node.meta["val"].shape for node in exported.graph.nodes if node.name == inputs[0])
    check_shape([one if isinstance(one, int) else str(one) for one in shape[1:]], expects, where, path.name)
    module = exported.module(check_guards=False)  # guards are code of the file; shapes are compared here
    notes = _for_evaluation(module, path, where)
    batch = shape[0] if isinstance(shape[0], int) else believed_batch(module, network_shape(expects), where)
    notes += batch_notes(path.name, batch)
    if has_example:
        notes.append(f"{path.name} holds the example clip that it was exported with, every pixel of it")
    source = {"weights_sha256": sha256(path)}
    return LoadedNetwork(ExportedNetwork(module, batch), path.stem, source=source, notes=tuple(notes))


def _opened(path: Path, where: str) -> Any:
    try:
        return torch.export.load(path)
    except Exception as error:  # of another version of torch, damaged, or with operators that are not installed
        raise LsapError(
            f"{where}: {path} cannot be loaded by torch {torch.__version__} ({type(error).__name__}: "
            f"{error_text(error)}); export it with this version"
        ) from None


def _for_evaluation(module: Any, path: Path, where: str) -> list[str]:
    """Switches off what an export in training mode left on: dropout, and batch norm by the batch's own statistics.

    Raises:
        LsapError: if the graph draws random numbers in another way.
    """
    switched: set[str] = set()
    for graph in (one.graph for one in module.modules() if isinstance(one, fx.GraphModule)):
        for node in list(graph.nodes):
            name = str(node.target)
            place = TRAINING_ARGUMENT.get(name)
            if place is not None and len(node.args) > place and node.args[place] is True:
                node.update_arg(place, False)
                switched.add(name.split(".")[1])
            elif name.startswith(RANDOM):
                raise LsapError(
                    f"{where}: {path} was exported in training mode ({name}); export it behind model.eval()"
                )
            elif name.startswith("aten.add_.") and "num_batches_tracked" in str(node.args[0]) and not node.users:
                graph.erase_node(node)
    for one in module.modules():
        if isinstance(one, fx.GraphModule):
            one.recompile()
    if not switched:
        return []
    return [f"{path.name} was exported in training mode: {', '.join(sorted(switched))} switched to evaluation"]
