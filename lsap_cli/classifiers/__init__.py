"""Classifiers: any network, wrapped so that it takes pixel clips and gives logits."""

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier

__all__ = ["Classifier", "load_classifier"]
