"""What is added to each frame of one video: the perturbation's levels, at the video's size."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from lsap_cli.applying.strength import check_strength
from lsap_cli.video.memory_limit import require_room_for_slots
from perturbations import Perturbation
from perturbations.adding import add_levels
from perturbations.bindings import NO_SLOT
from perturbations.resizing import BILINEAR
from perturbations.slot_cache import ResizedSlots, SlotCache


class Segment(Protocol):
    """Which frames of a video are changed."""

    needs_length: ClassVar[bool]

    def bounds(self, frame_count: int) -> tuple[int, int]:
        """The first changed frame, and the first behind them that is not."""
        ...


@dataclass(frozen=True)
class Begin:
    """The first frames.

    Args:
        frames: how many, at least 1.
    """

    needs_length: ClassVar[bool] = False
    frames: int = 16

    def __post_init__(self) -> None:
        _check_frames(self.frames)

    def bounds(self, frame_count: int) -> tuple[int, int]:
        return 0, self.frames


@dataclass(frozen=True)
class Middle:
    """Frames around the middle.

    Args:
        frames: how many, at least 1.
    """

    needs_length: ClassVar[bool] = True
    frames: int = 16

    def __post_init__(self) -> None:
        _check_frames(self.frames)

    def bounds(self, frame_count: int) -> tuple[int, int]:
        start = max(0, (frame_count - self.frames) // 2)
        return start, start + self.frames


@dataclass(frozen=True)
class End:
    """The last frames.

    Args:
        frames: how many, at least 1.
    """

    needs_length: ClassVar[bool] = True
    frames: int = 16

    def __post_init__(self) -> None:
        _check_frames(self.frames)

    def bounds(self, frame_count: int) -> tuple[int, int]:
        return max(0, frame_count - self.frames), frame_count


SEGMENTS: dict[str, type[Segment]] = {"begin": Begin, "middle": Middle, "end": End}


def scaled(perturbation: Perturbation, strength: float) -> Perturbation:
    """A perturbation multiplied by a number and projected onto its budget again.

    One that saturates gets a smaller budget where the number is below 1: its values are at their limit, and a smaller
    delta would be multiplied to the same one.

    Raises:
        ValueError: if the strength is not in (0, 100].
    """
    check_strength(strength)
    if strength == 1:
        return perturbation
    budget = perturbation.budget
    if strength < 1 and perturbation.resize != BILINEAR:
        budget = replace(budget, epsilon=budget.epsilon * Fraction(str(strength)))
    delta = budget.project(perturbation.delta * strength)
    return replace(perturbation, delta=delta, budget=budget, record=dict(perturbation.record) | {"strength": strength})


class Adder:
    """A perturbation for the frames of one video.

    Args:
        levels: of the perturbation that is added; may serve many videos.
        segment: which frames are changed; None: all.
        frame_count: of the video; not looked at unless `needs_length`.
    """

    def __init__(self, levels: SlotCache, segment: Segment | None, frame_count: int) -> None:
        self._levels, self._count = levels, frame_count
        self._binding = levels.perturbation.binding
        self._bounds = segment.bounds(frame_count) if segment is not None else None

    def perturbed(self, pixels: Tensor, number: int) -> Tensor:
        """(3, H, W) uint8 with the perturbation of that frame; the same tensor where nothing is added.

        Raises:
            UnreadableVideo: if the perturbation needs more than the memory limit at that size.
        """
        if self._bounds is not None and not self._bounds[0] <= number < self._bounds[1]:
            return pixels
        index = int(self._binding.slots(torch.tensor([number]), self._count)[0])
        if index == NO_SLOT:
            return pixels
        height, width = pixels.shape[1:]
        require_room_for_slots(self._levels.perturbation.budget.norm, self._binding.period, height, width)
        return add_levels(pixels, self._levels.slot(index, height, width))

    @property
    def appended(self) -> int:
        """How many frames follow the video's own."""
        return self._binding.appended

    def appended_frame(self, like: Tensor, place: int) -> Tensor:
        """One of the frames that follow the video's own: (3, H, W) uint8, of the size of `like`."""
        return self.perturbed(torch.zeros_like(like), self._count + place)


def needs_length(perturbation: ResizedSlots, segment: Segment | None) -> bool:
    """Whether what is added to a frame depends on how many frames there are."""
    return perturbation.binding.needs_length or (segment is not None and segment.needs_length)


def _check_frames(frames: int) -> None:
    if frames < 1:
        raise ValueError(f"frames is {frames}; use a number from 1")
