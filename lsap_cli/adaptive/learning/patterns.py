"""The patterns of rung A4: what an attacker learns, and the delta that it is made into."""

import torch
from torch import Tensor

from lsap_cli.adaptive.planning.attackers import Attacker
from perturbations.resizing import ResizePath, resize_matrix

COARSENESS = 8  # of a smooth pattern: it has this part of the network's height and width
STRIPE = 3  # rows of a stripe: finer ones are lost on the way through a video's size (docs/benchmarks.md)


def pattern_size(attacker: Attacker, size: tuple[int, int]) -> tuple[int, int]:
    """(h, w) of an attacker's delta, for a network that takes patterns of a size."""
    return _coarse(size) if attacker.low_frequency else size


def pattern_basis(attacker: Attacker, size: tuple[int, int]) -> ResizePath | None:
    """What makes an attacker's delta of what it learns; None: delta itself is learned.

    A striped delta is s(y) a(y, x): the sign of a stripe, and a strength that is learned at a smaller size and resized.
    Both steps are linear, act on each axis by itself, and keep linf.

    Args:
        attacker: that learns.
        size: (h, w) of patterns that the network takes.
    """
    if not attacker.striped:
        return None
    signs = 1.0 - 2 * (torch.arange(size[0]) // STRIPE % 2)
    rows, columns = (resize_matrix(small, large) for small, large in zip(_coarse(size), size, strict=True))
    return ResizePath(signs[:, None] * rows, columns)


def whole_delta(learned: Tensor, attacker: Attacker, size: tuple[int, int]) -> Tensor:
    """An attacker's delta within its budget, made of what it has learned: (P, 3, h', w') -> (P, 3, h, w)."""
    basis = pattern_basis(attacker, size)
    return learned if basis is None else attacker.budget.project(basis.resized(learned))


def _coarse(size: tuple[int, int]) -> tuple[int, int]:
    return max(1, size[0] // COARSENESS), max(1, size[1] // COARSENESS)
