"""Perturbation subtraction: estimate the pattern that many videos share, and take it off."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from defenses.base import FrameDependence, GradientKind
from defenses.clip import Clip, check_indices, unique_indices
from defenses.corpus import CorpusDefense
from defenses.gradients import clamp_straight_through
from defenses.kernels import add_pattern
from defenses.pixels import Pixels, each_picture
from defenses.resampling import resize_frames
from defenses.residuals import (
    bound,
    check_period_and_side,
    count_slots,
    estimate_pattern,
    evidence_indices,
    pattern_residuals,
    slot_residuals,
)
from defenses.settings import bad_setting


@dataclass(frozen=True)
class PerturbationSubtraction(CorpusDefense):
    """y_n = x_n - strength * pattern_(n mod period), where the pattern was estimated from other videos.

    A defense against universal perturbations: many perturbed videos contain the same pattern. The estimate
    (see `defenses.residuals`) takes a set of videos that arrive as the one to be defended does; `fitted` makes it.
    Without an estimate, `defend` raises a ValueError.

    For a given estimate the gradient is exact. An attacker's pattern moves the estimate, too: with an estimate that was
    fitted on evidence that has a gradient by the pattern (see `CorpusDefense`), autograd gives the whole derivative.

    Attributes:
        period: frames after which the pattern is taken to repeat, 1 to 64; 1: the same in every frame.
        strength: how much of the estimate is taken off, above 0 and at most 2.
        side: pixels of the square at which the pattern is estimated.
        pattern: (period, 3, side, side); not a user's setting: `fitted` gives it.
    """

    period: int = 4
    strength: float = 1.0
    side: int = 112
    pattern: Tensor | None = field(default=None, kw_only=True, compare=False, repr=False)
    _sized: "SizedSlots" = field(default_factory=lambda: SizedSlots(), init=False, compare=False, repr=False)

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[FrameDependence] = "itself"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    level_tolerance: ClassVar[float] = 2e-5
    flat_error: ClassVar[float | None] = None
    null_space: ClassVar[str] = (
        "A pattern that is smooth in space and the same in every frame, or whose period is not a divisor of the "
        "one that is looked for."
    )

    def __post_init__(self) -> None:
        check_period_and_side(self.period, self.side)
        if not 0 < self.strength <= 2:
            raise bad_setting("strength", self.strength, "above 0 and at most 2")

    def evidence_indices(self, video_length: int) -> Tensor:
        return evidence_indices(video_length, self.period)

    def residuals(self, clip: Clip) -> Tensor:
        return slot_residuals(clip, self.period, self.side)

    def slot_counts(self, indices: Tensor, slots: Tensor, slot_count: int) -> Tensor:
        return count_slots(indices, slots, slot_count, self.period)

    def pattern_residuals(self, pattern: Tensor, slot_counts: Tensor) -> Tensor:
        return pattern_residuals(pattern, slot_counts, self.side)

    def bound(self, residuals: Tensor) -> Tensor:
        return bound(residuals)

    def fitted(self, evidence: Sequence[Tensor]) -> Self:
        return replace(self, pattern=estimate_pattern(evidence))

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        check_indices(indices, video_length)
        return unique_indices(indices)

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        check_indices(indices, clip.video_length)
        source = clip.frames_at(indices)
        height, width = source.shape[-2:]
        pattern = resize_frames(self._estimate().to(source), [height, width]) * self.strength
        return clamp_straight_through(source - pattern[(indices % self.period).to(source.device)])

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        check_indices(indices, clip.video_length)
        estimate, scale = self._estimate(), np.float32(-255 * self.strength)
        slots = iter((indices % self.period).tolist())

        def subtract(picture: Pixels, out: Pixels) -> None:
            pattern = self._sized.slot(estimate, next(slots), *picture.shape[:2])
            add_pattern(picture.reshape(-1), pattern, scale, out.reshape(-1))

        return each_picture(clip, indices, subtract)

    def _estimate(self) -> Tensor:
        if self.pattern is None:
            raise ValueError(
                "perturbation-subtraction has no estimate yet; give it the evidence of videos with fitted()"
            )
        return self.pattern


SIZED_BYTES = 2**28  # of slots at the frames' size, which are kept


class SizedSlots:
    """Slots of an estimate at the size of the frames that came last, each made when it is first needed."""

    def __init__(self) -> None:
        self._slots: dict[tuple[int, int, int], NDArray[np.float32]] = {}

    def slot(self, estimate: Tensor, number: int, height: int, width: int) -> NDArray[np.float32]:
        """One slot, flat, the colors of a pixel side by side: (height width 3,)."""
        key = (number, height, width)
        slot = self._slots.get(key)
        if slot is None:
            sized = resize_frames(estimate[number : number + 1].detach().float().cpu(), [height, width])
            slot = sized[0].permute(1, 2, 0).contiguous().view(-1).numpy()
            kept = {one: made for one, made in self._slots.items() if one[1:] == key[1:]}
            if (len(kept) + 1) * slot.nbytes <= SIZED_BYTES:
                self._slots = {**kept, key: slot}  # replaced as a whole: several threads may look
        return slot
