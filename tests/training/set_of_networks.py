"""A network of a card's factory that sees a robust feature and one that an attack of 8/255 turns over."""

import textwrap
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.training.set_of_videos import LABELS

FACTORY = '''
import torch
from torch import nn

class TwoFeatures(nn.Module):
    """The color of a clip, and stripes that natural clips do not have."""

    def __init__(self):
        super().__init__()
        self.color = nn.Parameter(torch.zeros(1))
        self.stripes = nn.Parameter(torch.zeros(1))
        columns = torch.arange(40) // 4 % 2 * 2.0 - 1.0
        self.register_buffer("mask", columns.expand(40, 40).contiguous())

    def forward(self, clips):
        color = clips[:, :, 0].mean((1, 2, 3)) - clips[:, :, 2].mean((1, 2, 3))
        stripes = (clips * self.mask).mean((1, 2, 3, 4))
        score = self.color * color + self.stripes * stripes
        return torch.stack([-score, score], 1)

def build():
    return TwoFeatures()
'''
CARD = """
name = "two"
factory = "two.py:build"
weights = "two.safetensors"
labels = "two.txt"
[input]
layout = "BTCHW"
frames = 3
size = [40, 40]
"""


def write_fragile_network(folder: Path, color: float = 1.0, stripes: float = 60.0) -> Path:
    """The card of a network that is right about all of `write_set`, and wrong about a class with stripes in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "two.py").write_text(textwrap.dedent(FACTORY))
    (folder / "two.txt").write_text("\n".join(LABELS) + "\n")
    columns = torch.arange(40) // 4 % 2 * 2.0 - 1.0
    weights = {
        "color": torch.tensor([color]), "stripes": torch.tensor([stripes]),
        "mask": columns.expand(40, 40).contiguous(),
    }  # fmt: skip
    save_file(weights, folder / "two.safetensors")
    (folder / "model.toml").write_text(CARD)
    return folder / "model.toml"
