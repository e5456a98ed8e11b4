"""Weights to begin with: of an image network, inflated, of another number of classes, and what does not fit."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from lsap_cli.classifiers.families import FAMILIES
from lsap_cli.errors import LsapError
from lsap_cli.training.initial_weights import imagenet_file, load_initial_weights

CLASSES = 3


def image_state(backbone: str) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network: nn.Module = torchvision.models.get_model(backbone, weights=None)
    return network.state_dict()


def built(family: str, backbone: str) -> nn.Module:
    return FAMILIES[family]().build(backbone, CLASSES, 4)


@pytest.mark.parametrize("family", ["tsn", "tsm", "cnn-lstm"])
@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v3_small"])
def test_every_tensor_of_an_image_network_but_its_head_is_used(tmp_path: Path, family: str, backbone: str) -> None:
    state = image_state(backbone)
    save_file(state, tmp_path / "image.safetensors")
    network = built(family, backbone)
    drawn = load_initial_weights(network, FAMILIES[family](), tmp_path / "image.safetensors")
    own = network.state_dict()
    head = "fc" if backbone == "resnet18" else "classifier.3"
    for name, value in state.items():
        if not name.startswith(f"{head}."):
            assert torch.equal(own[f"backbone.{name}"], value), name
    assert all(name.startswith((f"backbone.{head}.", "lstm.", "head.")) for name in drawn)
    assert set(drawn) == set(own) - {f"backbone.{name}" for name in state if not name.startswith(f"{head}.")}


@pytest.mark.parametrize("inflation", ["average", "center"])
def test_inflated_kernels_give_of_a_still_clip_what_the_image_network_gives_of_its_picture(
    tmp_path: Path, inflation: str
) -> None:
    state = image_state("mobilenet_v3_small")
    save_file(state, tmp_path / "image.safetensors")
    settings = {"padding": "replicate", "stem_stride": 1, "inflation": inflation}
    family = FAMILIES["i3d"](**settings)
    network = family.build("mobilenet_v3_small", 1000, 4).eval()
    assert load_initial_weights(network, family, tmp_path / "image.safetensors") == []
    stem = network.state_dict()["backbone.features.0.0.weight"]
    assert bool((stem[:, :, 0] == 0).all()) == (inflation == "center")
    image = torchvision.models.get_model("mobilenet_v3_small", weights=None).eval()
    image.load_state_dict(state)
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            network(picture[:, None].repeat(1, 4, 1, 1, 1)), image(picture), atol=1e-4, rtol=1e-3
        )


def test_a_whole_network_of_other_classes_keeps_all_but_its_head(tmp_path: Path) -> None:
    other = FAMILIES["tsn"]().build("resnet18", 7, 4).state_dict()
    torch.save({"state_dict": other}, tmp_path / "whole.pth")
    network = built("tsn", "resnet18")
    drawn = load_initial_weights(network, FAMILIES["tsn"](), tmp_path / "whole.pth")
    assert drawn == ["backbone.fc.weight", "backbone.fc.bias"]
    assert torch.equal(network.state_dict()["backbone.conv1.weight"], other["backbone.conv1.weight"])


def test_weights_of_another_network_are_refused_with_their_keys(tmp_path: Path) -> None:
    save_file(image_state("mobilenet_v3_small"), tmp_path / "image.safetensors")
    with pytest.raises(LsapError, match=r"do not fit the network: it lacks backbone\.conv1\.weight") as caught:
        load_initial_weights(built("tsn", "resnet18"), FAMILIES["tsn"](), tmp_path / "image.safetensors")
    assert "the network has no backbone." in str(caught.value)


def test_a_tensor_of_another_shape_before_the_head_is_refused(tmp_path: Path) -> None:
    state = image_state("resnet18")
    state["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    save_file(state, tmp_path / "image.safetensors")
    with pytest.raises(LsapError, match=r"another shape has backbone\.conv1\.weight"):
        load_initial_weights(built("tsn", "resnet18"), FAMILIES["tsn"](), tmp_path / "image.safetensors")


def test_imagenet_weights_that_are_not_in_the_cache_are_a_sentence_not_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(LsapError, match=r"not in torch.s cache .* add --download to fetch them once"):
        imagenet_file("resnet18", download=False)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    there = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    there.touch()
    assert imagenet_file("resnet18", download=False) == there
