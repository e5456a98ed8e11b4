"""I3D (Carreira and Zisserman, CVPR 2017): an image network inflated to three dimensions.

Each kernel is repeated over time and divided by the number of its frames, or stands at its middle frame alone (ViViT,
Arnab et al., ICCV 2021, equations 8 and 9). Either way a still video gives what the image network gives of its picture,
up to the ends of the clip, where frames are missing.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lsap_cli.classifiers.families.backbones import make_backbone
from lsap_cli.classifiers.families.base import Family, check_choice, check_dropout
from lsap_cli.classifiers.families.mmaction import image_network_names
from lsap_cli.errors import LsapError

PADDINGS = ("zeros", "replicate")
INFLATIONS = ("average", "center")
CHECK_SIDE = 96  # pixels of the still video that an inflated network is checked with


class Inflation(NamedTuple):
    """How a convolution is inflated."""

    frames: int = 1  # of the kernel, odd
    stride: int = 1  # in time


class InflatedConv3d(nn.Conv3d):
    """A convolution over space and time with the weights of one over space.

    Args:
        conv: over space.
        inflation: of its kernel.
        padding: beyond the clip's ends: zeros, or its first and last frame (replicate).
        weighting: of the kernel's frames, one of `INFLATIONS`.
    """

    def __init__(self, conv: nn.Conv2d, inflation: Inflation, padding: str, weighting: str) -> None:
        margin = inflation.frames // 2
        self.replicated = margin if padding == "replicate" else 0
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            (inflation.frames, *_pair(conv.kernel_size)),
            (inflation.stride, *_pair(conv.stride)),
            (margin - self.replicated, *_pair(conv.padding)),
            (1, *_pair(conv.dilation)),
            conv.groups,
            conv.bias is not None,
            dtype=conv.weight.dtype,
        )
        self.weight.data.copy_(inflated_kernel(conv.weight.detach(), inflation.frames, weighting))
        if self.bias is not None and conv.bias is not None:
            self.bias.data.copy_(conv.bias.detach())

    def forward(self, clips: Tensor) -> Tensor:
        """Features (B, C, T, H, W)."""
        if self.replicated:
            clips = F.pad(clips, (0, 0, 0, 0, self.replicated, self.replicated), mode="replicate")
        return super().forward(clips)


def inflated_kernel(kernel: Tensor, frames: int, weighting: str) -> Tensor:
    """A kernel over time and space whose sum over time is a kernel over space.

    Args:
        kernel: (out, in, H, W).
        frames: of the result (out, in, frames, H, W).
        weighting: `average` repeats it and divides it by the frames; `center` puts it into the middle frame, beside
            zeros.
    """
    if weighting == "average":
        return kernel[:, :, None].repeat(1, 1, frames, 1, 1) / frames
    margin = frames // 2
    return F.pad(kernel[:, :, None], (0, 0, 0, 0, margin, frames - 1 - margin))


class PoolingInTime(nn.MaxPool3d):
    """The maximum of so many frames, as MMAction2's `pool2`; clips that are too short for it stay as they are.

    Args:
        frames: that become one; those left over at the end are dropped.
    """

    def __init__(self, frames: int) -> None:
        super().__init__((frames, 1, 1))
        self.frames = frames

    def forward(self, clips: Tensor) -> Tensor:
        """Features (B, C, T, H, W) to (B, C, T // frames, H, W)."""
        return clips if clips.shape[2] < self.frames else super().forward(clips)


class InflatedNetwork(nn.Module):
    """An inflated image network: (B, T, 3, H, W) to (B, classes)."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of clips."""
        logits: Tensor = self.backbone(clips.transpose(1, 2))
        return logits


@dataclass(frozen=True)
class I3dFamily(Family):
    """An inflated image network.

    A ResNet is inflated as MMAction2's I3D is: a stem of 5 frames, temporal strides in the stem, its pooling and behind
    the first stage, and kernels of 3 frames in every second block. Any other network gets kernels as long as they are
    wide, in all its convolutions, and the temporal stride of the stem.

    Args:
        stem_frames: of the first kernel.
        stem_stride: of the first convolution, in time; a ResNet's poolings have it, too.
        padding: beyond the clip's ends: zeros, or the first and last frame (replicate).
        inflation: how an image network's kernels become kernels over time: repeated and divided (average), or in the
            middle frame alone (center), so that training begins from an image network that looks at each frame.
        dropout: share of features that is switched off before the last layer while it is trained.

    Raises:
        ValueError: if a setting is out of range.
    """

    stem_frames: int = 5
    stem_stride: int = 2
    padding: str = "zeros"
    inflation: str = "average"
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_dropout("dropout", self.dropout)
        check_choice("padding", self.padding, PADDINGS)
        check_choice("inflation", self.inflation, INFLATIONS)
        if self.stem_frames < 1 or self.stem_frames % 2 == 0:
            raise ValueError(f"stem_frames is {self.stem_frames}; use an odd number from 1")
        if self.stem_stride < 1:
            raise ValueError(f"stem_stride is {self.stem_stride}; use a number from 1")

    def build(self, backbone: str | None, classes: int, frames: int) -> nn.Module:
        """See `Family`."""
        assert backbone is not None
        network = make_backbone(backbone, classes, self.dropout)[0]
        if not any(one.is_meta for one in network.parameters()):
            self._check_still_video(copy.deepcopy(network).double(), backbone, frames)
        self._inflate(network, self.padding)
        return InflatedNetwork(network)

    def _check_still_video(self, of_pictures: nn.Module, backbone: str, frames: int) -> None:
        """Refuses a network with a layer that means something else in three dimensions.

        Args:
            of_pictures: a copy of the network, changed here.
            backbone: its name.
            frames: of a clip.

        Raises:
            LsapError: if a still video, its ends replicated, gives other logits than its picture.
        """
        coarse = torch.rand(8, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        pictures = F.interpolate(coarse, CHECK_SIDE, mode="bilinear")  # a mean over columns alone differs in them
        try:
            with torch.no_grad():
                of_pictures.train()(pictures)  # statistics in which drawn weights neither fade nor grow
                inflated = copy.deepcopy(of_pictures)
                self._inflate(inflated, "replicate")
                expected: Tensor = of_pictures.eval()(pictures[:1])
                found: Tensor = inflated.eval()(pictures[:1, :, None].expand(-1, -1, frames, -1, -1))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise LsapError(f"the backbone '{backbone}' cannot be inflated ({error}); use a ResNet") from None
        tolerance = 1e-6 * float(expected.abs().max())
        if found.shape != expected.shape or not bool(((found - expected).abs() <= tolerance).all()):
            raise LsapError(
                f"the backbone '{backbone}' cannot be inflated: a still video gives other scores than its picture, "
                "since a layer of it means something else in three dimensions; use a ResNet"
            )

    def _inflate(self, network: nn.Module, padding: str) -> None:
        if not _is_resnet(network):
            inflate(network, _Everywhere(self), padding, self.inflation, 1)
            return
        inflate(network, _ResNetRule(self, network), padding, self.inflation, self.stem_stride)
        first: Any = network.layer1
        if self.stem_stride > 1:
            first.append(PoolingInTime(self.stem_stride))

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Family`."""
        return image_network_names(state)


class _ResNetRule:
    """As MMAction2's configuration of I3D inflates a ResNet: kernels of three frames in every second block."""

    def __init__(self, family: I3dFamily, network: nn.Module) -> None:
        self._family, self._network = family, network

    def __call__(self, name: str, conv: nn.Conv2d) -> Inflation:
        if name == "conv1":
            return Inflation(self._family.stem_frames, self._family.stem_stride)
        stage, block, *_ = name.split(".")
        is_bottleneck = hasattr(self._network.get_submodule(f"{stage}.{block}"), "conv3")
        inflated = ("conv1",) if is_bottleneck else ("conv1", "conv2")
        chosen = stage == "layer1" or int(block) % 2 == (1 if stage == "layer4" else 0)
        return Inflation(3) if chosen and name.endswith(inflated) else Inflation()


class _Everywhere:
    """Kernels as long as they are wide; the first one met is the stem."""

    def __init__(self, family: I3dFamily) -> None:
        self._family = family
        self._met = False

    def __call__(self, name: str, conv: nn.Conv2d) -> Inflation:
        if not self._met:
            self._met = True
            return Inflation(self._family.stem_frames, self._family.stem_stride)
        return Inflation(int(conv.kernel_size[0]))


def inflate(
    network: nn.Module,
    rule: Callable[[str, nn.Conv2d], Inflation],
    padding: str,
    weighting: str,
    pool_stride: int,
    prefix: str = "",
) -> None:
    """Inflates an image network in place.

    Args:
        network: whose layers are replaced.
        rule: from a convolution's name and itself to its inflation.
        padding: beyond a clip's ends, one of `PADDINGS`.
        weighting: of a kernel's frames, one of `INFLATIONS`.
        pool_stride: in time, of its poolings to the maximum.
        prefix: of the names.

    Raises:
        LsapError: if it has a layer for which there is nothing in three dimensions.
    """
    for name, child in network.named_children():
        place = f"{prefix}{name}"
        if _is_plain(child):
            setattr(network, name, InflatedConv3d(child, rule(place, child), padding, weighting))
        elif isinstance(child, nn.BatchNorm2d):
            setattr(network, name, _inflated_norm(child, place))
        elif isinstance(child, nn.MaxPool2d):
            over = (1, *_pair(child.kernel_size)), (pool_stride, *_pair(child.stride)), (0, *_pair(child.padding))
            setattr(network, name, nn.MaxPool3d(*over, ceil_mode=child.ceil_mode))
        elif isinstance(child, nn.AdaptiveAvgPool2d):
            setattr(network, name, nn.AdaptiveAvgPool3d((1, *_pair(child.output_size))))
        elif isinstance(child, nn.Dropout2d):
            setattr(network, name, nn.Dropout3d(child.p))
        elif isinstance(child, nn.Conv2d) or (type(child).__name__.endswith("2d") and not list(child.children())):
            raise _no_inflation(place, child)
        else:
            inflate(child, rule, padding, weighting, pool_stride, f"{place}.")


def _is_plain(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a layer is a convolution that pads with so many zeros: some of timm's pad in their own way."""
    return (
        isinstance(layer, nn.Conv2d)
        and type(layer).forward is nn.Conv2d.forward
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


class InflatedNormAct(nn.BatchNorm3d):
    """Batch normalization with the dropout and the activation that belong to it, as in timm's `BatchNormAct2d`."""

    def __init__(self, norm: nn.BatchNorm2d, drop: nn.Module, act: nn.Module) -> None:
        super().__init__(**_settings(norm))
        self.drop, self.act = drop, act

    def forward(self, features: Tensor) -> Tensor:
        """Features of the same shape, (B, C, T, H, W)."""
        activated: Tensor = self.act(self.drop(super().forward(features)))
        return activated


def _inflated_norm(norm: nn.BatchNorm2d, place: str) -> nn.BatchNorm3d:
    inflated: nn.BatchNorm3d
    if type(norm).forward is nn.BatchNorm2d.forward:
        inflated = nn.BatchNorm3d(**_settings(norm))
    elif isinstance(drop := getattr(norm, "drop", None), nn.Module) and isinstance(norm.act, nn.Module):
        inflated = InflatedNormAct(norm, drop, norm.act)
    else:
        raise _no_inflation(place, norm)
    inflated.load_state_dict(norm.state_dict())
    return inflated


def _settings(norm: nn.BatchNorm2d) -> dict[str, Any]:
    """What normalization over space and over space and time have in common."""
    dtype = None if norm.weight is None else norm.weight.dtype
    return {
        "num_features": norm.num_features,
        "eps": norm.eps,
        "momentum": norm.momentum,
        "affine": norm.affine,
        "track_running_stats": norm.track_running_stats,
        "dtype": dtype,
    }


def _no_inflation(place: str, layer: nn.Module) -> LsapError:
    return LsapError(f"the backbone's layer {place}, a {type(layer).__name__}, cannot be inflated; use a ResNet")


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _is_resnet(network: nn.Module) -> bool:
    return all(hasattr(network, name) for name in ("conv1", "layer1", "layer4"))
