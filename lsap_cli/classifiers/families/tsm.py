"""Temporal Shift Module (Lin et al., ICCV 2019): TSN whose residual blocks see the frames beside each frame.

In each residual branch, before its first convolution, a share of the channels is taken from the next frame and as many
from the one before; what lies beyond the ends is zero.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from lsap_cli.classifiers.families.backbones import make_backbone
from lsap_cli.classifiers.families.base import Family, check_dropout
from lsap_cli.classifiers.families.mmaction import image_network_names
from lsap_cli.classifiers.families.tsn import FrameConsensus
from lsap_cli.errors import LsapError

LONG_STAGE = 23  # blocks, from which on every second block of a ResNet's stages shifts, as the authors' code does


class TemporalShift:
    """A hook before a convolution: shifts its input, (B T, C, H, W), frames of clips one after the other.

    A hook leaves the convolution as it is, whatever it pads, and the names of its weights.

    Args:
        frames: of each clip.
        shift: one channel of so many comes from the next frame, and one from the frame before.
    """

    def __init__(self, frames: int, shift: int) -> None:
        self.frames, self.shift = frames, shift

    def __call__(self, convolution: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        return shifted(inputs[0].unflatten(0, (-1, self.frames)), self.shift).flatten(0, 1)


def shifted(clips: Tensor, shift: int) -> Tensor:
    """Features (B, T, C, H, W) with C // shift channels of the next frame, as many of the one before, and the rest."""
    share = clips.shape[2] // shift
    moved = clips.clone()
    moved[:, :-1, :share] = clips[:, 1:, :share]
    moved[:, -1, :share] = 0
    moved[:, 1:, share : 2 * share] = clips[:, :-1, share : 2 * share]
    moved[:, 0, share : 2 * share] = 0
    return moved


@dataclass(frozen=True)
class TsmFamily(Family):
    """TSN with temporal shifts.

    Args:
        shift: one channel of so many comes from the next frame, and one from the frame before; 0: no shift, TSN.
        dropout: share of features that is switched off before the last layer while it is trained.

    Raises:
        ValueError: if the shift is 1 or below 0, or the dropout is no share.
    """

    shift: int = 8
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_dropout("dropout", self.dropout)
        if self.shift < 0 or self.shift == 1:
            raise ValueError(f"shift is {self.shift}; use 0, or a number from 2")

    def build(self, backbone: str | None, classes: int, frames: int) -> nn.Module:
        """See `Family`."""
        assert backbone is not None
        network = make_backbone(backbone, classes, self.dropout)[0]
        convolutions = list(residual_convolutions(network))
        if not convolutions:
            raise LsapError(
                f"the backbone '{backbone}' has no residual blocks that tsm knows (those of ResNet, MobileNet and "
                "EfficientNet); use one such as resnet50 or mobilenet_v2"
            )
        for convolution in convolutions if self.shift else []:
            convolution.register_forward_pre_hook(TemporalShift(frames, self.shift))
        return FrameConsensus(network)

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Family`."""
        return image_network_names(state)


def residual_convolutions(network: nn.Module) -> Iterator[nn.Module]:
    """The first convolution of each residual branch."""
    stages = [module for module in network.modules() if isinstance(module, nn.Sequential) and len(module)]
    every = 2 if any(len(stage) >= LONG_STAGE and hasattr(stage[0], "conv1") for stage in stages) else 1
    for stage in stages:
        for number, block in enumerate(stage):
            if hasattr(block, "conv1") and hasattr(block, "downsample"):  # a ResNet's
                if number % every == 0:
                    yield block.get_submodule("conv1")
            elif getattr(block, "use_res_connect", False) or getattr(block, "has_skip", False):
                yield _first_convolution(block)  # of torchvision's and timm's MobileNet and EfficientNet


def _first_convolution(block: nn.Module) -> nn.Module:
    return next(module for module in block.modules() if isinstance(module, nn.Conv2d))
