"""Detectors: a video gets a score; the higher, the more it looks perturbed. Tensors in, scores out."""

from defenses.detectors.base import Detector
from defenses.detectors.consistency import TemporalConsistency
from defenses.detectors.corpus import CorpusResidual
from defenses.detectors.squeezing import FeatureSqueezing
from defenses.detectors.video import DetectorVideo, TensorVideo
from lsap_common import NamedParts

DETECTORS: NamedParts[type[Detector]] = NamedParts(
    "detector",
    {
        "temporal-consistency": TemporalConsistency,
        "feature-squeezing": FeatureSqueezing,
        "corpus-residual": CorpusResidual,
    },
)
"""Every detector, by the name that a user writes."""

__all__ = [
    "DETECTORS",
    "CorpusResidual",
    "Detector",
    "DetectorVideo",
    "FeatureSqueezing",
    "TemporalConsistency",
    "TensorVideo",
]
