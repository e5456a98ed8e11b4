"""Classifiers: any network, wrapped so that it takes pixel clips and gives logits.

    classifier = Classifier(module, "mine", ["cat", "dog"], InputFormat("BTCHW", frames=16, size=(224, 224)))
    logits = classifier(clips)  # (B, T, 3, H, W) in [0, 1], of any size

A classifier can also come from a model card, from torchvision or from an installed package: see `load_classifier`.
"""

from lsap_cli.classifiers.cards import ModelCard, load_card, read_card
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
