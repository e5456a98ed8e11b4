"""The defense side: changes to a video before a classifier samples it. Tensors in, tensors out."""

from defenses.base import Defense
from defenses.compression import Jpeg
from defenses.resampling import SpatialResample, TemporalResample
from defenses.temporal import TemporalMean, TemporalMedian

DEFENSES: dict[str, type[Defense]] = {
    "temporal-mean": TemporalMean,
    "temporal-median": TemporalMedian,
    "jpeg": Jpeg,
    "spatial-resample": SpatialResample,
    "temporal-resample": TemporalResample,
}
"""Every defense, by the name that a user writes."""

__all__ = ["DEFENSES", "Defense"]
