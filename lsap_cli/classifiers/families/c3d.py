"""C3D (Tran et al., ICCV 2015): eight convolutions over space and time, for 16 frames of 112 x 112."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from lsap_cli.classifiers.families.backbones import Head
from lsap_cli.classifiers.families.base import Family, check_dropout
from lsap_cli.errors import LsapError

FRAMES = 16
SIZE = 112
CHANNELS = {
    "conv1a": (3, 64),
    "conv2a": (64, 128),
    "conv3a": (128, 256),
    "conv3b": (256, 256),
    "conv4a": (256, 512),
    "conv4b": (512, 512),
    "conv5a": (512, 512),
    "conv5b": (512, 512),
}
POOLED = ("conv1a", "conv2a", "conv3b", "conv4b", "conv5b")  # a pooling follows
FLAT = 8192  # features behind the last pooling
WIDTH = 4096


class C3d(nn.Module):
    """The network: (B, 16, 3, 112, 112) to (B, classes)."""

    def __init__(self, classes: int, dropout: float) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {}
        for name, (before, after) in CHANNELS.items():
            layers[name] = nn.Conv3d(before, after, 3, padding=1)
            layers[f"{name}_relu"] = nn.ReLU(inplace=True)
            if name in POOLED:
                frames = 1 if name == "conv1a" else 2
                margin = (0, 1, 1) if name == "conv5b" else 0
                layers[f"{name}_pool"] = nn.MaxPool3d((frames, 2, 2), (frames, 2, 2), margin)
        self.convolutions = nn.ModuleDict(layers)
        self.fc6, self.fc7 = nn.Linear(FLAT, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(dropout)
        self.head = Head(WIDTH, classes, dropout)

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of clips."""
        features = clips.transpose(1, 2)
        for layer in self.convolutions.values():
            features = layer(features)
        features = self.dropout(self.fc6(features.flatten(1)).relu())
        logits: Tensor = self.head(self.fc7(features).relu())
        return logits


@dataclass(frozen=True)
class C3dFamily(Family):
    """C3D.

    Args:
        dropout: share of features that is switched off while it is trained.

    Raises:
        ValueError: if the dropout is no share.
    """

    needs_backbone: ClassVar[bool] = False
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_dropout("dropout", self.dropout)

    def build(self, backbone: str | None, classes: int, frames: int) -> nn.Module:
        """See `Family`."""
        if frames != FRAMES:
            raise LsapError(f"c3d takes {FRAMES} frames, not {frames}")
        return C3d(classes, self.dropout)

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Family`."""
        names = {f"backbone.{name}.conv": f"convolutions.{name}" for name in CHANNELS}
        names |= {f"backbone.{name}": name for name in ("fc6", "fc7")} | {"cls_head.fc_cls": "head"}
        renamed = {}
        for key, value in state.items():
            module, _, last = key.rpartition(".")
            renamed[f"{names.get(module, module)}.{last}"] = value
        return renamed
