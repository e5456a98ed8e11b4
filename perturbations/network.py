"""The attacked network: the interface that attacks use, and how often they ask it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from torch import Tensor

Internal = Literal["features", "activations"]
"""What an attack can ask for beside the logits."""


class NetworkOutput(NamedTuple):
    """Logits of clips, and the internals that were asked for.

    Attributes:
        logits: (B, classes).
        features: of frames, (B, T', D), from before the network pools over time.
        activations: of the network's layers, which may be none; the first dimension is clips or their frames.
    """

    logits: Tensor
    features: Tensor | None = None
    activations: list[Tensor] | None = None


class Network(Protocol):
    """A classifier that attacks can look into.

    Clips are (B, T, 3, h, w) float32 in [0, 1] at the network's size; everything is differentiable.
    """

    def score(self, clips: Tensor) -> Tensor:
        """Logits (B, classes)."""
        ...

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        """The same logits, and the internals that are named."""
        ...


@dataclass
class QueryCounter:
    """How many clips a network was asked about. Mutable: the network that counts adds to it.

    Attributes:
        clips: so far; each clip in each pass through the network is one query.
    """

    clips: int = 0


@dataclass(frozen=True)
class CountedNetwork:
    """A network that counts queries.

    Attributes:
        network: that answers.
        counter: that counts.
    """

    network: Network
    counter: QueryCounter

    def score(self, clips: Tensor) -> Tensor:
        self.counter.clips += len(clips)
        return self.network.score(clips)

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        self.counter.clips += len(clips)
        return self.network.outputs(clips, *internals)
