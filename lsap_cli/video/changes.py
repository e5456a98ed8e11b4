"""How much frames were changed, measured on the bytes that a reader decodes (law 3)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from defenses.pixels import opencv
from lsap_cli.results.manifest import EffectiveNorms, ManifestEntry


def picture_of(pixels: Tensor) -> NDArray[np.uint8]:
    """A frame (3, H, W) as an array (H, W, 3): a view where its pixels lie so in memory."""
    picture: NDArray[np.uint8] = pixels.permute(1, 2, 0).contiguous().cpu().numpy()
    return picture


def absolute_distance(one: NDArray[Any], other: NDArray[Any]) -> int:
    """The sum of absolute differences of two arrays of one type, whole numbers."""
    cv2 = opencv()
    return int(cv2.norm(one, other, cv2.NORM_L1))


def squared_distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """The sum of squared differences of two arrays (H, W, 3) uint8."""
    cv2 = opencv()
    squares: float = cv2.norm(one, other, cv2.NORM_L2SQR)
    return round(squares)  # which OpenCV 5 takes the root of and squares again


def largest_distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """The largest absolute difference of two arrays (H, W, 3) uint8."""
    cv2 = opencv()
    return int(cv2.norm(one, other, cv2.NORM_INF))


@dataclass
class Changes:
    """Sums over pairs of frames, and the norms they make. Norms are in 8-bit levels (0-255)."""

    elements: int = 0
    absolute: int = 0
    squares: int = 0
    largest: int = 0

    def add(self, before: Tensor, after: Tensor) -> None:
        """Counts frames: (..., 3, H, W) uint8 twice."""
        if after is before:
            self.elements += before.numel()
            return
        self.elements += before.numel()
        for one, other in zip(before.flatten(0, -4), after.flatten(0, -4), strict=True):
            first, second = picture_of(one), picture_of(other)
            self.absolute += absolute_distance(first, second)
            self.squares += squared_distance(first, second)
            self.largest = max(self.largest, largest_distance(first, second))

    def merge(self, other: "Changes") -> None:
        """Adds what was counted elsewhere."""
        self.elements += other.elements
        self.absolute += other.absolute
        self.squares += other.squares
        self.largest = max(self.largest, other.largest)

    @property
    def l2_rms(self) -> float:
        """Root mean square."""
        return math.sqrt(self.squares / self.elements) if self.elements else 0.0

    @property
    def map(self) -> float:
        """Mean absolute change: LSAP's MAP."""
        return self.absolute / self.elements if self.elements else 0.0

    @property
    def psnr(self) -> float | None:
        """Peak signal to noise ratio in dB; None where nothing changed."""
        return 20 * math.log10(255 / self.l2_rms) if self.squares else None

    @property
    def norms(self) -> EffectiveNorms:
        """For results.json."""
        return EffectiveNorms(linf=self.largest, l2_rms=self.l2_rms, map=self.map)


def total_norms(entries: Sequence[ManifestEntry]) -> EffectiveNorms | None:
    """Norms over all elements of several written files, in levels (0-255); None for no file."""
    elements = sum(one.elements for one in entries)
    if not elements:
        return None
    return EffectiveNorms(
        linf=max(one.linf for one in entries),
        l2_rms=math.sqrt(sum(one.elements * one.l2_rms**2 for one in entries) / elements),
        map=sum(one.elements * one.map for one in entries) / elements,
    )
