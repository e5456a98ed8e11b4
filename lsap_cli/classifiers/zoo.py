"""torchvision's video networks, with their own transforms and weights.

torchvision:r3d_18                          downloads the weights once, as torchvision does
torchvision:r3d_18:weights=FILE.pth         takes them from a file
torchvision:r3d_18:weights=none             untrained, for measurements of speed
"""

from pathlib import Path
from typing import Any

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat, SamplingFormat
from lsap_cli.classifiers.places import zoo_weights
from lsap_cli.classifiers.weights import load_into, load_state, sha256
from lsap_cli.errors import LsapError
from lsap_cli.known_models import PREFIX, ZOO


def load_zoo(spec: str) -> Classifier:
    """One of torchvision's nine video networks.

    Args:
        spec: `torchvision:NAME`, with `:weights=FILE` or `:weights=none` behind it.

    Raises:
        LsapError: if the name is not known, or the weights cannot be downloaded or do not fit.
    """
    from torchvision.models import get_model, get_model_weights

    name, path, untrained = zoo_weights(spec)
    given = load_state(path) if path else None  # what is wrong with it is told before the network is built
    weights = get_model_weights(name).DEFAULT
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = get_model(name, weights=None)
    source = {"spec": spec, "torchvision_weights": str(weights)}
    if untrained:
        source["torchvision_weights"] = "none (untrained)"
    else:
        state = _downloaded(name, weights) if given is None else given
        load_into(network, state, str(path or f"that torchvision has for {name}"))
        if path:
            source = {"spec": spec, "weights_sha256": sha256(path)}
    return Classifier(
        network,
        name,
        list(weights.meta["categories"]),
        preset_input(name, weights),
        sampling=SamplingFormat("dense:stride=2"),
        source=source,
    )


def preset_input(name: str, weights: Any) -> InputFormat:
    """Resize, crop and colors as in torchvision's preset, which resizes without antialiasing."""
    preset = weights.transforms()
    resize, (height, width) = tuple(preset.resize_size), preset.crop_size
    return InputFormat(
        "BCTHW",
        ZOO[name],
        (height, width),
        resize=resize[0] if len(resize) == 1 else (resize[0], resize[1]),
        antialias=False,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )


def _downloaded(name: str, weights: Any) -> dict[str, Any]:
    try:
        state: dict[str, Any] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        file = weights.url.rpartition("/")[2]
        raise LsapError(
            f"the weights of {name} could not be downloaded ({error}); fetch {file} elsewhere and use "
            f"{PREFIX}{name}:weights=PATH/{file}, or put it into {Path(torch.hub.get_dir()) / 'checkpoints'}",
            exit_code=1,
        ) from None
    return state
