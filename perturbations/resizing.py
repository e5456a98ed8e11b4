"""Resizing delta: to the size of frames that it is added to, and on to the size that a network takes."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


def resize(delta: Tensor, height: int, width: int) -> Tensor:
    """Delta at a frame's size, (P, 3, h, w) -> (P, 3, height, width): bilinear, antialiased where it shrinks."""
    return F.interpolate(delta, size=(height, width), mode="bilinear", align_corners=False, antialias=True)


def resize_matrix(length: int, resized: int) -> Tensor:
    """`resize` along one axis as a matrix, (resized, length) float32; it is linear and acts on each axis by itself."""
    return resize(torch.eye(length)[None, None], resized, length)[0, 0]


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
