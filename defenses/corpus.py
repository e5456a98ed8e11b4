"""Defenses that are fitted on a set of videos before they can defend one."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self, final

from torch import Tensor

from defenses.base import Defense
from defenses.clip import Clip

MOST_CORPUS_VIDEOS = 100  # of an estimate: more cost time and change little


class CorpusDefense(Defense):
    """A defense that must look at a set of videos before it can defend one.

    `evidence_indices` and `evidence` take one video at a time; `fitted` makes the defense that uses them all.

    Evidence is the bounded part of `residuals`, which are linear in the frames. So an attacker whose pattern is in
    every video need not look at all of them again when it changes: bound(residuals of the clean video + residuals of
    the pattern) is the evidence, with its gradient by the pattern.
    """

    @abstractmethod
    def evidence_indices(self, video_length: int) -> Tensor:
        """The frames of a video that `evidence` takes: (K,) int64, sorted, each one once."""

    @abstractmethod
    def residuals(self, clip: Clip) -> Tensor:
        """What one video shows of a pattern, linear in the frames. Differentiable.

        Args:
            clip: the K frames that `evidence_indices` names.
        """

    @abstractmethod
    def slot_counts(self, indices: Tensor, slots: Tensor, slot_count: int) -> Tensor:
        """All that the residuals of a pattern depend on beside itself: a matrix with a column for each of its slots.

        Args:
            indices: (K,) int64, frames of a video that are looked at.
            slots: (K,) int64 in [0, slot_count): the slot of the pattern that each of them carries.
            slot_count: slots of the pattern.
        """

    @abstractmethod
    def pattern_residuals(self, pattern: Tensor, slot_counts: Tensor) -> Tensor:
        """What a pattern (Q, 3, h, w) adds to the residuals of a video that carries it so. Differentiable."""

    @abstractmethod
    def bound(self, residuals: Tensor) -> Tensor:
        """The part of residuals that is evidence, of one video or of several in a stack. Differentiable."""

    @final
    def evidence(self, clip: Clip) -> Tensor:
        """One video's evidence, from the frames that `evidence_indices` names. Differentiable."""
        return self.bound(self.residuals(clip))

    @abstractmethod
    def fitted(self, evidence: Sequence[Tensor]) -> Self:
        """A copy that is fitted on the evidence of at least two videos."""
