"""By how many 8-bit levels lsap's pixels differ from those of each library's own preprocessing, on real videos.

    python benchmarks/preprocessing.py --videos videos/ [--count 10]

torchvision's nine networks against their presets, and the processors that transformers names for its five video
classifiers, with their published sizes. Eight frames of each video; no network is built.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models import get_model_weights

from lsap_cli.classifiers.model_formats.hf_processor import find_processor, largest_difference, read_input
from lsap_cli.classifiers.zoo import preset_input
from lsap_cli.known_models import ZOO
from lsap_cli.video.reading import FrameReader

FRAMES = 8
PROCESSORS: dict[str, dict[str, Any]] = {
    "videomae": {"image_processor_type": "VideoMAEImageProcessor"},
    "timesformer": {
        "image_processor_type": "VideoMAEImageProcessor",
        "image_mean": [0.45] * 3,
        "image_std": [0.225] * 3,
    },
    "vivit": {"image_processor_type": "VivitImageProcessor", "offset": True},
    "vjepa2": {"video_processor_type": "VJEPA2VideoProcessor"},
    "videoprism": {"video_processor_type": "LlavaOnevisionVideoProcessor", "size": {"height": 288, "width": 288}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10)
    options = parser.parse_args()
    paths = sorted(path for path in options.videos.rglob("*") if path.suffix in (".mp4", ".mkv", ".webm", ".avi"))
    videos = [first_frames(path) for path in paths[: options.count]]
    print(f"{len(videos)} videos, sizes {sorted({tuple(one.shape[2:]) for one in videos})}")
    for name in ZOO:
        print(f"| torchvision:{name} | {torchvision_difference(name, videos):.2f} |")
    for name, settings in PROCESSORS.items():
        print(f"| {name} | {transformers_difference(name, settings, videos):.2f} |")


def first_frames(path: Path) -> Tensor:
    """(FRAMES, 3, H, W) uint8."""
    reader = FrameReader(path)
    return reader.frames(torch.linspace(0, len(reader.times) - 1, FRAMES).round().long().unique())


def torchvision_difference(name: str, videos: list[Tensor]) -> float:
    """The largest difference over all frames, in levels."""
    weights = get_model_weights(name).DEFAULT
    preset, expects = weights.transforms(), preset_input(name, weights)
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (expects.mean, expects.std))
    worst = 0.0
    for frames in videos:
        theirs = preset(frames).transpose(0, 1) * std + mean
        ours = expects.geometry.crop(expects.geometry.shrink(frames)).float() / 255
        worst = max(worst, float((theirs - ours).abs().max()) * 255)
    return worst


def transformers_difference(name: str, settings: dict[str, Any], videos: list[Tensor]) -> float:
    """The same for the processor that a folder with these settings names."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(settings))
        processor = find_processor(Path(folder), name, name)
    return largest_difference(processor.make(name), read_input(processor, FRAMES, name), videos)


if __name__ == "__main__":
    main()
