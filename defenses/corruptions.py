"""Natural corruptions: what a video meets without an attacker, with which an attack is compared.

A corruption changes a video just as a defense does (`defenses.base`), so it is one, at five settings. Severities follow
Schiappa et al., CVPR 2023 (video robustness benchmark), and Yi et al., NeurIPS 2021 (Mini Kinetics-C), where they
agree.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from defenses.base import Defense
from defenses.compression import H264, Jpeg
from defenses.randomized import RandomNoise
from defenses.reordering import TemporalFreeze
from defenses.resampling import FrameRate, SpatialResample
from defenses.spatial import SpatialGaussian

CORRUPTIONS: Mapping[str, Sequence[Defense]] = MappingProxyType(
    {
        "noise": [RandomNoise(sigma) for sigma in (0.04, 0.08, 0.12, 0.18, 0.26)],
        "blur": [SpatialGaussian(sigma) for sigma in (1.0, 2.0, 3.0, 4.0, 6.0)],
        "low-resolution": [SpatialResample(scale) for scale in (0.5, 0.35, 0.25, 0.18, 0.12)],
        "jpeg": [Jpeg(quality) for quality in (25, 18, 15, 10, 7)],
        "h264": [H264(crf) for crf in (28, 34, 39, 44, 49)],
        "frame-rate": [FrameRate(keep) for keep in (2, 4, 8, 16, 32)],
        "freeze": [TemporalFreeze(share) for share in (0.4, 0.6, 0.75, 0.85, 0.92)],
    }
)
"""Each kind from severity 1 to 5."""

VARIED_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "noise": "sigma",
        "blur": "sigma",
        "low-resolution": "scale",
        "jpeg": "quality",
        "h264": "crf",
        "frame-rate": "keep",
        "freeze": "share",
    }
)
"""What is varied of each kind."""


def _spread(first: float, last: float, count: int) -> list[float]:
    """Numbers from the first to the last, each the same multiple of the one before, to three digits."""
    return [float(f"{first * (last / first) ** (place / (count - 1)):.3g}") for place in range(count)]


STRENGTHS: Mapping[str, Sequence[Defense]] = MappingProxyType(
    {
        "noise": [RandomNoise(sigma) for sigma in _spread(0.001, 0.5, 120)],
        "blur": [SpatialGaussian(sigma) for sigma in _spread(0.25, 20, 80)],
        "low-resolution": [SpatialResample(round(1 - 0.015 * step, 3)) for step in range(1, 65)],
        "jpeg": [Jpeg(quality) for quality in range(100, 0, -1)],
        "h264": [H264(crf) for crf in range(52)],
        "frame-rate": [FrameRate(keep) for keep in range(2, 33)],
        "freeze": [TemporalFreeze(round(0.015 * step, 3)) for step in range(1, 65)],
    }
)
"""Candidate strengths of each kind, from weak to strong: all values of an integer setting, small steps of another."""
