"""Feature squeezing: squeezing changes the prediction of a perturbed video, not of a clean one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from defenses.base import Defense, GradientKind, least_exact_gradient
from defenses.detectors.base import Detector
from defenses.detectors.video import DetectorVideo
from defenses.fitting import fittable_part
from defenses.spatial import BitDepth, SpatialMedian


@dataclass(frozen=True)
class FeatureSqueezing(Detector):
    """The largest L1 distance between the predicted probabilities of the video and of the squeezed video.

    score = max_i ||p(x) - p(squeeze_i(x))||_1, from 0 to 2. Xu, Evans and Qi, NDSS 2018, with squeezers for images;
    here any defense squeezes. A random one keeps one draw.

    Attributes:
        squeezers: one or more defenses.
    """

    squeezers: tuple[Defense, ...] = (BitDepth(4), SpatialMedian(3))

    def __post_init__(self) -> None:
        if not self.squeezers:
            raise ValueError("squeezers is empty; give at least one defense")
        if any(fittable_part(squeezer) is not None for squeezer in self.squeezers):
            raise ValueError("a squeezer works on one video; one that is fitted on a set of videos cannot be used")

    @property
    def gradient(self) -> GradientKind:
        return least_exact_gradient(self.squeezers)

    @property
    def passes_constant_in_time(self) -> bool:
        return all(squeezer.passes_constant_in_time for squeezer in self.squeezers)

    @property
    def passes_low_frequencies(self) -> bool:
        return all(squeezer.passes_low_frequencies for squeezer in self.squeezers)

    @property
    def null_space(self) -> str:
        return "A perturbation that works behind every squeezer as it works without. " + " ".join(
            squeezer.null_space for squeezer in self.squeezers
        )

    def evidence(self, video: DetectorVideo) -> Tensor:
        """Mean probabilities over the classifier's clips: (1 + squeezers, classes), the unsqueezed video first."""
        return torch.stack([video.probabilities(video.clips, squeezer).mean(0) for squeezer in (None, *self.squeezers)])

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        return (evidence[1:] - evidence[:1]).abs().sum(1).max()
