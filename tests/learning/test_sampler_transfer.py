"""What is fitted through one way of sampling does not fool the others; fitted through both, it does."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.batch_planning import BatchSettings
from lsap_cli.learning.batches import BatchSource
from perturbations import Budget, parse_binding, parse_epsilon
from perturbations.adding import add_float
from perturbations.attacks.lsap import Lsap
from perturbations.learn import learn
from perturbations.network import Internal, NetworkOutput
from perturbations.objectives import Targeted
from perturbations.problem import Problem
from perturbations.resizing import with_empty_slot
from perturbations.samplers import Dense, Sampler, Uniform
from perturbations.state import State

FRAMES, COUNT, SIZE = 8, 64, 4
SAMPLERS: dict[str, Sampler] = {"uniform": Uniform(), "dense": Dense(1)}
TOO_LITTLE = 0.02  # how strong a clip's beat has to be, in pixel units


class Beat:
    """Sees how much every second frame of a clip differs in light from the ones between: class 1 above a border.

    The beat of a clip is 8 video frames long through `uniform`, 1 through `dense`.
    """

    def score(self, clips: Tensor) -> Tensor:
        light = clips.mean((2, 3, 4))
        beat = (light[:, 1::2] - light[:, ::2]).mean(1).abs()
        return torch.stack([torch.zeros_like(beat) + TOO_LITTLE, beat], dim=1) * 500

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        return NetworkOutput(self.score(clips), clips.flatten(2), [clips])


def make_video(number: int) -> StoredVideo:
    generator = torch.Generator().manual_seed(number)
    frames = torch.randint(110, 146, (COUNT, SIZE, SIZE, 3), generator=generator).to(torch.uint8)
    return StoredVideo(Video(Path(f"{number}.mkv"), f"{number}.mkv"), frames, torch.arange(COUNT) * 40, (SIZE, SIZE))


VIDEOS = [make_video(number) for number in range(6)]


def fitted(binding: str, names: list[str]) -> Tensor:
    """A pattern that is to make every clip class 1, learned through some samplers."""
    geometry, bound, network = Geometry((SIZE, SIZE), (SIZE, SIZE)), parse_binding(binding), Beat()
    settings = BatchSettings(
        videos=VIDEOS[:3], clean_predictions=torch.zeros(3, 2, dtype=torch.int64),
        samplers=[SAMPLERS[name] for name in names], frames=FRAMES, geometry=geometry, binding=bound,
        delta_size=(SIZE, SIZE), augmentation=None, clips=6, seed=0, device=torch.device("cpu"),
    )  # fmt: skip
    with BatchSource(settings) as source:
        problem = Problem(
            network, source.draw, Targeted(1), Budget("linf", parse_epsilon("8/255")), bound,
            (bound.period, 3, SIZE, SIZE), FRAMES, 2,
        )  # fmt: skip
        state = State(problem.zeros())
        for _ in learn(problem, Lsap(first_step=0.2), state, lambda now: now.steps / 60):
            pass
    return state.delta


def rate(delta: Tensor, binding: str, name: str) -> float:
    """Part of the clips of other videos, at every phase, that become class 1."""
    won, network, generator = [], Beat(), torch.Generator().manual_seed(0)
    for stored in VIDEOS[3:]:
        for _ in range(12):
            indices = SAMPLERS[name].draw(stored.times, FRAMES, generator)
            clean = stored.clip(indices).float() / 255
            slots = parse_binding(binding).slots(indices, COUNT)
            assert int(network.score(clean[None]).argmax()) == 0
            won.append(int(network.score(add_float(clean, with_empty_slot(delta), slots)[None]).argmax()))
    return sum(won) / len(won)


def test_what_is_fitted_through_uniform_alone_does_not_fool_dense_and_fitted_through_both_closes_the_gap() -> None:
    alone, both = (fitted("relative:64", names) for names in (["uniform"], ["uniform", "dense"]))
    rates = {
        (how, name): rate(delta, "relative:64", name)
        for how, delta in (("alone", alone), ("both", both))
        for name in SAMPLERS
    }
    assert rates["alone", "uniform"] > 0.8
    assert rates["alone", "dense"] < rates["alone", "uniform"] - 0.4
    gaps = {how: rates[how, "uniform"] - rates[how, "dense"] for how in ("alone", "both")}
    assert gaps["both"] < 0.5 * gaps["alone"]
    assert rates["both", "dense"] > rates["alone", "dense"] + 0.3


@pytest.mark.parametrize("name", SAMPLERS)
def test_bound_to_places_in_the_clip_it_fools_every_sampler_which_no_video_can_do(name: str) -> None:
    """`slot` depends on the sampler's result: it is for comparison only."""
    assert rate(fitted("slot:8", ["uniform"]), "slot:8", name) > 0.8
    assert not parse_binding("slot:8").fits_a_video
