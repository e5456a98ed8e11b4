"""The corpus-residual detector: one pattern in n videos shows in what the videos have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from defenses.base import GradientKind
from defenses.detectors.base import Detector
from defenses.detectors.video import DetectorVideo
from defenses.residuals import bounded_residuals, check_period_and_side, evidence_indices
from defenses.settings import bad_setting


@dataclass(frozen=True)
class CorpusResidual(Detector):
    """How much a video's residual looks like the mean residual of the other videos that arrive with it.

    score = <r, m> / (|r| |m|), with r the video's evidence (see `defenses.residuals`) and m the mean of the others'.
    Clean videos have nothing in common: the score is about 0. Under a universal perturbation m converges to it, as the
    square root of the number of videos.

    Attributes:
        videos: n, with the one that is scored: 3 to 1000.
        period: frames after which the pattern is taken to repeat, 1 to 64.
        side: pixels of the square at which residuals are compared.
    """

    videos: int = 100
    period: int = 4
    side: int = 112

    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A perturbation that differs from video to video, one that is smooth in space and the same in every frame, and "
        "one whose period is not a divisor of the one that is looked for."
    )

    def __post_init__(self) -> None:
        check_period_and_side(self.period, self.side)
        if not 3 <= self.videos <= 1000:
            raise bad_setting("videos", self.videos, "a whole number from 3 to 1000")

    @property
    def comparison_videos(self) -> int:
        return self.videos - 1

    @property
    def blind_period(self) -> int:
        return self.period + 1  # no divisor of the period, and what a mean over places leaves of it is small

    def evidence(self, video: DetectorVideo) -> Tensor:
        clip = video.read(evidence_indices(video.video_length, self.period))
        return bounded_residuals(clip, self.period, self.side)

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        if len(others) < 2:
            raise ValueError(f"{len(others)} other videos were given; what videos have in common takes at least two")
        common = torch.stack(list(others)).to(evidence).mean(0)
        return cosine_similarity(evidence.flatten(), common.flatten(), dim=0)
