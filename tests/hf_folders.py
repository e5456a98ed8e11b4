"""Folders as transformers' save_pretrained writes them: its five video classifiers, tiny and with random weights."""

import importlib
import json
from pathlib import Path
from typing import Any

import torch

LABELS = ["walk", "run", "jump"]
SIZE, FRAMES = 32, 4
SMALL = {"size": {"shortest_edge": 36}, "crop_size": {"height": SIZE, "width": SIZE}}
PROCESSORS: dict[str, dict[str, Any]] = {
    "videomae": {"image_processor_type": "VideoMAEImageProcessor", **SMALL},
    "timesformer": {
        "image_processor_type": "VideoMAEFeatureExtractor",
        "image_mean": [0.45] * 3,
        "image_std": [0.225] * 3,
        **SMALL,
    },
    "vivit": {"image_processor_type": "VivitImageProcessor", "offset": True, **SMALL},
    "vjepa2": {"video_processor_type": "VJEPA2VideoProcessor", "crop_size": SIZE},
    "videoprism": {
        "video_processor_type": "LlavaOnevisionVideoProcessor",
        "do_normalize": False,
        "size": {"height": SIZE, "width": SIZE},
    },
}
"""What each folder's preprocessor_config.json says."""


def imported(module: str) -> Any:
    """A module of transformers, whose types say little."""
    return importlib.import_module(module)


def configuration(kind: str, **settings: Any) -> Any:
    """A tiny configuration of one of the five architectures, with further settings of its own."""
    transformers = imported("transformers")
    names = dict(enumerate(LABELS))
    common = {"id2label": names, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    plain = {**common, "intermediate_size": 24, "image_size": SIZE, "num_frames": FRAMES, **settings}
    if kind == "videomae":
        return transformers.VideoMAEConfig(**plain)
    if kind == "timesformer":
        return transformers.TimesformerConfig(**plain)
    if kind == "vivit":
        return transformers.VivitConfig(**plain, tubelet_size=[2, 16, 16])
    if kind == "videoprism":
        layers = {"num_spatial_layers": 1, "num_temporal_layers": 1, "num_auxiliary_layers": 1}
        return transformers.VideoPrismVisionConfig(**plain, **layers, tubelet_size=[1, 16, 16])
    predictor = {"pred_hidden_size": 16, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    clips = {"crop_size": SIZE, "frames_per_clip": FRAMES, "num_pooler_layers": 1, "mlp_ratio": 1.5}
    return transformers.VJEPA2Config(**common, **clips, **predictor)


def save_hf_folder(folder: Path, kind: str, **settings: Any) -> Path:
    """Writes config.json, model.safetensors and preprocessor_config.json."""
    transformers = imported("transformers")
    imported("transformers.utils.logging").disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: Any = transformers.AutoModelForVideoClassification.from_config(configuration(kind, **settings))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.startswith(("classifier", "fc")) and weight.ndim > 1:
                weight.mul_(200)  # random heads give scores that hardly differ
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSORS[kind]))
    return folder
