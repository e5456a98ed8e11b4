"""How stored frames are to be looked at: turned by quarters, mirrored, or as they are (ISO 14496-12's matrix)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from av.sidedata.sidedata import Type as SideDataType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.video.stream import VideoStream
    from numpy.typing import NDArray

MATRIX = "<9i"  # a b u c d v x y w: a stored place (p, q) is shown at (a p + c q, b p + d q)
LEAST_TURN = 1e-4  # of an edge: a quarter turn that was calculated in fractions of 1/65536 comes no closer


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to show a stored frame.

    Attributes:
        transposed: whether rows become columns; this is done first.
        flips_columns: whether left and right change places.
        flips_rows: whether top and bottom change places.
    """

    transposed: bool = False
    flips_columns: bool = False
    flips_rows: bool = False

    @classmethod
    def of(cls, side_data: Mapping[SideDataType, bytes]) -> Orientation:
        """That which the side data of a frame says; the nearest one where it says another angle.

        A matrix of zeros, which some recorders write, turns nothing, as in players.
        """
        matrix = side_data.get(SideDataType.DISPLAYMATRIX)
        if matrix is None or len(matrix) != struct.calcsize(MATRIX):
            return cls()
        a, b, _, c, d, *_ = struct.unpack(MATRIX, matrix)
        transposed = max(abs(b), abs(c)) > max(abs(a), abs(d))
        columns, rows = (c, b) if transposed else (a, d)
        return cls(transposed, columns < 0, rows < 0)

    @property
    def mirrored(self) -> bool:
        """Whether no turning alone shows it."""
        return self.transposed == (self.flips_columns == self.flips_rows)

    def upright(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A stored picture (H, W, 3) as it is to be looked at."""
        turned = array.transpose(1, 0, 2) if self.transposed else array
        return np.ascontiguousarray(self._flipped(turned))

    def stored(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture of which `upright` makes this one."""
        turned = self._flipped(array)
        return np.ascontiguousarray(turned.transpose(1, 0, 2) if self.transposed else turned)

    def describe(self, stream: VideoStream) -> None:
        """Lets a stream that has no frame yet say so."""
        if self != Orientation():
            turns = (1 if self.flips_rows else 3) if self.transposed else (2 if self.flips_rows else 0)
            stream.set_display_rotation(90 * turns, hflip=self.mirrored)

    def _flipped(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return array[:: -1 if self.flips_rows else 1, :: -1 if self.flips_columns else 1]


def is_quarter_turn(matrix: bytes) -> bool:
    """Whether a display matrix turns by quarters or mirrors, and nothing else.

    Raises:
        struct.error: if it is damaged.
    """
    a, b, _, c, d, *_ = struct.unpack(MATRIX, matrix)
    along, across = max(abs(a), abs(d)), max(abs(b), abs(c))
    return bool(min(along, across) <= LEAST_TURN * max(along, across))
