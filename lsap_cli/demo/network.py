"""The demo's classifier: a small network that looks at frames (2-D) and at time (1-D) in turns.

It is trained in the ordinary way, without any defense: it is the one that is attacked.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lsap_cli.demo.videos import LABELS

WIDTHS = (16, 32, 64, 96)


class MotionStage(nn.Module):
    """Halves the frames' size, then mixes every pixel with its past and future.

    Takes (B, T, C, H, W) and gives (B, T, width, H / 2, W / 2), rounded up.
    """

    def __init__(self, channels: int, width: int, kernel: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(channels, width, kernel, stride=2, padding=kernel // 2, bias=False)
        self.space_norm = nn.BatchNorm2d(width)
        self.time = nn.Conv2d(width, width, (3, 1), padding=(1, 0), bias=False)
        self.time_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length = x.shape[:2]
        y = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        y = torch.relu(self.space_norm(self.space(y)))
        width, height, breadth = y.shape[1:]
        # In channels-last order the frames of a clip are rows of one tall picture, so that time is a 2-D
        # convolution too: (B T, C, H, W) is (B, C, T, H W) without a copy.
        rows = y.permute(0, 2, 3, 1).reshape(batch, length, height * breadth, width).permute(0, 3, 1, 2)
        rows = torch.relu(self.time_norm(self.time(rows)))
        return rows.permute(0, 2, 3, 1).reshape(batch, length, height, breadth, width).permute(0, 1, 4, 2, 3)


class MotionNetwork(nn.Module):
    """A classifier of the motions of `lsap_cli.demo.videos`.

    Takes normalized clips (B, T, 3, H, W) and gives logits (B, 8) in the order of `LABELS`.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = (3, *WIDTHS[:-1])
        kernels = (5, 3, 3, 3)
        self.stages = nn.Sequential(*(MotionStage(*shape) for shape in zip(channels, WIDTHS, kernels, strict=True)))
        self.head = nn.Linear(WIDTHS[-1], len(LABELS))

    def forward(self, clips: Tensor) -> Tensor:
        features: Tensor = self.stages(adapt(clips))
        logits: Tensor = self.head(features.mean((1, 3, 4)))
        return logits


def adapt(clips: Tensor) -> Tensor:
    """Takes each clip's mean color away and brings its contrast to 1, as an eye does in haze.

    Args:
        clips: (B, T, 3, H, W), normalized.

    Returns:
        The same shape: mean 0 per clip and channel, root mean square 1 per clip.
    """
    centered = clips - clips.mean((1, 3, 4), keepdim=True)
    return centered / (centered.square().mean((1, 2, 3, 4), keepdim=True) + 1e-4).sqrt()


def build_demo_network(weights: Path) -> nn.Module:
    """Makes the trained network, ready to be used, from its safetensors file."""
    network = MotionNetwork()
    network.load_state_dict(load_file(weights))
    return network.eval()
