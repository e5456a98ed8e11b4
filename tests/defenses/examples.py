"""Every defense of the table at its default and at other settings, and defenses that are made of several."""

from defenses import DEFENSES, Chain, Defense
from defenses.compression import H264, H265, Av1, Jpeg, Vp9
from defenses.randomized import Barrage, RandomNoise, ResizePad
from defenses.reordering import TemporalDrop, TemporalFreeze, TemporalInterpolation, TemporalShuffle
from defenses.resampling import FrameRate, SpatialResample, TemporalResample
from defenses.spatial import Bilateral, BitDepth, SpatialGaussian, SpatialMedian, TotalVariation
from defenses.straight_through import StraightThrough
from defenses.subtraction import PerturbationSubtraction
from defenses.temporal import TemporalGaussian, TemporalMean, TemporalMedian

STRONGER: dict[str, list[Defense]] = {
    "temporal-mean": [TemporalMean(window=5), TemporalMean(window=9)],
    "temporal-gaussian": [TemporalGaussian(sigma=1.5), TemporalGaussian(sigma=3)],
    "temporal-median": [TemporalMedian(window=5), TemporalMedian(window=9)],
    "temporal-resample": [TemporalResample(keep=3), TemporalResample(keep=8)],
    "jpeg": [Jpeg(quality=60), Jpeg(quality=40)],
    "h264": [H264(crf=32), H264(crf=37)],
    "h265": [H265(crf=32), H265(crf=37)],
    "vp9": [Vp9(crf=45), Vp9(crf=58)],
    "av1": [Av1(crf=48), Av1(crf=60)],
    "spatial-median": [SpatialMedian(window=5), SpatialMedian(window=7)],
    "spatial-gaussian": [SpatialGaussian(sigma=1.5), SpatialGaussian(sigma=2.5)],
    "bilateral": [Bilateral(tone=0.15), Bilateral(window=7, tone=0.4)],
    "spatial-resample": [SpatialResample(scale=0.37), SpatialResample(scale=0.2)],
    "total-variation": [TotalVariation(weight=0.08), TotalVariation(weight=0.2)],
}
"""Defenses that weaken fine noise: settings that take more away than the default does, in rising order."""

OTHER_SETTINGS: dict[str, list[Defense]] = {
    "temporal-shuffle": [TemporalShuffle(block=7, seed=5)],
    "temporal-drop": [TemporalDrop(share=0.7, seed=5)],
    "temporal-freeze": [TemporalFreeze(share=0.7, seed=5)],
    "temporal-interpolation": [TemporalInterpolation(distance=3)],
    "frame-rate": [FrameRate(keep=5)],
    "bit-depth": [BitDepth(bits=2)],
    "resize-pad": [ResizePad(smallest=0.6, seed=5)],
    "random-noise": [RandomNoise(sigma=0.02, seed=5)],
    "barrage": [Barrage(count=6, seed=5), Barrage(count=10, seed=6)],
    "perturbation-subtraction": [PerturbationSubtraction(period=1, strength=0.5)],
}
"""Defenses that disturb in another way, with other settings than the default."""

COMBINED: dict[str, Defense] = {
    "chain-itself": Chain((Jpeg(50), SpatialMedian())),
    "chain-neighbors": Chain((TemporalMean(5), TemporalShuffle(4, seed=2), TemporalMedian(3))),
    "chain-stretch": Chain((TemporalInterpolation(2), H264(30, 7), TemporalDrop(0.3, seed=8), RandomNoise(seed=3))),
    "chain-fitted": Chain((PerturbationSubtraction(2), Jpeg(80))),
    "h264-short": H264(stretch=9),
    "h265-short": H265(stretch=9),
    "straight-through": StraightThrough(Chain((TemporalDrop(0.5, seed=3), BitDepth(3)))),
}


def make_default(name: str) -> Defense:
    return DEFENSES[name]()


EVERY_SETTING: dict[str, list[Defense]] = {
    **{name: [make_default(name), *(STRONGER | OTHER_SETTINGS).get(name, [])] for name in DEFENSES},
    **{name: [defense] for name, defense in COMBINED.items()},
}
"""By name; a defense without an entry above is tested with its defaults."""
