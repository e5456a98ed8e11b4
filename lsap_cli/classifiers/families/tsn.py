"""Temporal Segment Networks (Wang et al., ECCV 2016): an image network's logits, averaged over a clip's frames."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from lsap_cli.classifiers.families.backbones import make_backbone
from lsap_cli.classifiers.families.base import Family, check_dropout
from lsap_cli.classifiers.families.mmaction import image_network_names


class FrameConsensus(nn.Module):
    """The mean over frames of an image network's logits: (B, T, 3, H, W) to (B, classes)."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of clips."""
        logits: Tensor = self.backbone(clips.flatten(0, 1))
        consensus: Tensor = logits.unflatten(0, clips.shape[:2]).mean(1)
        return consensus


@dataclass(frozen=True)
class TsnFamily(Family):
    """Segments and average consensus.

    Args:
        dropout: share of features that is switched off before the last layer while it is trained.

    Raises:
        ValueError: if the dropout is no share.
    """

    dropout: float = 0.4

    def __post_init__(self) -> None:
        check_dropout("dropout", self.dropout)

    def build(self, backbone: str | None, classes: int, frames: int) -> nn.Module:
        """See `Family`."""
        assert backbone is not None
        return FrameConsensus(make_backbone(backbone, classes, self.dropout)[0])

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Family`."""
        return image_network_names(state)
