"""What a detector is, and what it may ask about a video."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from torch import Tensor

from defenses.base import Defense, Gradient


class Watched(Protocol):
    """One video, as a detector sees it. An attacker gives one whose answers carry gradients."""

    @property
    def frame_count(self) -> int:
        """Frames of the whole video."""
        ...

    @property
    def clips(self) -> Tensor:
        """The clips that the classifier takes by its own protocol: (V, T) int64 frame numbers."""
        ...

    def frames(self, numbers: Tensor) -> Tensor:
        """Frames by number: (K,) int64, sorted, each one once -> (K, 3, H, W) in [0, 1]."""
        ...

    def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
        """What the classifier says of clips, of the video or of the defended video: (C, T) int64 -> (C, classes)."""
        ...


class Detector(ABC):
    """Scores videos. Concrete detectors are frozen dataclasses; `defenses.detectors.DETECTORS` lists them."""

    fixed_points: ClassVar[Mapping[str, float]] = {}
    """Thresholds that the literature gives, by name: a score above one is a detection."""

    @property
    def others(self) -> int:
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
        """Frames after which a pattern may repeat that the detector cannot see; None: it looks for no period."""
        return None

    @property
    @abstractmethod
    def gradient(self) -> Gradient:
        """Of `follow`: the score's own ("true") or that of a smooth stand-in ("surrogate")."""

    @property
    @abstractmethod
    def null_space(self) -> str:
        """One sentence: which perturbations it cannot see."""

    @abstractmethod
    def examine(self, video: Watched) -> Tensor:
        """One look at a video: its evidence, of a shape that is the same for all videos."""

    @abstractmethod
    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        """How much the video looks perturbed: a scalar.

        Args:
            evidence: of the video.
            others: of other videos, where `others` is above 0.
        """

    def follow(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        """A score that an attacker can make smaller by its gradient; the same as `score` where that has one."""
        return self.score(evidence, others)
