"""Filters along time: every frame becomes the mean or the median of a window of frames around it.

Beyond its ends a video goes on in a mirror, `1 0 | 0 1 2 3 | 3 2`, so that an end frame counts for itself at
least as much as its neighbor does; one that is shorter than the window is mirrored again and again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from defenses.base import bad_setting, check_indices, each_once, take

Choice = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TemporalMean:
    """Mean over time: y_t = (x_{t-r} + ... + x_{t+r}) / window, with r = (window - 1) / 2.

    The plainest low-pass along time: a box filter. Linear, so its gradient is exact.

    Attributes:
        window: frames averaged, an odd number of at least 3.
    """

    window: int = 3

    deterministic: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and nearly so one that changes slowly against the window."
    )

    def __post_init__(self) -> None:
        check_window(self.window)

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        return each_once(window_frames(indices, frame_count, self.window))

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        columns = window_columns(frames, have, indices, frame_count, self.window)
        total = next(columns)
        for column in columns:  # always in the order of time: rounding must not depend on what is at hand
            total += column
        return total.div_(self.window)


@dataclass(frozen=True)
class TemporalMedian:
    """Median over time: y_t = median(x_{t-r}, ..., x_{t+r}) for every value, with r = (window - 1) / 2.

    VCR-Bench (msu-video-group/vcr-bench) has it with a window of 3, but cuts the windows at the video's ends
    to 2 frames, which are full here. The gradient is exact where no two values of a window are equal.

    Attributes:
        window: frames compared, an odd number of at least 3.
    """

    window: int = 3

    deterministic: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    null_space: ClassVar[str] = (
        "A pattern that is the same in every frame, and one that holds for more than half of the window."
    )

    def __post_init__(self) -> None:
        check_window(self.window)

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        return each_once(window_frames(indices, frame_count, self.window))

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        columns = window_columns(frames, have, indices, frame_count, self.window)
        middle: Tensor = SharedMedian.apply(*columns)
        return middle


def check_window(window: int) -> None:
    if window < 3 or window % 2 == 0:
        raise bad_setting("window", window, "an odd number of at least 3")


def mirror(indices: Tensor, frame_count: int) -> Tensor:
    """Fold frame numbers into [0, frame_count): `... 2 1 0 | 0 1 2 | 2 1 0 | 0 1 2 | ...`."""
    folded = indices % (2 * frame_count)
    return torch.minimum(folded, 2 * frame_count - 1 - folded)


def window_frames(indices: Tensor, frame_count: int, window: int) -> Tensor:
    """Number the frames around each of `indices` (K,), in the order of time: (window, K) int64."""
    check_indices(indices, frame_count)
    offsets = torch.arange(window, device=indices.device) - window // 2
    return mirror(indices + offsets[:, None], frame_count)


def window_columns(frames: Tensor, have: Tensor, indices: Tensor, frame_count: int, window: int) -> Iterator[Tensor]:
    """Yield, for each place in the window, a fresh (K, 3, H, W) copy of the frames that stand there."""
    for wanted in window_frames(indices, frame_count, window):
        yield take(frames, have, wanted)


class SharedMedian(Function):
    """Median of an odd number of tensors, value by value; those that equal it share its gradient evenly.

    Autograd's own gradient of the minima and maxima is as right, and ten times as slow.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, *columns: Tensor) -> Tensor:
        middle = median(columns)
        ctx.save_for_backward(middle, *columns)
        return middle

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:  # Any: torch's stubs lack saved_tensors
        middle, *columns = ctx.saved_tensors
        hits = [(column == middle).to(middle.dtype) for column in columns]
        share = gradients[0] / sum(hits)
        return tuple(hit.mul_(share) for hit in hits)


def median(columns: Sequence[Tensor]) -> Tensor:
    """Median of an odd number of tensors, value by value, by forgetful selection.

    Neither the smallest nor the largest of count // 2 + 2 values can be the median of all: both are dropped,
    and the next value comes in. This takes only elementwise minima and maxima and is an order of magnitude
    faster than torch.median on stacked tensors.
    """
    enough = len(columns) // 2 + 2
    held = list(columns[:enough])
    for column in columns[enough:]:
        held = [*without_extremes(held), column]
    (middle,) = without_extremes(held)
    return middle


def without_extremes(values: list[Tensor]) -> list[Tensor]:
    """Sort the smallest and the largest out of at least three tensors, value by value."""
    return without_last(without_last(values, torch.minimum, torch.maximum), torch.maximum, torch.minimum)


def without_last(values: list[Tensor], stays: Choice, goes: Choice) -> list[Tensor]:
    """Compare along the list: keep what `stays` chooses; what `goes` chooses moves on, and out at the end."""
    moving, *others = values
    kept = []
    for value in others:
        kept.append(stays(moving, value))
        if len(kept) < len(others):
            moving = goes(moving, value)
    return kept
