"""What is added to each frame of one video: the perturbation's levels, at the video's size."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from perturbations import Perturbation
from perturbations.adding import SlotLevels, add_levels
from perturbations.bindings import NO_SLOT, Binding

CACHE_BYTES = 2**29  # of slots at a video's size, kept ready
MOST_STRENGTH = 100.0


class Segment(Protocol):
    """Which frames of a video are changed."""

    needs_length: ClassVar[bool]

    def bounds(self, frame_count: int) -> tuple[int, int]:
        """The first changed frame, and the first behind them that is not."""
        ...


@dataclass(frozen=True)
class Begin:
    """The first frames."""

    needs_length: ClassVar[bool] = False
    frames: int = 16

    def __post_init__(self) -> None:
        _check_frames(self.frames)

    def bounds(self, frame_count: int) -> tuple[int, int]:
        return 0, self.frames


@dataclass(frozen=True)
class Middle:
    """Frames around the middle."""

    needs_length: ClassVar[bool] = True
    frames: int = 16

    def __post_init__(self) -> None:
        _check_frames(self.frames)

    def bounds(self, frame_count: int) -> tuple[int, int]:
        start = max(0, (frame_count - self.frames) // 2)
        return start, start + self.frames


@dataclass(frozen=True)
class End:
    """The last frames."""

    needs_length: ClassVar[bool] = True
    frames: int = 16

    def __post_init__(self) -> None:
        _check_frames(self.frames)

    def bounds(self, frame_count: int) -> tuple[int, int]:
        return max(0, frame_count - self.frames), frame_count


SEGMENTS: dict[str, type[Segment]] = {"begin": Begin, "middle": Middle, "end": End}


def scaled(perturbation: Perturbation, strength: float) -> Perturbation:
    """A perturbation multiplied by a number and projected onto its budget again.

    Raises:
        ValueError: if the strength is not in (0, 100].
    """
    if not 0 < strength <= MOST_STRENGTH:
        raise ValueError(f"the strength is {strength:g}; use a number above 0, at most {MOST_STRENGTH:g}")
    if strength == 1:
        return perturbation
    delta = perturbation.budget.project(perturbation.delta * strength)
    return replace(perturbation, delta=delta, record=dict(perturbation.record) | {"strength": strength})


class Levels:
    """A perturbation in whole levels at the sizes that videos have; each slot is made once while there is room."""

    def __init__(self, perturbation: Perturbation) -> None:
        self.perturbation = perturbation
        self._slots: OrderedDict[tuple[int, int, int], SlotLevels] = OrderedDict()
        self._bytes = 0
        self._whole: Tensor | None = None

    def slot(self, index: int, height: int, width: int) -> SlotLevels:
        """One slot for frames of one size."""
        key = (index, height, width)
        if key in self._slots:
            self._slots.move_to_end(key)
            return self._slots[key]
        slot = SlotLevels.of(self._levels(index, height, width))
        self._bytes += slot.nbytes
        while self._slots and self._bytes > CACHE_BYTES:
            self._bytes -= self._slots.popitem(last=False)[1].nbytes
        self._slots[key] = slot
        return slot

    def _levels(self, index: int, height: int, width: int) -> Tensor:
        """(3, height, width) int16 of one slot. An l2 budget spans all slots, so all are made at once."""
        if self.perturbation.budget.norm == "linf":
            delta = self.perturbation.delta[index : index + 1]
            return replace(self.perturbation, delta=delta, binding=Binding("constant")).levels(height, width)[0]
        if self._whole is None or self._whole.shape[2:] != (height, width):
            self._whole = self.perturbation.levels(height, width)
        return self._whole[index]


class Adder:
    """A perturbation for the frames of one video.

    Args:
        levels: of the perturbation that is added; may serve many videos.
        segment: which frames are changed; None: all.
        frame_count: of the video; not looked at unless `needs_length`.
    """

    def __init__(self, levels: Levels, segment: Segment | None, frame_count: int) -> None:
        self._levels, self._count = levels, frame_count
        self._binding = levels.perturbation.binding
        self._bounds = segment.bounds(frame_count) if segment is not None else None

    def perturbed(self, pixels: Tensor, number: int) -> Tensor:
        """(3, H, W) uint8 with the perturbation of that frame; the same tensor where nothing is added."""
        if self._bounds is not None and not self._bounds[0] <= number < self._bounds[1]:
            return pixels
        index = int(self._binding.slots(torch.tensor([number]), self._count)[0])
        if index == NO_SLOT:
            return pixels
        return add_levels(pixels, self._levels.slot(index, pixels.shape[1], pixels.shape[2]))

    @property
    def appended(self) -> int:
        """How many frames follow the video's own."""
        return self._binding.appended

    def appended_frame(self, like: Tensor, place: int) -> Tensor:
        """One of the frames that follow the video's own: (3, H, W) uint8, of the size of `like`."""
        return self.perturbed(torch.zeros_like(like), self._count + place)


def needs_length(perturbation: Perturbation, segment: Segment | None) -> bool:
    """Whether what is added to a frame depends on how many frames there are."""
    return perturbation.binding.needs_length or (segment is not None and segment.needs_length)


def _check_frames(frames: int) -> None:
    if frames < 1:
        raise ValueError(f"frames is {frames}; use a number from 1")
