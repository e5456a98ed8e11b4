"""A set of tiny labelled videos that a tiny network learns in seconds: the color tells the class."""

from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.training.settings import TrainSettings
from tests.tiny import write_tiny

LABELS = ("blue", "red")
FAMILY, BACKBONE = "tsn:dropout=0", "mobilenet_v3_small"


def colored(label: str, seed: int, frames: int = 6, size: int = 40) -> Tensor:
    """(frames, 3, size, size) uint8: dark noise, with one channel bright."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 90, (frames, 3, size, size), generator=generator)
    pixels[:, 0 if label == "red" else 2] += 150
    return pixels.byte()


def write_set(root: Path, recordings: int = 8, cuts: int = 2) -> Path:
    """A CSV list: `cuts` videos of each recording, recordings in turns of both labels."""
    lines = ["path,label,group"]
    for recording in range(recordings):
        label = LABELS[recording % 2]
        for cut in range(cuts):
            name = f"{label}{recording}_{cut}.mkv"
            write_tiny(root / name, colored(label, 10 * recording + cut))
            lines.append(f"{name},{label},recording {recording}")
    path = root / "list.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def settings_for(videos: Path, out: Path, **more: object) -> TrainSettings:
    """Three epochs of small clips on the CPU."""
    given: dict[str, object] = {
        "backbone": BACKBONE, "frames": 3, "size": 32, "epochs": 3, "batch": 4, "held_out": 0.3, "device": "cpu",
    }  # fmt: skip
    return TrainSettings(str(videos), FAMILY, str(out), **(given | more))  # type: ignore[arg-type]  # any settings
