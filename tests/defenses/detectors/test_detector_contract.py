"""What every detector promises; a package can run the same checks on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from defenses.base import GradientKind
from defenses.detectors import DETECTORS, Detector, DetectorVideo, FeatureSqueezing, TemporalConsistency
from defenses.spatial import SpatialGaussian
from defenses.testing import check_detector
from defenses.testing import detector_checks as checks

EXAMPLES: list[Detector] = [*(kind() for kind in DETECTORS.values()), FeatureSqueezing((SpatialGaussian(),))]


@pytest.mark.parametrize("detector", EXAMPLES)
def test_every_detector_keeps_what_a_detector_promises(detector: Detector) -> None:
    check_detector(detector)


@dataclass(frozen=True)
class AsLongAsTheVideo(TemporalConsistency):
    def evidence(self, video: DetectorVideo) -> Tensor:
        return torch.zeros(video.video_length, 6)


@dataclass(frozen=True)
class NotANumber(TemporalConsistency):
    def score(self, evidence: Tensor, others: object = ()) -> Tensor:
        return torch.tensor(float("nan"))


@dataclass(frozen=True)
class NotTheScore(TemporalConsistency):
    gradient: ClassVar[GradientKind] = "true"


@pytest.mark.parametrize(
    ("check", "detector", "sentence"),
    [
        (checks.check_detector_scores, AsLongAsTheVideo(), "different shapes"),
        (checks.check_detector_scores, NotANumber(), "not finite"),
        (checks.check_detector_gradient, NotTheScore(), "is not the score"),
    ],
)
def test_each_check_catches_a_broken_detector(
    check: Callable[[Detector], None], detector: Detector, sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check(detector)
