"""Law 1: perturb, then sample = sample, then perturb."""

from fractions import Fraction

import pytest
import torch

from perturbations.samplers import SAMPLERS, Dense, RandomFrames, RateSampler, Sampler, Segments, Uniform
from tests.tiny import make_bytes, make_perturbation

EVERY_SAMPLER: list[Sampler] = [
    Uniform(), Segments(), Dense(1), Dense(2), Dense(7), RateSampler(),
    RateSampler(Fraction(30000, 1001)), RandomFrames(),
]  # fmt: skip
BINDINGS = ["constant", "cyclic:3", "cyclic:16", "relative:4", "relative:16"]
VIDEO_LENGTHS = [1, 2, 5, 15, 16, 17, 40]
FRAMES = 16


def clips_of(sampler: Sampler, frame_count: int) -> torch.Tensor:
    """What the sampler takes from a video: two views, and one random clip, (3, FRAMES)."""
    generator = torch.Generator().manual_seed(frame_count)
    times = torch.arange(frame_count) * 40
    views = sampler.choose(times, FRAMES, 2, generator)
    return torch.cat([views, sampler.draw(times, FRAMES, generator)[None]])


def test_every_registered_sampler_is_in_the_law() -> None:
    assert {type(sampler) for sampler in EVERY_SAMPLER} == set(SAMPLERS.values())


@pytest.mark.parametrize("sampler", EVERY_SAMPLER, ids=str)
@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("delta_size", [(6, 5), (18, 22), (30, 31)], ids=["smaller", "native", "larger"])
def test_sampling_a_perturbed_video_equals_perturbing_the_sample(
    sampler: Sampler, binding: str, delta_size: tuple[int, int]
) -> None:
    perturbation = make_perturbation(binding, *delta_size)
    for frame_count in VIDEO_LENGTHS:
        video = make_bytes(frame_count)
        every = torch.arange(frame_count)
        perturbed = perturbation.add(video / 255, every, frame_count)
        written = perturbation.add_to_bytes(video, every, frame_count)
        assert not torch.equal(written, video)
        for indices in clips_of(sampler, frame_count):
            assert torch.equal(perturbed[indices], perturbation.add(video[indices] / 255, indices, frame_count))
            assert torch.equal(written[indices], perturbation.add_to_bytes(video[indices], indices, frame_count))


@pytest.mark.parametrize("sampler", EVERY_SAMPLER, ids=str)
def test_the_law_holds_for_appended_frames_in_the_longer_video(sampler: Sampler) -> None:
    perturbation = make_perturbation("append:4", epsilon="1")
    for frame_count in VIDEO_LENGTHS:
        longer = torch.cat([make_bytes(frame_count), torch.zeros(4, 3, 18, 22, dtype=torch.uint8)])
        written = perturbation.add_to_bytes(longer, torch.arange(frame_count + 4), frame_count)
        assert torch.equal(written[:frame_count], longer[:frame_count])
        for indices in clips_of(sampler, frame_count + 4):
            assert torch.equal(written[indices], perturbation.add_to_bytes(longer[indices], indices, frame_count))


@pytest.mark.parametrize("binding", BINDINGS)
def test_perturbing_a_stream_frame_by_frame_equals_perturbing_the_video(binding: str) -> None:
    perturbation, video = make_perturbation(binding), make_bytes(11)
    whole = perturbation.add_to_bytes(video, torch.arange(11), 11)
    for number in range(11):
        alone = perturbation.add_to_bytes(video[number : number + 1], torch.tensor([number]), 11)
        assert torch.equal(alone[0], whole[number])


def test_slot_is_left_out_because_it_breaks_the_law() -> None:
    perturbation, video = make_perturbation("slot:4"), make_bytes(8)
    indices = torch.tensor([3, 4, 5, 6])
    perturbed = perturbation.add(video / 255, torch.arange(8), 8)
    assert not torch.equal(perturbed[indices], perturbation.add(video[indices] / 255, indices, 8))
    assert not perturbation.binding.fits_a_video
