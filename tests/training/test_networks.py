"""Which layers learn, and that frozen ones stay as they are."""

import pytest
import torch
from torch import nn

from lsap_cli.classifiers.families import FAMILIES
from lsap_cli.errors import LsapError
from lsap_cli.training.networks import choose_layers, set_training_mode, starting_network
from lsap_cli.training.settings import TrainSettings


def learning(network: nn.Module) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    ("family", "backbone", "head"),
    [
        ("tsn", "resnet18", ("backbone.fc.",)),
        ("tsn", "mobilenet_v3_small", ("backbone.classifier.3.",)),
        ("tsm", "efficientnet_b0", ("backbone.classifier.1.",)),
        ("tsn", "vit_b_16", ("backbone.heads.head.",)),
        ("cnn-lstm", "resnet18", ("lstm.", "head.")),
    ],
)
def test_the_head_alone_can_learn(family: str, backbone: str, head: tuple[str, ...]) -> None:
    network = FAMILIES[family]().build(backbone, 3, 4)
    layers = choose_layers(network, "head")
    assert learning(network) == {name for name, _ in network.named_parameters() if name.startswith(head)}
    assert not layers.others
    set_training_mode(network, layers)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert not any(norm.training for norm in norms)


def test_the_last_blocks_of_a_resnet_are_those_of_its_last_stage() -> None:
    network = FAMILIES["tsn"]().build("resnet18", 3, 4)
    layers = choose_layers(network, "last")
    assert {name.split(".")[1] for name in learning(network)} == {"layer4", "fc"}
    set_training_mode(network, layers)
    norms = {name: module for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert {name.split(".")[1] for name, norm in norms.items() if norm.training} == {"layer4"}
    assert {name.split(".")[1] for name, norm in norms.items() if not norm.training} >= {"bn1", "layer1", "layer3"}


@pytest.mark.parametrize("family", ["tsn", "tsm", "i3d", "cnn-lstm"])
def test_all_layers_learn_and_each_gets_a_gradient(family: str) -> None:
    network = FAMILIES[family]().build("resnet18", 3, 4)
    layers = choose_layers(network, "all")
    set_training_mode(network, layers)
    assert len(learning(network)) == len(list(network.parameters())) == len(layers.new) + len(layers.others)
    network(torch.rand(2, 4, 3, 48, 48)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("backbone", ["googlenet", "inception_v3"])
def test_backbones_with_auxiliary_heads_are_refused(backbone: str) -> None:
    settings = TrainSettings("videos", "tsn", "out", backbone=backbone)
    with pytest.raises(LsapError, match="has auxiliary heads, which a family does not train"):
        starting_network(settings, ["a", "b"])


def test_the_same_seed_draws_the_same_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        settings = TrainSettings("videos", "tsn", "out", backbone="mobilenet_v3_small", seed=seed)
        return next(starting_network(settings, ["a", "b"]).classifier.network.parameters())

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
