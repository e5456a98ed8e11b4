"""The defense side: changes to a video before a classifier samples it, and detectors. Tensors in, tensors out.

    from defenses import DEFENSES, DETECTORS

    defended = DEFENSES["jpeg"](quality=50)(video)  # (N, 3, H, W) or (B, N, 3, H, W), float in [0, 1]
    score = DETECTORS["feature-squeezing"]()(video, classifier, sampler)

`defenses.certify` has randomized smoothing, `defenses.corruptions` natural corruptions, and `defenses.testing` the
checks that every defense and detector passes, for a package that brings its own.
"""

from defenses.base import Defense, FrameChoice, FrameDefense, RandomDefense
from defenses.chain import Chain
from defenses.clip import Clip
from defenses.compression import H264, H265, Av1, Jpeg, Vp9
from defenses.corpus import CorpusDefense
from defenses.detectors import DETECTORS, Detector, DetectorVideo, TensorVideo
from defenses.fitting import fit_defense, fittable_part
from defenses.randomized import Barrage, RandomNoise, ResizePad
from defenses.reordering import TemporalDrop, TemporalFreeze, TemporalInterpolation, TemporalShuffle
from defenses.resampling import FrameRate, SpatialResample, TemporalResample
from defenses.spatial import Bilateral, BitDepth, SpatialGaussian, SpatialMedian, TotalVariation
from defenses.straight_through import StraightThrough
from defenses.subtraction import PerturbationSubtraction
from defenses.temporal import TemporalGaussian, TemporalMean, TemporalMedian
from lsap_common import NamedParts

DEFENSES: NamedParts[type[Defense]] = NamedParts(
    "defense",
    {
        "temporal-mean": TemporalMean,
        "temporal-gaussian": TemporalGaussian,
        "temporal-median": TemporalMedian,
        "temporal-shuffle": TemporalShuffle,
        "temporal-drop": TemporalDrop,
        "temporal-freeze": TemporalFreeze,
        "temporal-interpolation": TemporalInterpolation,
        "temporal-resample": TemporalResample,
        "frame-rate": FrameRate,
        "jpeg": Jpeg,
        "h264": H264,
        "h265": H265,
        "vp9": Vp9,
        "av1": Av1,
        "bit-depth": BitDepth,
        "spatial-median": SpatialMedian,
        "spatial-gaussian": SpatialGaussian,
        "bilateral": Bilateral,
        "spatial-resample": SpatialResample,
        "resize-pad": ResizePad,
        "total-variation": TotalVariation,
        "random-noise": RandomNoise,
        "barrage": Barrage,
        "perturbation-subtraction": PerturbationSubtraction,
    },
)
"""Every defense, by the name that a user writes."""

__all__ = [
    "DEFENSES",
    "DETECTORS",
    "H264",
    "H265",
    "Av1",
    "Barrage",
    "Bilateral",
    "BitDepth",
    "Chain",
    "Clip",
    "CorpusDefense",
    "Defense",
    "Detector",
    "DetectorVideo",
    "FrameChoice",
    "FrameDefense",
    "FrameRate",
    "Jpeg",
    "PerturbationSubtraction",
    "RandomDefense",
    "RandomNoise",
    "ResizePad",
    "SpatialGaussian",
    "SpatialMedian",
    "SpatialResample",
    "StraightThrough",
    "TemporalDrop",
    "TemporalFreeze",
    "TemporalGaussian",
    "TemporalInterpolation",
    "TemporalMean",
    "TemporalMedian",
    "TemporalResample",
    "TemporalShuffle",
    "TensorVideo",
    "TotalVariation",
    "Vp9",
    "fit_defense",
    "fittable_part",
]
