import math

import pytest
import torch
from torch import Tensor

from perturbations.coherence import coherence_loss, temporal_coherence


def features(frames: int, seed: int = 0, clips: int = 2) -> Tensor:
    return torch.randn(clips, frames, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("frames", [3, 4, 16])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_equal_frames_have_the_highest_coherence(frames: int, temperature: float) -> None:
    still = features(1).expand(2, frames, 5)
    assert temporal_coherence(still, temperature).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert bool((temporal_coherence(features(frames), temperature) < 1).all())


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_three_frames_worked_out_by_hand(temperature: float) -> None:
    """Two frames alike and one at a right angle: distances 0, sqrt 2, sqrt 2."""
    clip = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]])
    far = math.exp(-math.sqrt(2) / temperature)
    first, other = 1 / (1 + 2 * far), far / (1 + 2 * far)
    entropy = -first * math.log(first) - 2 * other * math.log(other)
    assert float(temporal_coherence(clip, temperature)) == pytest.approx(entropy / math.log(3), abs=1e-4)


def test_three_frames_at_equal_angles_are_as_coherent_as_equal_ones() -> None:
    angles = torch.tensor([0.0, 2 * math.pi / 3, 4 * math.pi / 3])
    clip = torch.stack([angles.cos(), angles.sin()], dim=1)[None]
    assert float(temporal_coherence(clip, 0.1)) == pytest.approx(1, abs=1e-5)


def test_it_looks_at_directions_only() -> None:
    clip = features(6)
    lengths = torch.rand(2, 6, 1, generator=torch.Generator().manual_seed(3)) + 0.5
    torch.testing.assert_close(temporal_coherence(clip * lengths, 0.1), temporal_coherence(clip, 0.1))
    torch.testing.assert_close(temporal_coherence(clip.flip(1), 0.1), temporal_coherence(clip, 0.1))


def test_with_temperature_one_the_entropy_of_16_frames_varies_by_less_than_half_a_nat() -> None:
    """Distances of unit vectors lie in [0, 2], so no pair has more than e^2 times another's share.

    Of all such distributions over 120 pairs the one farthest from even has a part a of its pairs at the higher share;
    ln 120 minus its entropy is 2 a e^2 / z - ln z, z = 1 - a + a e^2, which is below 0.4746 for every a.
    """
    pairs = math.log(16 * 15 / 2)
    parts = torch.linspace(0, 1, 10001, dtype=torch.float64)
    z = 1 - parts + parts * math.exp(2)
    bound = float((2 * parts * math.exp(2) / z - z.log()).max())
    assert bound == pytest.approx(0.4745, abs=1e-4)
    two_camps = [torch.eye(2)[(torch.arange(16) < first).long()] * 2 - 1 for first in range(17)]  # as far as it goes
    opposite = [camp[:, :1] for camp in two_camps]
    losses = [pairs * (1 - float(temporal_coherence(clip[None], 1.0))) for clip in opposite]
    losses += [pairs * (1 - float(temporal_coherence(features(16, seed, 1), 1.0))) for seed in range(20)]
    assert max(losses) < bound
    assert max(losses) > 0.35  # the bound is nearly reached


@pytest.mark.parametrize("kind", ["equal", "two equal", "zeros", "different"])
@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_the_gradient_is_finite_even_where_frames_are_equal(kind: str, temperature: float) -> None:
    clip = {
        "equal": features(1).expand(2, 4, 5),
        "two equal": features(4)[:, [0, 0, 1, 2]],
        "zeros": torch.zeros(2, 4, 5),
        "different": features(4),
    }[kind]
    leaf = clip.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(temporal_coherence(leaf, temperature).sum(), leaf)
    assert bool(gradient.isfinite().all())
    if temperature == 1.0:
        assert bool(gradient.any()) == (kind in ("two equal", "different"))


def test_the_gradient_agrees_with_finite_differences() -> None:
    clip, step = features(5, clips=1), 1e-2
    leaf = clip.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(temporal_coherence(leaf, 0.5).sum(), leaf)
    for place in range(0, clip.numel(), 3):
        change = torch.zeros_like(clip)
        change.view(-1)[place] = step
        difference = temporal_coherence(clip + change, 0.5) - temporal_coherence(clip - change, 0.5)
        assert float(gradient.view(-1)[place]) == pytest.approx(float(difference) / (2 * step), abs=2e-4)


def test_keep_and_break_have_opposite_signs_and_the_measure_as_their_size() -> None:
    clip = features(6)
    keep, broken = coherence_loss(clip, "keep", 0.1), coherence_loss(clip, "break", 0.1)
    assert torch.equal(keep, -broken)
    assert torch.equal(broken, temporal_coherence(clip, 0.1))


@pytest.mark.parametrize("frames", [1, 2])
def test_fewer_than_three_frames_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=f"the features have {frames} moments in time, and coherence needs at least 3"):
        temporal_coherence(features(frames), 0.1)
