"""State dicts as training programs save them, and labels as people have them."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.label_files import read_labels
from lsap_cli.classifiers.weights import load_into, load_state
from lsap_cli.errors import LsapError
from tests.classifiers.cards import write_card


class Tied(nn.Module):
    """Two names for one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight


def layer(classes: int = 2) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(3, classes)


def state() -> dict[str, Tensor]:
    return {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state().items()}


@pytest.mark.parametrize(
    "checkpoint",
    [
        state(),
        {"state_dict": state(), "epoch": 3},
        {"model": state(), "args": argparse.Namespace(lr=0.1)},
        {"model_state": state(), "best": np.float64(0.5)},
        {"model_state_dict": state(), "optimizer_state_dict": {"state": {}}},
        {"state_dict": prefixed("model."), "pytorch-lightning_version": "2"},
        prefixed("module."),
        {"model": {"state_dict": prefixed("module.model._orig_mod.")}},
    ],
    ids=["plain", "state_dict", "model", "model_state", "model_state_dict", "lightning", "parallel", "several"],
)
def test_what_training_programs_save_is_unwrapped(tmp_path: Path, checkpoint: Any) -> None:
    torch.save(checkpoint, tmp_path / "c.pt")
    network = layer()
    load_into(network, load_state(tmp_path / "c.pt"), "c.pt")
    assert bool((network.weight == 1).all())


def test_a_key_and_a_prefix_can_be_named(tmp_path: Path) -> None:
    torch.save({"ema": {"weights": prefixed("student.")}}, tmp_path / "c.pt")
    network = layer()
    load_into(network, load_state(tmp_path / "c.pt", "ema.weights"), "c.pt", "student.")
    assert bool((network.weight == 1).all())
    with pytest.raises(LsapError, match="have no 'other' of weights_key = 'other'; there is ema"):
        load_state(tmp_path / "c.pt", "other")
    with pytest.raises(LsapError, match="no tensor at their top level, only ema; say in weights_key"):
        load_state(tmp_path / "c.pt")


def test_whole_numbers_in_place_of_floats_are_refused() -> None:
    with pytest.raises(LsapError, match=r"it holds whole numbers \(int8\) for weight, .*, as quantized networks do"):
        load_into(layer(), {name: value.to(torch.int8) for name, value in state().items()}, "c.pt")
    load_into(layer(), {name: value.bfloat16() for name, value in state().items()}, "c.pt")


def test_a_head_of_other_classes_is_said_to_be_it() -> None:
    with pytest.raises(LsapError, match="the file's head has 2 classes where the network has 5"):
        load_into(layer(5), state(), "c.pt")


def test_the_nearest_names_stand_beside_a_missing_one() -> None:
    with pytest.raises(
        LsapError, match=r"it lacks bias; the network has no bias_1; nearest to bias in the file: bias_1"
    ):
        load_into(layer(), {"weight": torch.ones(2, 3), "bias_1": torch.zeros(2)}, "c.pt")


def test_of_tied_weights_one_name_is_enough(tmp_path: Path) -> None:
    save_file({"first.weight": torch.ones(2, 2)}, tmp_path / "c.safetensors")
    network = Tied()
    load_into(network, load_state(tmp_path / "c.safetensors"), "c")
    assert bool((network.second.weight == 1).all())


def test_a_whole_pickled_model_is_said_to_be_one_without_escape_sequences(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)), tmp_path / "c.pt")
    with pytest.raises(LsapError, match=r"it is a whole pickled model, of the class torch\.nn\.modules") as caught:
        load_state(tmp_path / "c.pt")
    assert "\x1b" not in str(caught.value)
    assert "torch.save(model.state_dict(), FILE)" in str(caught.value)


def test_a_method_of_transformers_as_a_factory_is_answered_with_the_format(tmp_path: Path) -> None:
    card = write_card(tmp_path, factory="transformers:VideoMAEForVideoClassification.from_pretrained")
    with pytest.raises(LsapError, match='write format = "hf:FOLDER" in its place'):
        load_card(card)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classInd.txt", "1 Archery\r\n2 Walk The Dog\r\n"),
        ("labels.txt", "\ufeffArchery\nWalk The Dog\n\n"),
        ("labels.json", '["Archery", "Walk The Dog"]'),
        ("config.json", '{"model_type": "videomae", "id2label": {"1": "Walk The Dog", "0": "Archery"}}'),
        ("label2id.json", '{"Walk The Dog": 1, "Archery": 0}'),
    ],
)
def test_labels_are_read_as_people_have_them(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_labels(tmp_path / name) == ["Archery", "Walk The Dog"]


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"1": "a"}', "[1, 2]"])
def test_json_that_is_no_list_of_labels_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(LsapError, match=r"the labels .*config\.json"):
        read_labels(tmp_path / "config.json")


BESIDE = {"criterion.weight": torch.ones(3)}


@pytest.mark.parametrize("prefix", ["ema_model.", "net.", "module.backbone."])
def test_a_network_behind_one_prefix_is_loaded_and_what_is_beside_it_is_named(prefix: str) -> None:
    network = layer()
    (note,) = load_into(network, prefixed(prefix) | BESIDE, "c.pt")
    assert bool((network.weight == 1).all())
    assert note == "1 tensors of the weights c.pt are not the network's and are not read, such as criterion.weight"


def test_a_network_behind_two_prefixes_is_asked_for_by_name() -> None:
    twice = prefixed("model.") | {name: value + 1 for name, value in prefixed("ema.").items()}
    with pytest.raises(LsapError, match=r"hold the network 2 times, behind model\., ema\.; say in strip_prefix"):
        load_into(layer(), twice, "c.pt")
    network = layer()
    assert load_into(network, twice, "c.pt", "ema.") == (
        "2 tensors of the weights c.pt are not the network's and are not read, such as model.weight",
    )
    assert bool((network.weight == 2).all())


def test_weights_beside_a_network_without_a_prefix_do_not_fit() -> None:
    with pytest.raises(LsapError, match="the network has no other"):
        load_into(layer(), state() | {"other": torch.ones(1)}, "c.pt")
