# mypy: disable-error-code="arg-type,call-arg,return-value,list-item"
# Arguments of wrong types are what is tested here.
"""Every public name of the attack side, called wrongly: one sentence at once that says what would work."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from perturbations import (
    ATTACKS,
    CONTROLS,
    SAMPLERS,
    Binding,
    Budget,
    Discriminative,
    Perturbation,
    Targeted,
    TorchNetwork,
    clips_problem,
    count_fooled,
    learn_perturbation,
    noise_like,
    parse_binding,
    parse_epsilon,
)
from perturbations.testing import check_attack
from tests.perturbations.test_library import FrameMeans, make_clips
from tests.tiny import make_perturbation

BUDGET = Budget("linf", Fraction(8, 255))
TIMES = torch.arange(5) * 40


@pytest.fixture(scope="module")
def network() -> TorchNetwork:
    return TorchNetwork(FrameMeans().eval())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"steps": 2.5}, r"steps is 2\.5; use a whole number from 1"),
        ({"steps": True}, "steps is True; use a whole number from 1"),
        ({"seed": "a"}, "seed is 'a'; use a whole number"),
        ({"attack": "lsap:coherence=keep"}, r"give an object, ATTACKS\['lsap'\]\(setting=value\)"),
        ({"attack": None}, "attack is None; give a name of ATTACKS"),
        ({"attack": "iffgsm"}, "Did you mean ifgsm"),
        ({"binding": 4}, "binding is an int; use text such as 'cyclic:4'"),
        ({"clips": []}, "the clips are a list; give a torch tensor"),
        ({"network": "demo"}, r"the network is a str; wrap a torch module: TorchNetwork\(module.eval\(\)\)"),
        ({"network": make_clips}, "the network is a function; wrap a torch module"),
        ({"clips": make_clips(3)[:, :, :, :0]}, "the clips have the shape"),
    ],
)
def test_learning_refuses(network: TorchNetwork, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        learn_perturbation(**{"clips": make_clips(2), "network": network, "steps": 1, **arguments})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"objective": Targeted(9)}, "target is 9, but the network has 4 classes; use a number from 0 to 3"),
        ({"objective": Discriminative(4)}, "source is 4, but the network has 4 classes"),
        ({"objective": "targeted"}, r"objective is 'targeted'; give an object such as Targeted\(3\)"),
        ({"objective": Targeted}, "give an object such as Targeted"),
        ({"batch_size": 0}, "batch_size is 0; use a number from 1"),
    ],
)
def test_a_problem_refuses(network: TorchNetwork, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        clips_problem(make_clips(2), network, BUDGET, "constant", **arguments)


def test_a_module_that_cannot_take_the_clips_is_named_with_their_shape() -> None:
    fixed = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(7, 2)).eval()
    with pytest.raises(ValueError, match=r"the module cannot take clips of the shape \(2, 6, 3, 8, 8\): "):
        learn_perturbation(make_clips(2), TorchNetwork(fixed), steps=1)


def one() -> Perturbation:
    return make_perturbation()


VIDEO = torch.zeros(6, 3, 4, 4)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ATTACKS["lsap"](weight="heavy"), "weight is 'heavy'; use a number"),
        (lambda: SAMPLERS["dense"](stride=1.5), r"stride is 1\.5; use a whole number"),
        (lambda: SAMPLERS["uniform"]().choose([], 3, 1, torch.Generator()), "times is a list; give an int64 tensor"),
        (lambda: SAMPLERS["rate"]().draw(TIMES[:0], 3, torch.Generator()), "which has at least one"),
        (lambda: SAMPLERS["dense"]().draw(TIMES, 0, torch.Generator()), "frames is 0; use a number from 1"),
        (lambda: SAMPLERS["random"]().choose(TIMES, 3, 0, torch.Generator()), "views is 0; use a number from 1"),
        (lambda: CONTROLS["time-permuted"](one(), "a"), "seed is 'a'; use a whole number"),
        (lambda: noise_like("r.safetensors", 0), r"the perturbation is a str; use Perturbation.load\(path\)"),
        (lambda: Budget.parse("linf", "0"), r"epsilon '0' is outside \(0, 1\]"),
        (lambda: Budget.parse("linf", "-8/255"), r"epsilon '-8/255' is outside \(0, 1\]"),
        (lambda: Budget.parse("linf", "8"), "did you mean 8/255?"),
        (lambda: Budget(["linf"], Fraction(1)), "use linf or l2"),
        (lambda: parse_epsilon(8), "epsilon is 8; give it as text"),
        (lambda: parse_binding(4), "the binding is an int; give text such as 'cyclic:16'"),
        (lambda: Binding("cyclic", "4"), "number of slots is '4'; use a whole number"),
        (lambda: Targeted("cat"), "target is 'cat'; use a whole number from 0"),
        (lambda: Discriminative(-1), "source is -1; use a number from 0"),
        (lambda: Perturbation([0.0], one().binding, BUDGET), "delta is a list; give a tensor"),
        (lambda: Perturbation(one().delta, "cyclic:4", BUDGET), r"the binding is a str; use parse_binding\("),
        (lambda: Perturbation(one().delta, one().binding, "8/255"), r"the budget is a str; use Budget.parse\("),
        (lambda: Perturbation(one().delta, one().binding, one().budget, [1]), "the record is a list; give a dict"),
        (lambda: one().add([VIDEO]), "the frames are a list; give a tensor"),
        (lambda: one().add(VIDEO, [0, 1]), "the indices are a list; give an int64 tensor"),
        (lambda: one().add(VIDEO, torch.arange(6.0)), "the indices are torch.float32; give int64"),
        (lambda: one().add(VIDEO, torch.arange(6) - 1), r"run from -1 to 4, but must be in \[0, 6\)"),
        (lambda: one().add(VIDEO, torch.arange(6), 3), r"run from 0 to 5, but must be in \[0, 3\)"),
        (lambda: one().add(VIDEO, torch.arange(6), "all"), "frame_count is 'all'; use a whole number from 1"),
        (lambda: one().at(torch.arange(3), 0, 4, 4), "frame_count is 0; use a number from 1"),
        (lambda: one().resized(0, 4), "height is 0; use a number from 1"),
        (lambda: TorchNetwork(FrameMeans), "the module is the class FrameMeans; give a torch.nn.Module"),
        (lambda: TorchNetwork(FrameMeans().eval()).score("clip"), "the clips are a str; give a torch tensor"),
        (lambda: check_attack(ATTACKS["ifgsm"]), r"or an object: Ifgsm\(\)"),
    ],
)
def test_it_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


def test_indices_beyond_the_frames_that_are_given_need_no_length_where_the_binding_needs_none() -> None:
    assert one().add(VIDEO, torch.arange(6) + 40).shape == VIDEO.shape
    with pytest.raises(ValueError, match="frame_count is the number of frames of the whole video"):
        make_perturbation("relative:4").add(VIDEO, torch.arange(6) + 40)


def test_counting_refuses_the_path_of_a_perturbation(network: TorchNetwork) -> None:
    with pytest.raises(ValueError, match=r"the perturbation is a str; use Perturbation.load\(path\)"):
        count_fooled(network, make_clips(2), "r.safetensors")


def test_a_place_that_cannot_hold_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder .*gone does not exist; make it"):
        one().save(tmp_path / "gone" / "r.safetensors")
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file in it"):
        one().save(tmp_path)
    with pytest.raises(FileNotFoundError, match="gone does not exist; make one with save or lsap generate"):
        Perturbation.load(tmp_path / "gone")
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of the file"):
        Perturbation.load(tmp_path)
    first = one()
    with pytest.raises(ValueError, match="the record cannot be written as JSON"):
        Perturbation(first.delta, first.binding, first.budget, {"when": object()}).save(tmp_path / "r.safetensors")
    assert not (tmp_path / "r.safetensors").exists()


def test_a_learned_perturbation_records_the_name_that_the_table_knows(network: TorchNetwork) -> None:
    for attack in ("sgd-uap", ATTACKS["sgd-uap"]()):
        learned = learn_perturbation(make_clips(2), network, attack, steps=1)
        assert ATTACKS[str(learned.record["attack"])] is ATTACKS["sgd-uap"]
