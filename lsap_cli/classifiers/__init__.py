"""Classifiers: any network, wrapped so that it takes pixel clips and gives logits.

    classifier = Classifier(module, "mine", ["cat", "dog"], InputFormat("BTCHW", frames=16, size=(224, 224)))
    logits = classifier(clips)  # (B, T, 3, H, W) in [0, 1], of any size

A classifier can also come from a model card, from torchvision or from an installed package: see `load_classifier`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsap_cli.classifiers.card_fields import ModelCard, read_card
    from lsap_cli.classifiers.cards import load_card
    from lsap_cli.classifiers.classifier import Classifier
    from lsap_cli.classifiers.formats import InputFormat, OutputFormat, SamplingFormat
    from lsap_cli.classifiers.resolve import load_classifier

__all__ = [
    "Classifier",
    "InputFormat",
    "ModelCard",
    "OutputFormat",
    "SamplingFormat",
    "load_card",
    "load_classifier",
    "read_card",
]

_MODULES = {
    "Classifier": "classifier",
    "InputFormat": "formats",
    "ModelCard": "card_fields",
    "OutputFormat": "formats",
    "SamplingFormat": "formats",
    "load_card": "cards",
    "load_classifier": "resolve",
    "read_card": "card_fields",
}


def __getattr__(name: str) -> Any:  # classes and functions
    """Imports a name when it is asked for: the checks of cards need no torch, a `Classifier` does."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
