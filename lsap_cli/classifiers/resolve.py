"""From what the user wrote behind --model to a classifier."""

import importlib.resources
from pathlib import Path

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.names import DEMO, PREFIX
from lsap_cli.classifiers.zoo import load_zoo
from lsap_cli.errors import LsapError


def load_classifier(spec: str) -> Classifier:
    """The classifier that a spec names.

    Args:
        spec: a model card's path (or its folder), a zoo name such as `torchvision:r3d_18`, or `demo`.

    Raises:
        LsapError: if it names nothing, or what it names cannot be loaded.
    """
    if spec == DEMO:
        with importlib.resources.as_file(importlib.resources.files("lsap_cli") / "demo") as folder:
            return load_card(folder / "model.toml")
    if spec.startswith(PREFIX):
        return load_zoo(spec)
    path = Path(spec)
    if path.is_dir():
        path = path / "model.toml"
    if path.is_file():
        return load_card(path)
    raise LsapError(
        f"the model '{spec}' is neither a model card (no such file), nor 'demo', nor a zoo name such as {PREFIX}r3d_18; "
        "lsap models lists what there is, docs/model-card.md tells how to bring your own"
    )
