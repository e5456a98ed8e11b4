from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from lsap_cli.classifiers.zoo import load_zoo
from lsap_cli.errors import LsapError
from lsap_cli.known_models import ZOO
from tests.tiny import make_bytes


class Stub(nn.Module):
    """Stands for a network of 400 classes, and keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(400))
        self.seen: list[Tensor] = []

    def forward(self, clips: Tensor) -> Tensor:
        self.seen.append(clips)
        return self.bias.expand(len(clips), 400)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    network = Stub()

    def get_model(name: str, weights: None) -> Stub:
        return network

    monkeypatch.setattr(torchvision.models, "get_model", get_model)
    return network


def smooth(height: int, width: int) -> Tensor:
    """(2, 3, height, width) uint8 with waves and edges in it."""
    across = torch.linspace(0, 9, width) + torch.linspace(0, 5, height)[:, None]
    wave = (torch.sin(across) * 100 + 128).expand(2, 3, -1, -1)
    return (wave + make_bytes(2, height, width) / 8 - 16).clamp(0, 255).to(torch.uint8)


def test_the_zoo_is_torchvisions_video_networks() -> None:
    assert set(ZOO) == set(torchvision.models.list_models(module=torchvision.models.video))


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("size", [(240, 320), (360, 202), (256, 342), (120, 160)], ids=str)
def test_frames_reach_the_network_as_torchvisions_own_transforms_bring_them(
    stub: Stub, name: str, size: tuple[int, int]
) -> None:
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    frames = smooth(*size)
    classifier = load_zoo(f"torchvision:{name}:weights=none")
    geometry = classifier.geometry
    classifier.score(geometry.crop(geometry.shrink(frames))[None] / 255)
    std = torch.tensor(preset.std).view(3, 1, 1, 1)
    difference = (stub.seen[-1][0] - preset(frames)) * std
    assert float(difference.abs().max()) <= 1e-6  # the same levels; normalizing rounds in another order
    assert classifier.frames == ZOO[name]
    assert len(classifier.labels) == 400


def test_weights_can_be_a_file(tmp_path: Path, stub: Stub) -> None:
    torch.save({"bias": torch.ones(400)}, tmp_path / "weights.pth")
    classifier = load_zoo(f"torchvision:r3d_18:weights={tmp_path / 'weights.pth'}")
    assert bool((stub.bias == 1).all())
    assert len(classifier.source["weights_sha256"]) == 64


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchvision:resnet18", "torchvision's are torchvision:r3d_18"),
        ("torchvision:", "torchvision's are"),
        ("torchvision:r3d_18:none", "only weights=FILE or weights=none"),
        ("torchvision:r3d_18:weights=gone.pth", "gone.pth is not a file"),
    ],
)
def test_a_spec_that_is_wrong_is_said_with_what_would_work(stub: Stub, spec: str, message: str) -> None:
    with pytest.raises(LsapError, match=message):
        load_zoo(spec)


def test_weights_of_another_network_are_named(tmp_path: Path, stub: Stub) -> None:
    torch.save({"other": torch.ones(1)}, tmp_path / "weights.pth")
    with pytest.raises(LsapError, match=r"weights\.pth do not fit the network"):
        load_zoo(f"torchvision:r3d_18:weights={tmp_path / 'weights.pth'}")


def test_a_download_that_fails_names_the_local_way(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **settings: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(LsapError, match="Network is unreachable") as caught:
        load_zoo("torchvision:r3d_18")
    assert "torchvision:r3d_18:weights=PATH/r3d_18-" in str(caught.value)
    assert caught.value.exit_code == 1


def test_untrained_networks_are_the_same_each_time_and_global_randomness_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = load_zoo("torchvision:mc3_18:weights=none").state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    second = load_zoo("torchvision:mc3_18:weights=none").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
