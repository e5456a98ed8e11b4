"""LSAP's detector: predictions of a clean video hardly change from one place to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from defenses.base import GradientKind
from defenses.detectors.base import Detector
from defenses.detectors.video import DetectorVideo
from defenses.settings import bad_setting


@dataclass(frozen=True)
class TemporalConsistency(Detector):
    """The share of places where the prediction changes twice in a row, as a clip slides over the video.

    alpha = #{i: c_i != c_{i+1} and c_{i+1} != c_{i+2}} / (windows - 2), with c_i the label of window i. The scheme of
    Jia, Wei and Cao, 2019 (arXiv 1909.04837), which LSAP uses: alpha below 0.175 is called benign, from there on
    sparsely perturbed, from 0.3 on densely. Here alpha is divided by the number of triples.

    Its surrogate takes 1 - <p_i, p_{i+1}> for "the label changes", with the probabilities p.

    Attributes:
        windows: clips looked at, neighbors in the middle of the video, at least 3.
        stride: frames from one frame of a clip to the next, at least 1.
    """

    windows: int = 16
    stride: int = 2

    gradient: ClassVar[GradientKind] = "surrogate"
    passes_constant_in_time: ClassVar[bool] = True
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "Every perturbation that leads to the same label all along, above all one that is the same in every frame or "
        "repeats within a clip."
    )
    published_thresholds: ClassVar[Mapping[str, float]] = {"sparse": 0.175, "dense": 0.3}

    def __post_init__(self) -> None:
        if self.windows < 3:
            raise bad_setting("windows", self.windows, "a whole number of at least 3")
        if self.stride < 1:
            raise bad_setting("stride", self.stride, "a whole number of at least 1")

    def evidence(self, video: DetectorVideo) -> Tensor:
        """Probabilities of the windows: (windows, classes). A short video is looped."""
        length = (video.clips.shape[1] - 1) * self.stride + self.windows
        first = max(video.video_length - length, 0) // 2
        clip = torch.arange(video.clips.shape[1]) * self.stride
        return video.probabilities((first + torch.arange(self.windows)[:, None] + clip) % video.video_length)

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        labels = evidence.argmax(1)
        return twice_in_a_row((labels[1:] != labels[:-1]).to(evidence.dtype))

    def differentiable_score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        return twice_in_a_row(1 - (evidence[1:] * evidence[:-1]).sum(1))


def twice_in_a_row(changes: Tensor) -> Tensor:
    """The mean product of neighbors: of (windows - 1) changes in [0, 1]."""
    return (changes[1:] * changes[:-1]).mean()
