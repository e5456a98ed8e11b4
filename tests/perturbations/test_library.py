"""The attack side as a library: the lines of its docstring, and what wrong arguments are answered with."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import perturbations
from lsap_cli.results.rates import rate_of
from perturbations import (
    ATTACKS,
    Binding,
    Budget,
    Perturbation,
    Targeted,
    TorchNetwork,
    clips_problem,
    count_fooled,
    learn_perturbation,
    noise_like,
)
from perturbations.attacks.ifgsm import Ifgsm
from perturbations.learn import learn
from perturbations.state import State
from tests.tiny import make_bytes, make_perturbation

FRAMES, SIDE, CLASSES = 6, 8, 4


class FrameMeans(nn.Module):
    """Logits of the mean over frames of a convolution's output."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, CLASSES, 3, padding=1)
        generator = torch.Generator().manual_seed(1)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, clips: Tensor) -> Tensor:
        maps = torch.tanh(self.convolution(clips.flatten(0, 1) - 0.5)).mean((2, 3))
        logits: Tensor = maps.unflatten(0, clips.shape[:2]).mean(1)
        return logits


class Broken(FrameMeans):
    """NaN for all clips but the first of a batch."""

    def forward(self, clips: Tensor) -> Tensor:
        logits = super().forward(clips)
        logits[1:] = float("nan")
        return logits


def make_clips(count: int = 12, seed: int = 0) -> Tensor:
    return torch.rand(count, FRAMES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def test_ten_lines_learn_save_load_add_and_measure(tmp_path: Path) -> None:
    network = TorchNetwork(FrameMeans().eval())
    perturbation = learn_perturbation(make_clips(20), network, "lsap", Budget.parse("linf", "24/255"), steps=20, seed=0)
    perturbation.save(tmp_path / "r.safetensors")
    loaded = Perturbation.load(tmp_path / "r.safetensors")
    assert loaded == perturbation
    video, batch = make_clips(2, seed=5)[0], make_clips(2, seed=5)
    assert loaded.add(video).shape == video.shape
    assert torch.equal(loaded.add(batch)[0], loaded.add(video))
    rate = rate_of(*count_fooled(network, make_clips(40, seed=9), loaded))
    assert rate is not None
    assert rate.low < rate.value == rate.count / 40 < rate.high
    assert rate.count > 2 * count_fooled(network, make_clips(40, seed=9), noise_like(loaded, seed=0)).fooled


@pytest.mark.parametrize("name", ATTACKS)
def test_any_attack_of_the_table_learns_on_clips_in_memory(name: str) -> None:
    budget = Budget("linf", Fraction(1)) if name == "append" else Budget("linf", Fraction(24, 255))
    learned = learn_perturbation(make_clips(5), TorchNetwork(FrameMeans().eval()), name, budget, steps=2)
    assert learned.delta.any()
    assert learned.binding == perturbations.parse_binding(ATTACKS[name]().binding)
    assert learned.record["steps"] == 2
    assert count_fooled(TorchNetwork(FrameMeans().eval()), make_clips(3), learned).clips == 3


def test_the_same_seed_learns_the_same_bits_and_another_seed_does_not() -> None:
    network = TorchNetwork(FrameMeans().eval())
    first, again, other = (
        learn_perturbation(make_clips(20), network, Ifgsm(), binding="cyclic:3", steps=3, seed=seed)
        for seed in (0, 0, 1)
    )
    assert first == again
    assert hash(first) == hash(again)
    assert not torch.equal(first.delta, other.delta)
    assert first != "r.safetensors"


def test_clips_larger_than_a_delta_are_attacked_by_a_resized_one() -> None:
    clips = torch.rand(2, 3, 3, 4, 300, generator=torch.Generator().manual_seed(0))
    learned = learn_perturbation(clips, TorchNetwork(FrameMeans().eval()), "ifgsm", steps=1)
    assert learned.delta.shape == (4, 3, 4, 224)


def test_a_problem_of_clips_takes_any_objective() -> None:
    network = TorchNetwork(FrameMeans().eval())
    problem = clips_problem(
        make_clips(), network, Budget.parse("linf", "40/255"), "constant", Targeted(2), batch_size=4
    )
    state = State(problem.zeros())
    steps = list(learn(problem, Ifgsm(), state, lambda now: now.steps / 30))
    assert [step.clips for step in steps] == [4] * 30
    assert sum(step.fooled or 0 for step in steps[-5:]) > sum(step.fooled or 0 for step in steps[:5])


def test_every_clip_comes_once_before_any_comes_twice() -> None:
    clips = torch.stack([torch.full((2, 3, 4, 4), number / 255) for number in range(6)])
    problem = clips_problem(
        clips, TorchNetwork(FrameMeans().eval()), Budget.parse("linf", "8/255"), "cyclic:2", batch_size=2
    )
    drawn = [[round(float(one) * 255) for one in problem.draw(step).frames[:, 0, 0, 0, 0]] for step in range(6)]
    for round_ in (drawn[:3], drawn[3:]):
        assert sorted(number for batch in round_ for number in batch) == list(range(6))
    assert drawn[:3] != drawn[3:]


def test_appended_frames_follow_a_whole_video_and_carry_delta_alone() -> None:
    perturbation, video = make_perturbation("append:2", epsilon="1"), make_bytes(5)
    longer = perturbation.add_to_bytes(video)
    assert torch.equal(longer[:5], video)
    assert torch.equal(longer[5:].short(), perturbation.levels(18, 22).clamp(min=0))
    assert perturbation.add(video / 255).shape == (7, 3, 18, 22)


def test_everything_public_is_listed_and_there() -> None:
    assert all(hasattr(perturbations, name) for name in perturbations.__all__)


GOOD = {"clips": make_clips(3), "network": TorchNetwork(FrameMeans().eval()), "attack": "ifgsm", "steps": 1}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"clips": make_clips(3)[0]},
            r"the clips have the shape \(6, 3, 8, 8\); give \(clips, frames, 3, height, width\)",
        ),
        ({"clips": make_clips(3).transpose(1, 2)}, "give .clips, frames, 3, height, width."),
        ({"clips": (make_clips(3) * 255).byte()}, "the clips are torch.uint8; give float32 in"),
        ({"clips": make_clips(3) * 255}, "values outside of"),
        ({"clips": make_clips(3) * float("nan")}, "or NaN"),
        ({"attack": "newton"}, "the attack 'newton' is unknown; use one of: lsap, uap"),
        ({"binding": "spiral:3"}, "'spiral' is unknown"),
        ({"steps": 0}, "steps is 0; use a number from 1"),
        ({"attack": "append"}, "append shows whole frames"),
        (
            {"network": TorchNetwork(nn.Sequential(nn.Flatten(), nn.Linear(1152, 1)).eval())},
            "one score a clip; a classifier gives one for each of at least two classes",
        ),
        ({"network": FrameMeans().eval()}, r"wrap it: TorchNetwork\(module.eval\(\)\)"),
        ({"network": TorchNetwork(Broken().eval())}, r"scores of 2 of 3 clips are not finite \(NaN"),
        ({"clips": list(make_clips(3))}, "the clips are a list; give a torch tensor"),
        ({"clips": make_clips(3).numpy()}, "the clips are a ndarray; give a torch tensor"),
        ({"budget": 8 / 255}, r"budget is 0.03\d+; use Budget.parse\('linf', '8/255'\)"),
        ({"attack": Ifgsm}, r"attack is the class Ifgsm; give its name, or an object: Ifgsm\(\)"),
        (
            {"network": TorchNetwork(nn.Sequential(nn.Flatten(0), nn.Linear(3 * 1152, 2)).eval())},
            "it must give .3, classes.",
        ),
    ],
)
def test_wrong_arguments_of_learning_are_refused_with_a_sentence(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learn_perturbation(**{**GOOD, **wrong})


def test_a_network_without_finite_scores_is_not_counted_as_one_that_is_never_fooled() -> None:
    with pytest.raises(ValueError, match="scores of 2 of 3 clips are not finite"):
        count_fooled(TorchNetwork(Broken().eval()), make_clips(3), make_perturbation())


def test_a_path_may_be_text(tmp_path: Path) -> None:
    make_perturbation().save(f"{tmp_path}/r.safetensors")
    assert Perturbation.load(f"{tmp_path}/r.safetensors") == make_perturbation()


def test_a_module_in_training_mode_or_without_the_layer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"training mode.*eval"):
        TorchNetwork(FrameMeans())
    with pytest.raises(ValueError, match=r"the module is a function; give a torch\.nn\.Module"):
        TorchNetwork(make_clips)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no layer 'stem'; its last ones are convolution"):
        TorchNetwork(FrameMeans().eval(), feature_layer="stem")
    two_frames = TorchNetwork(FrameMeans().eval())
    with pytest.raises(ValueError, match="distinguishes frames"):
        two_frames.outputs(make_clips(2)[:, :2], "features")


