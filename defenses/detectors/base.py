"""What a detector declares, and how it scores a video."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor

from defenses.base import GradientKind
from defenses.detectors.video import DetectorVideo, TensorVideo
from lsap_common import check_first_argument, check_settings_when_made, given_kind, require_kind


class Detector(ABC):
    """Scores videos: the higher, the more a video looks perturbed.

    Concrete detectors are frozen dataclasses; `defenses.DETECTORS` lists them. `detector(video, ...)` scores a video
    in memory; `evidence` and `score` do it for videos that are read frame by frame, and compared with each other.
    """

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        check_settings_when_made(cls)
        check_first_argument(cls, "evidence", _check_detector_video)

    published_thresholds: ClassVar[Mapping[str, float]] = {}
    """Thresholds that the literature gives, by name: a score above one is a detection."""

    @property
    def comparison_videos(self) -> int:
        """How many other videos, which arrive as this one does, a score takes at most; 0: none."""
        return 0

    @property
    @abstractmethod
    def passes_constant_in_time(self) -> bool:
        """A pattern that is the same in every frame raises no score by being there."""

    @property
    @abstractmethod
    def passes_low_frequencies(self) -> bool:
        """A pattern that is smooth in space raises no score by being there, however it changes over time."""

    @property
    def blind_period(self) -> int | None:
        """A period, in frames, of patterns in the detector's null space; None: it assumes no period."""
        return None

    @property
    @abstractmethod
    def gradient(self) -> GradientKind:
        """Of `differentiable_score`: the score's own ("true") or that of a smooth stand-in ("surrogate")."""

    @property
    @abstractmethod
    def null_space(self) -> str:
        """One sentence: the perturbations that it cannot detect."""

    @abstractmethod
    def evidence(self, video: DetectorVideo) -> Tensor:
        """What the detector keeps of one video, of a shape that is the same for all videos."""

    @abstractmethod
    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        """How much the video looks perturbed: a scalar.

        Args:
            evidence: of the video.
            others: evidence of other videos, where `comparison_videos` is above 0.
        """

    def differentiable_score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        """A score that an attacker can make smaller by its gradient; the same as `score` where that has one."""
        return self.score(evidence, others)

    @final
    def __call__(
        self,
        video: Tensor,
        classifier: Callable[[Tensor], Tensor] | None = None,
        sampler: Callable[[int], Tensor] | None = None,
        others: Sequence[Tensor] = (),
    ) -> float:
        """Score one video in memory.

        Args:
            video: (N, 3, H, W), float in [0, 1].
            classifier: (C, T, 3, H, W) in [0, 1] -> (C, classes) logits. Detectors that compare predictions need it.
            sampler: frames of a video -> (V, T) int64, the indices that the classifier takes; needed with a classifier.
            others: other videos, for detectors that compare videos (`comparison_videos` above 0).

        Raises:
            ValueError: if an argument is wrong, or one that the detector needs is missing.
        """
        require_kind("others is", others, Sequence, "give a list of videos")
        for name, part in (("classifier", classifier), ("sampler", sampler)):
            if part is not None and not callable(part):
                raise ValueError(f"the {name} is {given_kind(part)}; give a function, or an object that can be called")
        if classifier is not None and sampler is None:
            raise ValueError(
                "a classifier was given without a sampler; say which frames it takes, such as "
                "lambda length: torch.arange(16)[None] * length // 16"
            )
        if others and not self.comparison_videos:
            raise ValueError("other videos were given, but this detector looks at one video; leave out `others`")
        with torch.no_grad():
            own, *more = (self.evidence(_tensor_video(one, classifier, sampler)) for one in (video, *others))
            return float(self.score(own, more))


def _check_detector_video(video: object) -> None:
    if not hasattr(video, "video_length"):
        raise ValueError(
            f"the video is {given_kind(video)}; give TensorVideo(video, ...), or call the detector itself: "
            "detector(video)"
        )


def _tensor_video(
    video: Tensor, classifier: Callable[[Tensor], Tensor] | None, sampler: Callable[[int], Tensor] | None
) -> TensorVideo:
    no_clips = torch.empty(0, 1, dtype=torch.int64)
    return TensorVideo(video, classifier, no_clips if sampler is None else sampler(len(video)))
