"""The clips of each step of training, wherever they come from: what the loop asks of their source."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from lsap_cli.datasets.store import StoredVideo
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.training.measuring import CurvePoint


def _ignore(_losses: Tensor) -> None:
    """No-op callback."""


def _nothing() -> None:
    """No-op callback."""


@dataclass(frozen=True, eq=False)  # tensors have no single truth value
class StepClips:
    """The clips of one update, this process's part of them.

    Attributes:
        clips: (B, T, 3, h, w) float32, pixels in [0, 1] (beyond it with Gaussian noise), at the network's size.
        targets: (B,) int64, classes.
        losses_known: gets the losses (B,) of the clips before the backward pass.
        gradients_known: called after it, before the update.
    """

    clips: Tensor
    targets: Tensor
    losses_known: Callable[[Tensor], None] = _ignore
    gradients_known: Callable[[], None] = _nothing


class ClipSource(Protocol):
    """Where the clips of training come from. What a step gets depends on its number, the seed and the state alone."""

    @property
    def steps_per_epoch(self) -> int:
        """Updates in which every video is seen."""
        ...

    def clips(self, step: int) -> StepClips:
        """The clips of a step; steps count from 0."""
        ...

    def statistics_clips(self, first: int, steps: int) -> Iterable[Tensor]:
        """Clips (B, T, 3, h, w) of some steps as the network got them, for the statistics of batch normalization."""
        ...

    def measure(self, protocol: EvaluationProtocol, videos: Sequence[StoredVideo]) -> CurvePoint:
        """A point of the curve: the network, in evaluation mode, on videos that it does not learn from."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What it needs besides the step's number to go on."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from a saved state."""
        ...
