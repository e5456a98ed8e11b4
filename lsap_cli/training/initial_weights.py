"""Weights to begin with: of an image network, or of a whole network of the family; the head is drawn anew."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from lsap_cli.classifiers.checkpoints import misfit, named_as
from lsap_cli.classifiers.families.backbones import Head
from lsap_cli.classifiers.families.base import Family
from lsap_cli.classifiers.families.i3d import I3dFamily, inflated_kernel
from lsap_cli.classifiers.weights import load_state
from lsap_cli.errors import LsapError

BACKBONE = "backbone."


def load_initial_weights(network: nn.Module, family: Family, path: Path) -> list[str]:
    """Loads a file's weights into a network of a family.

    Everything but the head must be there. Where the network has inflated kernels, 2-D kernels are inflated as its
    family says.

    Args:
        network: changed in place.
        family: that made it; it knows MMAction2's names.
        path: of a state dict: of the image network, or of the whole.

    Returns:
        Names of the network's tensors that keep the values that were drawn for them.

    Raises:
        LsapError: naming the keys that do not fit.
    """
    own = network.state_dict()
    new = _own_layers(network)
    state = _placed(named_as(family.renamed(load_state(path)), own, None), network)
    fitting = {name: _inflated(value, own.get(name), family) for name, value in state.items()}
    drawn = [name for name in new if name not in fitting or fitting[name].shape != own[name].shape]
    whole = {name: value for name, value in fitting.items() if name not in drawn} | {name: own[name] for name in drawn}
    problem = misfit(whole, own)
    if problem:
        raise LsapError(f"the weights {path} do not fit the network: {problem}")
    network.load_state_dict(whole)
    return drawn


def imagenet_file(backbone: str, download: bool) -> Path:
    """The file of torchvision's weights for ImageNet in torch's cache.

    Args:
        backbone: a name of torchvision.
        download: whether it is fetched where it is missing.

    Raises:
        LsapError: if torchvision has no weights of it, or they are not there.
    """
    import torchvision

    try:
        weights = torchvision.models.get_model_weights(backbone).DEFAULT
    except (ValueError, AttributeError):
        raise LsapError(
            f"torchvision has no ImageNet weights of '{backbone}'; give a file with --weights FILE"
        ) from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name
    if path.is_file():
        return path
    if not download:
        raise LsapError(
            f"the ImageNet weights of {backbone} are not in torch's cache ({path}); add --download to fetch them once, "
            "or give a file with --weights FILE"
        )
    try:
        weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise LsapError(f"the ImageNet weights of {backbone} cannot be fetched ({error})", 1) from None
    return path


def _own_layers(network: nn.Module) -> list[str]:
    """Names of the tensors that no image network has, or that depend on the classes: the head's, and the LSTM's."""
    return [
        f"{place}.{name}" if place else name
        for place, module in network.named_modules()
        if isinstance(module, Head | nn.LSTM)
        for name, _ in module.named_parameters(recurse=False)
    ]


def _placed(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A state dict by the names of the network: that of an image network is put where its backbone is.

    The last layer of an image network whose place is empty in the backbone is left out.
    """
    if any(name.startswith(BACKBONE) for name in state) or not hasattr(network, "backbone"):
        return dict(state)
    modules = dict(network.named_modules())
    placed = {f"{BACKBONE}{name}": value for name, value in state.items()}
    return {
        name: value
        for name, value in placed.items()
        if not isinstance(modules.get(name.rpartition(".")[0]), nn.Identity)
    }


def _inflated(value: Tensor, own: Tensor | None, family: Family) -> Tensor:
    """A kernel over space as one over time and space, where the network has such a one."""
    if own is None or own.dim() != 5 or value.dim() != 4 or not isinstance(family, I3dFamily):
        return value
    return inflated_kernel(value, own.shape[2], family.inflation)
