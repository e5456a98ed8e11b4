"""The noise control: as large as the perturbation in the frames, not only in the budget."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, require_room
from lsap_cli.video.media import Media
from lsap_cli.video.memory_limit import slot_bytes
from perturbations import Budget, Perturbation
from perturbations.controls import noise_like
from perturbations.seeds import seeded
from perturbations.slot_cache import SlotCache, add_cached

HALVINGS = 40  # of the interval in which the scale is searched
LARGEST_SCALE = 2.0**10
ELEMENTS = 2**20  # of the noise, that the scale is searched on
MEASURED_ELEMENTS = 2**27  # of resized slots, whose root mean square is compared
NEAR = 1.02  # times the perturbation's root mean square: noise of so much is left as it is


class _Scale(NamedTuple):
    """By which noise gets a root mean square in whole levels.

    Elements of one size pass a level together, so that no factor may do it: then some have the larger one.
    """

    larger: float
    smaller: float
    share: float  # of the elements that have the larger factor, drawn at random


def noise_control(perturbation: Perturbation, seed: int) -> PerturbationSource:
    """Noise of the perturbation's budget and, in frames of every size, of its root mean square.

    Appended frames have no size to match: their control is noise over the whole range of pixels.

    Args:
        perturbation: what the noise stands beside.
        seed: of the noise.
    """
    noise = noise_like(perturbation, seed)
    return AddedPerturbation(noise) if perturbation.binding.appended else NoiseControl(perturbation, noise)


class NoiseControl:
    """Noise whose levels have the perturbation's root mean square at the size of the frames that it is added to.

    A resize smooths noise more than a learned pattern, so that noise of the same budget would be smaller in the frames.

    Args:
        perturbation: whose size is matched.
        noise: of the same binding and budget.
    """

    appended = 0

    def __init__(self, perturbation: Perturbation, noise: Perturbation) -> None:
        self._perturbation, self._noise = perturbation, noise
        self._scales: dict[tuple[int, int], _Scale] = {}  # by frame size
        self._cache = SlotCache(noise, self._scaled, slot_bytes())

    @property
    def levels(self) -> SlotCache:
        """What is added to frames, slot by slot."""
        return self._cache

    def file_of(self, video: Video) -> Media:
        return video.media

    def change(self, frames: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        require_room(self._noise, frames)
        return add_cached(frames, self._noise.binding.slots(indices, frame_count), self._cache)

    def _scaled(self, resized: Tensor) -> Tensor:
        """Slots of the noise at some size, scaled within the budget."""
        height, width = resized.shape[-2:]
        budget = self._noise.budget
        if (height, width) not in self._scales:
            self._scales[height, width] = _matching_scale(self._noise, self._perturbation, height, width)
        scale = self._scales[height, width]
        scaled = budget.project(resized * scale.larger)
        if scale.share == 1:
            return scaled
        drawn = torch.rand(resized.shape[1:], generator=seeded(self._noise.record["seed"], "share")) < scale.share
        return torch.where(drawn, scaled, budget.project(resized * scale.smaller))


def _matching_scale(noise: Perturbation, perturbation: Perturbation, height: int, width: int) -> _Scale:
    """The scale by which the noise has the perturbation's root mean square at a size; one slot is made at a time."""
    parts = _measured_slots(noise, height, width)
    elements = 3 * height * width * len(noise.delta[: parts[-1].stop])
    budget, squares, some = noise.budget, 0.0, []
    for slots in parts:
        levels = budget.quantize(perturbation.resized(height, width, slots))
        squares += float(levels.float().square_().sum(dtype=torch.float64))
        some.append(noise.resized(height, width, slots).flatten()[:: max(1, elements // ELEMENTS)].clone())
    return _scale(torch.cat(some), budget, math.sqrt(squares / elements))


def _measured_slots(noise: Perturbation, height: int, width: int) -> list[slice]:
    """The slots that the scale is found on, in parts that are resized at a time.

    An l2 budget spans all slots, so all are one part. Under linf each slot is one; of many large ones the first serve.
    """
    count = len(noise.delta)
    if noise.budget.norm != "linf":
        return [slice(0, count)]
    most = max(1, MEASURED_ELEMENTS // (3 * height * width))
    return [slice(number, number + 1) for number in range(min(count, most))]


def _scale(some: Tensor, budget: Budget, target: float) -> _Scale:
    """The scale by which the noise has the target root mean square in whole levels, found by halving."""
    low, high = 0.0, LARGEST_SCALE
    for _ in range(HALVINGS):  # the root mean square rises with the factor, until all elements are at the limit
        middle = (low + high) / 2
        if _rms(budget.quantize(budget.project(some * middle))) < target:
            low = middle
        else:
            high = middle
    above, below = (_rms(budget.quantize(budget.project(some * one))) for one in (high, low))
    share = 1.0 if above <= NEAR * target else (target**2 - below**2) / (above**2 - below**2)
    return _Scale(high, low, share)


def _rms(levels: Tensor) -> float:
    return float(levels.float().square_().mean().sqrt())
