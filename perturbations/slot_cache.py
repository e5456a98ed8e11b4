"""The slots of a perturbation at the size of frames, each made when a frame needs it."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from perturbations.adding import SlotLevels, add_bytes
from perturbations.bindings import Binding
from perturbations.budgets import Budget

CACHE_BYTES = 2**29  # of slots at a video's size, kept ready


class ResizedSlots(Protocol):
    """What is needed of a perturbation."""

    @property
    def binding(self) -> Binding: ...

    @property
    def budget(self) -> Budget: ...

    def resized(self, height: int, width: int, slots: slice) -> Tensor: ...


class SlotCache:
    """A perturbation in whole levels at the sizes that frames have; each slot is made once while there is room.

    Args:
        perturbation: whose slots they are.
        change: of resized slots, (K, 3, H, W) -> the same shape, before they are rounded; None: they are kept.
        most_bytes: of slots that are kept ready, beside the one that is used.
    """

    def __init__(
        self,
        perturbation: ResizedSlots,
        change: Callable[[Tensor], Tensor] | None = None,
        most_bytes: int = CACHE_BYTES,
    ) -> None:
        self.perturbation = perturbation
        self._change = change
        self._most_bytes = most_bytes
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
        while self._slots and self._bytes > self._most_bytes:
            self._bytes -= self._slots.popitem(last=False)[1].nbytes
        self._slots[key] = slot
        return slot

    def _levels(self, index: int, height: int, width: int) -> Tensor:
        """(3, height, width) int16 of one slot. An l2 budget spans all slots, so all are made at once."""
        budget = self.perturbation.budget
        if budget.norm == "linf":
            return budget.quantize(self._changed(self.perturbation.resized(height, width, slice(index, index + 1))))[0]
        if self._whole is None or self._whole.shape[2:] != (height, width):
            self._whole = budget.quantize(self._changed(self.perturbation.resized(height, width, slice(None))))
        return self._whole[index]

    def _changed(self, resized: Tensor) -> Tensor:
        return resized if self._change is None else self._change(resized)


def add_cached(frames: Tensor, slots: Tensor, cache: SlotCache) -> Tensor:
    """8-bit frames plus their slots: (T, 3, H, W) uint8 and (T,) int64 -> (T, 3, H, W) uint8, on the frames' device."""
    height, width = frames.shape[-2:]

    def slot_levels(index: int) -> SlotLevels:
        return SlotLevels(*(one.to(frames.device) for one in cache.slot(index, height, width)))

    return add_bytes(frames, slots, slot_levels)
