"""A tiny network on six tiny videos: `generate` on them takes a second."""

from pathlib import Path

from lsap_cli.learning.settings import GenerateSettings
from tests.classifiers.cards import write_card
from tests.tiny import make_bytes, write_tiny

LABELS = ("left", "right", "still")
SAMPLERS = ("uniform", "dense:stride=1")
VIDEOS = 6

FACTORY = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv = nn.Conv2d(3, 6, 3)
        self.head = nn.Linear(6, 3)
        for parameter in self.parameters():
            parameter.data.normal_(generator=generator)

    def forward(self, clips):
        maps = torch.tanh(self.conv(clips.flatten(0, 1))).mean((2, 3))
        return self.head(maps.unflatten(0, clips.shape[:2]).mean(1))

class NotFinite(Network):
    def forward(self, clips):
        return super().forward(clips) / torch.zeros(1)

def build():
    return Network()

def build_not_finite():
    return NotFinite()
"""


def write_world(root: Path) -> GenerateSettings:
    """Writes a model card and videos in folders by label, and gives the settings for a few steps on them."""
    card = write_card(root / "card", input__frames=4, input__size=[8, 8], input__resize=[8, 8])
    (card.parent / "factory.py").write_text(FACTORY)
    (card.parent / "labels.txt").write_text("\n".join(LABELS))
    for number in range(VIDEOS):
        path = root / "videos" / LABELS[number % len(LABELS)] / f"{number}.mkv"
        write_tiny(path, make_bytes(8 + number, 12, 16, number))
    return GenerateSettings(
        videos=str(root / "videos"), model=str(card), out=str(root / "r.safetensors"), steps=6, batch=4, micro_batch=2,
        sampler=SAMPLERS, device="cpu",
    )  # fmt: skip
