"""The defense side: changes to a video before a classifier samples it, and detectors. Tensors in, tensors out."""

from defenses.base import Defense
from defenses.chain import Chain
from defenses.clip import Clip
from defenses.compression import H264, H265, Av1, Jpeg, Vp9
from defenses.randomized import Barrage, RandomNoise, ResizePad
from defenses.reordering import TemporalDrop, TemporalFreeze, TemporalInterpolation, TemporalShuffle
from defenses.resampling import FrameRate, SpatialResample, TemporalResample
from defenses.spatial import Bilateral, BitDepth, SpatialGaussian, SpatialMedian, TotalVariation
from defenses.subtraction import PerturbationSubtraction
from defenses.temporal import TemporalGaussian, TemporalMean, TemporalMedian

DEFENSES: dict[str, type[Defense]] = {
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
}
"""Every defense, by the name that a user writes."""

__all__ = ["DEFENSES", "Chain", "Clip", "Defense"]
