"""Perturbation subtraction: estimate the pattern that many videos share, and take it off."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from torch import Tensor

from defenses.base import CorpusDefense, Frames, Gradient, bad_setting, check_indices, in_range, take, unique_frames
from defenses.resampling import resize
from defenses.residuals import (
    bounded,
    check_look,
    estimate,
    slot_shares,
    traces,
    traces_of_pattern,
    watched_frames,
)


@dataclass(frozen=True)
class PerturbationSubtraction(CorpusDefense):
    """y_n = x_n - strength * pattern_(n mod period), where the pattern was estimated from other videos.

    A defense for just this threat: whoever sees many perturbed videos sees the same pattern many times. The estimate
    (see `defenses.residuals`) takes a set of videos that arrive as the one to be defended does; `fitted` makes it.
    Without an estimate, there is nothing that `defend` could do, and it says so.

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

    deterministic: ClassVar[bool] = True
    frames: ClassVar[Frames] = "itself"
    gradient: ClassVar[Gradient] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern that is smooth in space and the same in every frame, or whose period is not a divisor of the "
        "one that is looked for."
    )

    def __post_init__(self) -> None:
        check_look(self.period, self.side)
        if not 0 < self.strength <= 2:
            raise bad_setting("strength", self.strength, "above 0 and at most 2")

    def watched(self, frame_count: int) -> Tensor:
        return watched_frames(frame_count, self.period)

    def traces(self, frames: Tensor, indices: Tensor) -> Tensor:
        return traces(frames, indices, self.period, self.side)

    def shares(self, indices: Tensor, slots: Tensor, of: int) -> Tensor:
        return slot_shares(indices, slots, of, self.period)

    def traces_of_pattern(self, pattern: Tensor, shares: Tensor) -> Tensor:
        return traces_of_pattern(pattern, shares, self.side)

    def bounded(self, shown: Tensor) -> Tensor:
        return bounded(shown)

    def fitted(self, evidence: Sequence[Tensor]) -> Self:
        return replace(self, pattern=estimate(evidence))

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        return unique_frames(indices, frame_count)

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        if self.pattern is None:
            raise ValueError(
                "perturbation-subtraction has no estimate yet; give it the evidence of videos with fitted()"
            )
        check_indices(indices, frame_count)
        source = take(frames, have, indices)
        height, width = source.shape[-2:]
        pattern = resize(self.pattern.to(source), [height, width]) * self.strength
        return in_range(source - pattern[(indices % self.period).to(source.device)])
