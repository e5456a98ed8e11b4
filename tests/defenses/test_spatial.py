import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, median_filter

from defenses.base import FrameDefense
from defenses.spatial import Bilateral, BitDepth, SpatialGaussian, SpatialMedian, TotalVariation, divergence, slopes
from defenses.testing.videos import make_noise_video, make_smooth_video


@pytest.mark.parametrize("window", [3, 5, 7])
def test_the_spatial_median_is_scipys(window: int) -> None:
    video = make_noise_video(2)
    expected = median_filter(video.numpy(), size=(1, 1, window, window), mode="nearest")
    assert torch.equal(SpatialMedian(window)(video), torch.from_numpy(expected))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_the_spatial_gaussian_is_scipys(sigma: float) -> None:
    video = make_noise_video(2)
    radius = int(np.ceil(3 * sigma))
    expected = gaussian_filter(video.double().numpy(), (sigma, sigma), axes=(2, 3), mode="nearest", radius=radius)
    torch.testing.assert_close(SpatialGaussian(sigma)(video).double(), torch.from_numpy(expected), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("bits", "levels", "expected"),
    [(1, [0, 127, 128, 255], [0, 0, 255, 255]), (2, [0, 42, 43, 200, 255], [0, 0, 85, 170, 255])],
)
def test_bit_depths_worked_out_by_hand(bits: int, levels: list[int], expected: list[int]) -> None:
    video = (torch.tensor(levels) / 255).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    defended = BitDepth(bits)(video)[:, 0, 0, 0].mul(255).round()
    assert defended.tolist() == expected


def test_the_bilateral_filter_is_a_plain_double_loop() -> None:
    defense, frame = Bilateral(3, 1.5, 0.2), make_noise_video(1, 5, 6)[0].double()
    expected = torch.zeros_like(frame)
    for row in range(5):
        for column in range(6):
            total, weights = torch.zeros(3, dtype=torch.float64), 0.0
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    other = frame[:, min(max(row + down, 0), 4), min(max(column + right, 0), 5)]
                    color = float((other - frame[:, row, column]).square().sum())
                    weight = np.exp(-(down**2 + right**2) / (2 * 1.5**2) - color / (2 * 0.2**2))
                    total, weights = total + weight * other, weights + weight
            expected[:, row, column] = total / weights
    torch.testing.assert_close(defense.defend_frames(frame[None])[0], expected)


def test_the_bilateral_filter_keeps_an_edge_that_a_blur_destroys() -> None:
    video = torch.zeros(1, 3, 16, 16)
    video[..., 8:] = 1
    for defense, kept in ((Bilateral(), 0.99), (SpatialGaussian(2.0), 0.6)):
        edge = defense(video)[0, 0, 8]
        assert (float(edge[8] - edge[7]) > kept) == isinstance(defense, Bilateral)


def test_divergence_is_the_negative_adjoint_of_the_slopes() -> None:
    generator = torch.Generator().manual_seed(1)
    image, down, right = torch.randn(3, 1, 1, 7, 9, generator=generator, dtype=torch.float64)
    down[..., -1, :], right[..., -1] = 0, 0
    towards_down, towards_right = slopes(image)
    inner = (towards_down * down).sum() + (towards_right * right).sum()
    assert float(inner) == pytest.approx(-float((image * divergence(down, right)).sum()))


def energy(smooth: torch.Tensor, video: torch.Tensor, weight: float) -> float:
    down, right = slopes(smooth)
    return float((smooth - video).square().sum() / 2 + weight * (down.square() + right.square()).sqrt().sum())


def test_total_variation_makes_its_energy_small_and_more_steps_make_it_smaller() -> None:
    video = (make_smooth_video(1) + 0.1 * (make_noise_video(1, 32, 48) - 0.5)).clamp(0, 1)
    energies = [energy(TotalVariation(0.05, steps)(video), video, 0.05) for steps in (1, 5, 20, 100)]
    assert energy(video, video, 0.05) > energies[0] > energies[1] > energies[2] > energies[3]
    assert energies[2] < 1.05 * energies[3]


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (BitDepth, {"bits": 8}, "bits is 8; it must be a whole number from 1 to 7"),
        (SpatialMedian, {"window": 4}, "window is 4; it must be an odd number of at least 3"),
        (SpatialGaussian, {"sigma": 0.0}, "sigma is 0.0; it must be above 0"),
        (Bilateral, {"tone": 0.0}, "tone is 0.0; it must be above 0"),
        (Bilateral, {"sigma": -1.0}, "sigma is -1.0; it must be above 0 pixels"),
        (TotalVariation, {"weight": 2.0}, "weight is 2.0; it must be above 0 and at most 1"),
        (TotalVariation, {"steps": 0}, "steps is 0; it must be a whole number from 1 to 200"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(
    kind: type[FrameDefense], settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)
