import math

import pytest
import torch
from torch import Tensor

from defenses.resampling import SpatialResample, TemporalResample
from defenses.testing.videos import make_noise_video


def levels(*values: float) -> Tensor:
    """A video of flat frames with these levels."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).contiguous()


@pytest.mark.parametrize(
    ("keep", "source", "expected"),
    [
        (2, [0.3], [0.3]),
        (2, [0.3, 0.9], [0.3, 0.3]),
        (2, [0.2, 0.9, 0.6, 0.1, 0.0], [0.2, 0.4, 0.6, 0.3, 0.0]),
        (2, [0.2, 0.9, 0.6, 0.1], [0.2, 0.4, 0.6, 0.6]),
        (3, [0.0, 1.0, 1.0, 0.9, 0.5, 0.5], [0.0, 0.3, 0.6, 0.9, 0.9, 0.9]),
        (4, [0.0, 1.0, 1.0, 1.0, 0.4], [0.0, 0.1, 0.2, 0.3, 0.4]),
        (9, [0.7, 0.1, 0.2], [0.7, 0.7, 0.7]),
    ],
)
def test_rebuilt_frames_worked_out_by_hand(keep: int, source: list[float], expected: list[float]) -> None:
    torch.testing.assert_close(TemporalResample(keep)(levels(*source)), levels(*expected))


@pytest.mark.parametrize(
    ("keep", "frame_count", "indices", "expected"),
    [
        (2, 40, [6], [6]),
        (2, 40, [7], [6, 8]),
        (2, 40, [39], [38]),
        (4, 40, [9, 8, 15], [8, 12, 16]),
        (4, 9, [7], [4, 8]),
        (4, 8, [7, 3], [0, 4]),
        (2, 1, [0], [0]),
    ],
)
def test_needs_are_the_kept_neighbors(keep: int, frame_count: int, indices: list[int], expected: list[int]) -> None:
    assert TemporalResample(keep).needs(torch.tensor(indices), frame_count).tolist() == expected


def test_kept_frames_are_not_touched() -> None:
    video = make_noise_video(11)
    assert torch.equal(TemporalResample(5)(video)[::5], video[::5])


def test_a_time_constant_pattern_passes_temporal_resampling_whole() -> None:
    video, pattern = make_noise_video(12) / 2, make_noise_video(1, seed=5) / 2
    defense = TemporalResample(5)
    torch.testing.assert_close(defense(video + pattern), defense(video) + pattern, rtol=0, atol=1e-6)


def test_a_pattern_that_is_linear_in_time_passes_temporal_resampling_whole() -> None:
    video = levels(*[n / 12 for n in range(13)])
    torch.testing.assert_close(TemporalResample(4)(video), video)


def test_a_one_row_video_halved_and_doubled_by_hand() -> None:
    """Antialiased halving weighs 1 3 3 1, or 3 3 1 at an end; doubling takes 3:1 of the two nearest."""
    row = torch.tensor([0.7, 0, 0, 0, 0, 0, 0, 0])  # halved: 0.3 0 0 0
    expected = [0.3, 0.225, 0.075, 0, 0, 0, 0, 0]
    defended = SpatialResample(0.5)(row.expand(1, 3, 1, 8).contiguous())
    torch.testing.assert_close(defended[0, 0, 0], torch.tensor(expected))


def test_a_checkerboard_is_gone_and_a_wide_wave_stays() -> None:
    columns, rows = torch.arange(64), torch.arange(64)[:, None]
    checkerboard = ((columns + rows) % 2).float().expand(1, 3, 64, 64)
    defended = SpatialResample(0.5)(checkerboard)[..., 4:-4, 4:-4]
    torch.testing.assert_close(defended, torch.full_like(defended, 0.5), rtol=0, atol=0.01)
    wave = (0.5 + 0.5 * torch.cos(2 * math.pi * (columns + 0.5) / 64)).expand(1, 3, 64, 64)
    torch.testing.assert_close(SpatialResample(0.5)(wave), wave, rtol=0, atol=0.02)


def test_a_flicker_that_is_the_same_all_over_the_frame_passes_spatial_resampling_whole() -> None:
    video = make_noise_video(6) / 2
    flicker = torch.rand(6, 3, 1, 1, generator=torch.Generator().manual_seed(1)) / 2
    defense = SpatialResample(0.3)
    torch.testing.assert_close(defense(video + flicker), defense(video) + flicker, rtol=0, atol=2e-6)


def test_at_least_one_pixel_is_left() -> None:
    video = make_noise_video(2, 5, 7)
    mean = video.mean(dim=(2, 3), keepdim=True).expand_as(video)
    defended = SpatialResample(0.01)(video)
    torch.testing.assert_close(defended.amax(dim=(2, 3)), defended.amin(dim=(2, 3)))
    torch.testing.assert_close(defended, mean, rtol=0, atol=0.15)


@pytest.mark.parametrize("scale", [-0.5, 0.0, 1.0, 2.0, math.nan])
def test_a_scale_that_does_not_shrink_is_refused_by_name(scale: float) -> None:
    with pytest.raises(ValueError, match=f"scale is {scale}; it must be above 0 and below 1"):
        SpatialResample(scale)


@pytest.mark.parametrize("keep", [-2, 0, 1])
def test_a_keep_that_drops_nothing_is_refused_by_name(keep: int) -> None:
    with pytest.raises(ValueError, match=f"keep is {keep}; it must be a whole number of at least 2"):
        TemporalResample(keep)