@pytest.mark.parametrize(
    ("frames", "arguments", "message"),
    [
        (make_bytes(3), (), "the frames are torch.uint8; give floats in"),
        (torch.full((1, 3, 4, 4), 200.0), (), r"the frames' values run from 200 to 200; give floats in \[0, 1\]"),
        (torch.full((1, 3, 4, 4), float("nan")), (), "values run from nan to nan"),
        (torch.zeros(3, 4, 4), (), r"the shape \(3, 4, 4\); give \(frames, 3, height, width\)"),
        (torch.zeros(2, 4, 3, 5), (), "give .frames, 3, height, width."),
        (
            torch.zeros(2, 3, 4, 4),
            (torch.arange(3), 9),
            r"the indices have the shape \(3,\); give one for each of the 2",
        ),
    ],
)
def test_wrong_frames_are_refused_with_a_sentence(frames: Tensor, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_perturbation().add(frames, *arguments)


def test_floats_are_refused_where_bytes_are_added() -> None:
    with pytest.raises(ValueError, match=r"the frames are torch.float32; give uint8, or use add"):
        make_perturbation().add_to_bytes(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("epsilon", [8 / 255, 1, "8/255"])
def test_an_epsilon_that_is_no_fraction_is_refused_with_what_would_work(epsilon: Any) -> None:
    with pytest.raises(ValueError, match=r"must be an exact fraction: use Budget.parse\('linf', '8/255'\)"):
        Budget("linf", epsilon)


def test_an_epsilon_that_is_no_text_is_refused_by_parse() -> None:
    with pytest.raises(ValueError, match=r"epsilon is 0.03\d+; give it as text, such as '8/255'"):
        Budget.parse("linf", 8 / 255)  # type: ignore[arg-type]


def test_perturbations_are_equal_by_content() -> None:
    first, same, other = make_perturbation(), make_perturbation(), make_perturbation(seed=2)
    assert first == same
    assert len({first, same, other}) == 2
    assert first != Perturbation(first.delta, Binding("relative", 4), first.budget)
