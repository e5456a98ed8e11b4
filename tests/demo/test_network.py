import tomllib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import lsap_cli.demo
from lsap_cli.demo.network import adapt, build_demo_network
from lsap_cli.demo.train import CLIP_FRAMES, MEAN, SIZE, STD, TIMES, make_pool, normalize
from lsap_cli.demo.videos import LABELS
from perturbations.samplers import Dense, RandomFrames, Sampler, Uniform

FOLDER = Path(lsap_cli.demo.__file__).parent
WEIGHTS = FOLDER / "weights.safetensors"
FRESH_SEED = 20_000
PARTNER = torch.tensor([1, 0, 3, 2, 5, 4, 7, 6])  # the class that is the reverse of each class


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build_demo_network(WEIGHTS).requires_grad_(False)


@pytest.fixture(scope="module")
def fresh() -> tuple[Tensor, Tensor]:
    """Videos that training never saw: (80, frames, 3, H, W) uint8, and (80,) classes."""
    return make_pool(FRESH_SEED, 80)


def logits(network: nn.Module, clips: Tensor) -> Tensor:
    return torch.cat([network(normalize(part)) for part in torch.split(clips, 16)])


def shuffled_clips(videos: Tensor) -> Tensor:
    """Two clips of every video, each of random frames in a random order."""
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(TIMES), generator=generator)[:CLIP_FRAMES] for _ in range(2 * len(videos))]
    pairs = zip(torch.cat((videos, videos)), orders, strict=True)
    return torch.stack([video[order] for video, order in pairs])


def test_the_network_and_its_file_are_small(network: nn.Module) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) <= 300_000
    assert WEIGHTS.stat().st_size <= 4_000_000


@pytest.mark.parametrize("sampler", [Uniform(), Dense(2), RandomFrames()], ids=repr)
def test_new_videos_are_recognized(network: nn.Module, fresh: tuple[Tensor, Tensor], sampler: Sampler) -> None:
    videos, labels = fresh
    indices = sampler.choose(TIMES, CLIP_FRAMES, 1, torch.Generator().manual_seed(0))[0]
    right = logits(network, videos[:, indices]).argmax(1) == labels
    assert right.float().mean() >= 0.95


def test_frames_in_a_random_order_do_not_tell_a_class_from_its_reverse(
    network: nn.Module, fresh: tuple[Tensor, Tensor]
) -> None:
    videos, labels = fresh
    scores = logits(network, shuffled_clips(videos))
    own = labels.repeat(2)[:, None]
    right = scores.gather(1, own) > scores.gather(1, PARTNER[own])
    assert 0.4 < right.float().mean() < 0.6


@pytest.mark.parametrize("frame", [0, 20, 39])
def test_one_frame_does_not_tell_the_class(network: nn.Module, fresh: tuple[Tensor, Tensor], frame: int) -> None:
    videos, labels = fresh
    still = videos[:, [frame] * CLIP_FRAMES]
    right = logits(network, still).argmax(1) == labels
    assert right.float().mean() < 0.3  # chance is 0.125


def test_a_clip_is_judged_by_itself(network: nn.Module, fresh: tuple[Tensor, Tensor]) -> None:
    clips = normalize(fresh[0][:3, :CLIP_FRAMES])
    alone = torch.cat([network(clip[None]) for clip in clips])
    torch.testing.assert_close(network(clips), alone, rtol=1e-4, atol=1e-4)


def test_haze_over_a_clip_is_looked_through(fresh: tuple[Tensor, Tensor]) -> None:
    clips = normalize(fresh[0][:2, :CLIP_FRAMES])
    haze = torch.tensor([0.3, -0.2, 0.1]).view(3, 1, 1)
    torch.testing.assert_close(adapt(0.6 * clips + haze), adapt(clips), rtol=0.02, atol=0.02)


def test_a_clip_of_one_color_is_no_division_by_zero() -> None:
    assert torch.equal(adapt(torch.full((1, 2, 3, 4, 4), 0.5)), torch.zeros(1, 2, 3, 4, 4))


def test_the_gradient_of_every_frame_is_finite_and_not_zero(network: nn.Module, fresh: tuple[Tensor, Tensor]) -> None:
    clips = normalize(fresh[0][:2, :CLIP_FRAMES]).requires_grad_()
    loss = network(clips).logsumexp(1).sum()
    (gradient,) = torch.autograd.grad(loss, clips)
    assert gradient.isfinite().all()
    assert (gradient.abs().amax((2, 3, 4)) > 0).all()


def test_the_card_says_what_the_network_was_trained_with() -> None:
    card = tomllib.loads((FOLDER / "model.toml").read_text())
    assert card["factory"] == f"{build_demo_network.__module__}:{build_demo_network.__name__}"
    assert card["weights"] == WEIGHTS.name
    assert (FOLDER / card["labels"]).read_text().split() == list(LABELS)
    taken = card["input"]
    assert taken["frames"] == CLIP_FRAMES
    assert taken["size"] == taken["resize"] == list(SIZE)
    assert taken["mean"] == [MEAN] * 3
    assert taken["std"] == [STD] * 3
