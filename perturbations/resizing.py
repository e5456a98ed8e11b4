"""Resizing delta: to the size of frames that it is added to, and on to the size that a network takes."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from lsap_common import NamedParts
from perturbations.budgets import LEVELS, Budget

Kernel = Literal["bilinear", "bicubic"]
BILINEAR = "bilinear"  # of perturbation files that say nothing else


def resize(delta: Tensor, height: int, width: int, kernel: Kernel = "bilinear") -> Tensor:
    """Delta at a frame's size, (P, 3, h, w) -> (P, 3, height, width): antialiased where it shrinks."""
    return F.interpolate(delta, size=(height, width), mode=kernel, align_corners=False, antialias=True)


def resize_matrix(length: int, resized: int, kernel: Kernel = "bilinear") -> Tensor:
    """`resize` along one axis as a matrix, (resized, length) float32; it is linear and acts on each axis by itself."""
    return resize(torch.eye(length)[None, None], resized, length, kernel)[0, 0]


@dataclass(frozen=True)
class Resizing:
    """How delta is brought to the size of frames: resampled, multiplied by a gain, projected onto the budget.

    A gain above 1 saturates: between neighbors of +epsilon and -epsilon, where a plain resize leaves small values,
    nearly all elements keep the size epsilon. It is part of a perturbation file's contract.

    Attributes:
        kernel: of the resampling.
        gain: from 1.
    """

    kernel: Kernel
    gain: float

    def resized(self, delta: Tensor, height: int, width: int, budget: Budget) -> Tensor:
        """Delta at a frame's size, within the budget: (P, 3, h, w) -> (P, 3, height, width) float32.

        At delta's own size nothing is resampled. An l2 budget spans all slots, so it needs them all at once.
        """
        if delta.shape[2:] != (height, width):
            return budget.project(resize(delta, height, width, self.kernel).mul_(self.gain))
        return delta if self.gain == 1 else budget.project(self.gain * delta)


RESIZINGS: NamedParts[Resizing] = NamedParts(
    "resize",
    {
        BILINEAR: Resizing("bilinear", 1.0),
        "saturating": Resizing("bicubic", 4.0),
    },
)


class ResizePath(NamedTuple):
    """The way of delta to the frames that a network gets: up to a video's size, down and cropped to the network's.

    Attributes:
        rows: (h', h), dense or sparse CSR.
        columns: (w', w), likewise.
    """

    rows: Tensor
    columns: Tensor

    def to(self, device: torch.device) -> "ResizePath":
        """The same matrices on a device."""
        return ResizePath(self.rows.to(device), self.columns.to(device))

    def after(self, basis: "ResizePath") -> "ResizePath":
        """This way behind another one: of dense matrices."""
        return ResizePath(self.rows @ basis.rows, self.columns @ basis.columns)

    def resized(self, delta: Tensor) -> Tensor:
        """The product rows @ delta @ columns.T: (P, 3, h, w) -> (P, 3, h', w')."""
        return _both_axes(self.rows, delta.permute(2, 3, 0, 1), self.columns).permute(2, 3, 0, 1).contiguous()

    def forward(self, delta: Tensor) -> Tensor:
        """The product rows @ delta @ columns.T with an empty slot at the end: (P, 3, h, w) -> (P + 1, 3, h', w')."""
        resized = _both_axes(self.rows, delta.permute(2, 3, 0, 1), self.columns)
        return with_empty_slot(resized.permute(2, 3, 0, 1))

    def backward(self, by_pattern: Tensor) -> Tensor:
        """The gradient by delta from that by the pattern: (P + 1, 3, h', w') -> (P, 3, h, w)."""
        by_pixel = by_pattern[:-1].permute(2, 3, 0, 1)
        by_delta = _both_axes(self.rows.transpose(0, 1), by_pixel, self.columns.transpose(0, 1))
        return by_delta.permute(2, 3, 0, 1).contiguous()


@dataclass(frozen=True, eq=False)  # tensors have no single truth value
class WrittenPath:
    """The way of delta to a network as a video file has it: at the video's size, within the budget, in whole levels.

    Forward it is what a file holds, shrunk and cropped as the network's frames are. The gradient passes projection,
    gain and rounding as if they were not there.

    Attributes:
        resizing: of delta to the video's size.
        budget: that holds in the file.
        size: (H, W) of the video.
        shrink: from the video's size to the network.
        linear: from delta to the network, by resampling alone.
    """

    resizing: Resizing
    budget: Budget
    size: tuple[int, int]
    shrink: ResizePath
    linear: ResizePath

    def to(self, device: torch.device) -> "WrittenPath":
        """The same on a device."""
        return replace(self, shrink=self.shrink.to(device), linear=self.linear.to(device))

    def levels(self, delta: Tensor) -> Tensor:
        """What the file's frames get: (P, 3, h, w) -> (P, 3, H, W) int16."""
        return self.budget.quantize(self.resizing.resized(delta, *self.size, self.budget))

    def forward(self, delta: Tensor) -> Tensor:
        """The pattern at the network with an empty slot at the end: (P, 3, h, w) -> (P + 1, 3, h', w')."""
        learned = delta.detach()
        # Slot by slot, which stays in a processor's cache; an l2 budget spans all slots.
        parts = learned.split(1) if self.budget.norm == "linf" else (learned,)
        pattern = with_empty_slot(torch.cat([self._arriving(part) for part in parts]))
        if not delta.requires_grad:
            return pattern
        linear = self.linear.forward(delta)
        return pattern + (linear - linear.detach())

    def backward(self, by_pattern: Tensor) -> Tensor:
        """The gradient by delta from that by the pattern: (P + 1, 3, h', w') -> (P, 3, h, w)."""
        return self.linear.backward(by_pattern)

    def _arriving(self, slots: Tensor) -> Tensor:
        written = self.budget.whole_levels(self.resizing.resized(slots, *self.size, self.budget))
        return self.shrink.resized(written.div_(LEVELS))


class DeltaPath(Protocol):
    """A way of delta to the frames that a network gets."""

    def forward(self, delta: Tensor) -> Tensor:
        """The pattern with an empty slot at the end: (P, 3, h, w) -> (P + 1, 3, h', w')."""
        ...

    def backward(self, by_pattern: Tensor) -> Tensor:
        """The gradient by delta from that by the pattern: (P + 1, 3, h', w') -> (P, 3, h, w)."""
        ...


def _both_axes(rows: Tensor, pattern: Tensor, columns: Tensor) -> Tensor:
    """The product rows @ pattern @ columns.T for every slot and color: (h, w, P, 3) -> (rows, columns, P, 3).

    Nearly all elements of the matrices are zero; a sparse matrix skips them.
    """
    slots = pattern.shape[2:]
    half = (rows @ pattern.flatten(1)).unflatten(1, pattern.shape[1:]).transpose(0, 1)
    both: Tensor = (columns @ half.flatten(1)).unflatten(1, (len(rows), *slots)).transpose(0, 1)
    return both


def with_empty_slot(pattern: Tensor) -> Tensor:
    """The pattern with a last slot of zeros, for frames without a slot: (P, 3, h, w) -> (P + 1, 3, h, w)."""
    slots, colors, height, width = pattern.shape
    longer = pattern.new_zeros(slots + 1, height, width, colors)  # in memory as decoded frames are
    longer[:-1] = pattern.permute(0, 2, 3, 1)
    return longer.permute(0, 3, 1, 2)
