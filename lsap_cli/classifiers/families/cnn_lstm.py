"""CNN+LSTM (Donahue et al., CVPR 2015): features of each frame, read in order by a long short-term memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from lsap_cli.classifiers.families.backbones import Head, make_backbone
from lsap_cli.classifiers.families.base import Family, check_choice, check_dropout

STATES = ("last", "mean")


class FramesLstm(nn.Module):
    """An LSTM over an image network's features: (B, T, 3, H, W) to (B, classes)."""

    def __init__(self, backbone: nn.Module, lstm: nn.LSTM, head: Head, state: str) -> None:
        super().__init__()
        self.backbone, self.lstm, self.head = backbone, lstm, head
        self.state = state

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of clips."""
        features: Tensor = self.backbone(clips.flatten(0, 1))
        states: Tensor = self.lstm(features.unflatten(0, clips.shape[:2]))[0]
        logits: Tensor = self.head(states[:, -1] if self.state == "last" else states.mean(1))
        return logits


@dataclass(frozen=True)
class CnnLstmFamily(Family):
    """An LSTM over frame features.

    Args:
        hidden: size of the LSTM's state.
        layers: of the LSTM.
        state: what the classes are read from: the last state, or the mean of all.
        dropout: share of the state that is switched off before the last layer while it is trained.

    Raises:
        ValueError: if a setting is out of range.
    """

    hidden: int = 256
    layers: int = 1
    state: str = "last"
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_dropout("dropout", self.dropout)
        check_choice("state", self.state, STATES)
        if min(self.hidden, self.layers) < 1:
            raise ValueError(f"hidden is {self.hidden} and layers is {self.layers}; use numbers from 1")

    def build(self, backbone: str | None, classes: int, frames: int) -> nn.Module:
        """See `Family`."""
        assert backbone is not None
        network, features = make_backbone(backbone, None)
        lstm = nn.LSTM(features, self.hidden, self.layers, batch_first=True)
        return FramesLstm(network, lstm, Head(self.hidden, classes, self.dropout), self.state)

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Family`; MMAction2 has no network of this family."""
        return dict(state)
