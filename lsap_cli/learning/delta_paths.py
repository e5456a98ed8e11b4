"""The ways of delta through the sizes of videos to the network, each made once."""

import warnings
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lsap_cli.classifiers.geometry import Geometry
from perturbations.budgets import LEVELS, Budget
from perturbations.resizing import BILINEAR, RESIZINGS, DeltaPath, ResizePath, WrittenPath, with_empty_slot


@dataclass(frozen=True)
class DeltaPaths:
    """Ways by video size.

    A bilinear delta takes the linear way, two small products a step: projection and rounding at the video's size are
    left out. Other ways to resize are not linear; forward, delta is made at the video's size as a file holds it.

    Attributes:
        geometry: of the classifier.
        delta_size: (h, w) of delta.
        resize: a name of `perturbations.resizing.RESIZINGS`.
        budget: that holds in files.
        device: where delta is.
        basis: makes delta of what is learned, for a linear way only; None: delta itself is learned.

    Raises:
        ValueError: if there is a basis, and the way is not linear.
    """

    geometry: Geometry
    delta_size: tuple[int, int]
    resize: str
    budget: Budget | None
    device: torch.device
    basis: ResizePath | None = None
    _made: dict[tuple[int, int], DeltaPath] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.resize != BILINEAR and (self.basis is not None or self.budget is None):
            raise ValueError(f"a delta that is resized as '{self.resize}' needs a budget, and can have no basis")

    def through(self, size: tuple[int, int]) -> DeltaPath:
        """The way through videos of (H, W) pixels."""
        if size not in self._made:
            self._made[size] = self._make(size)
        return self._made[size]

    def at_network_size(self, delta: Tensor) -> Tensor:
        """Delta in whole levels at the network's size, without a video's in between: (P, 3, h, w) -> (P + 1, 3, ...).

        Raises:
            ValueError: if there is no budget.
        """
        if self.budget is None:
            raise ValueError("a delta in whole levels needs a budget")
        resized = RESIZINGS[self.resize].resized(delta, *self.geometry.size, self.budget)
        return with_empty_slot(self.budget.whole_levels(resized) / LEVELS)

    def _make(self, size: tuple[int, int]) -> DeltaPath:
        resizing = RESIZINGS[self.resize]
        linear = self.geometry.path_matrices(self.delta_size, size, resizing.kernel)
        if self.resize == BILINEAR:
            return self._sparse(linear if self.basis is None else linear.after(self.basis))
        assert self.budget is not None
        shrink = self._sparse(self.geometry.path_matrices(size, size))
        return WrittenPath(resizing, self.budget, size, shrink, self._sparse(linear))

    def _sparse(self, path: ResizePath) -> ResizePath:
        return ResizePath(*(_sparse_on_cpu(one, self.device) for one in path))


def _sparse_on_cpu(matrix: Tensor, device: torch.device) -> Tensor:
    """A matrix of a few numbers a row: without its zeros on a CPU; on a GPU as it is, where products cost nothing."""
    if device.type != "cpu":
        return matrix.to(device)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch calls sparse CSR a beta feature
        return matrix.to_sparse_csr()
