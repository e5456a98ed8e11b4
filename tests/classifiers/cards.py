"""Model cards in a temporary folder, with a small network whose class depends on its input's layout."""

import json
from pathlib import Path
from typing import Any

FACTORY = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self, form="tensor"):
        super().__init__()
        self.form = form
        self.bias = nn.Parameter(torch.zeros(3))
        self.seen = []

    def forward(self, clips):
        self.seen.append(clips.clone())
        scores = clips.flatten(1).mean(1, keepdim=True) * torch.tensor([1.0, 2.0, 3.0]) + self.bias
        if self.form == "key":
            return {"logits": scores, "features": clips}
        if self.form == "attribute":
            return type("Output", (), {"logits": scores})()
        if self.form == "position":
            return clips, scores
        if self.form == "probabilities":
            return scores.softmax(1)
        return scores

def build():
    return Network()

def build_key():
    return Network("key")

def build_attribute():
    return Network("attribute")

def build_position():
    return Network("position")

def build_probabilities():
    return Network("probabilities")

def build_with(weights):
    network = Network()
    network.path = weights
    return network

def broken():
    raise RuntimeError("the factory's own words")

def exits():
    raise SystemExit(3)

def not_a_network():
    return 3

number = 3
"""


def write_card(folder: Path, **changes: Any) -> Path:
    """A small card that is right, but for `changes`: `name=..., input__frames=...`; None leaves a field out."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "factory.py").write_text(FACTORY)
    (folder / "labels.txt").write_text("first\nsecond\nthird\n")
    fields: dict[str, dict[str, Any]] = {
        "": {"name": "small", "factory": "factory.py:build", "labels": "labels.txt"},
        "input": {"layout": "BTCHW", "frames": 2, "size": [4, 4], "resize": [4, 4]},
        "sampling": {},
        "output": {},
    }
    for key, value in changes.items():
        section, _, name = key.rpartition("__")
        fields[section][name] = value
    lines: list[str] = []
    for section, table in fields.items():
        lines += [f"[{section}]"] if section else []
        lines += [f"{key} = {_toml(value)}" for key, value in table.items() if value is not None]
    path = folder / "model.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _toml(value: Any) -> str:
    """A value as TOML writes it, which for all but nan and inf is as JSON does."""
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")
