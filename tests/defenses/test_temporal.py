import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, median_filter

from defenses import Clip, Defense
from defenses.median import median
from defenses.temporal import TemporalGaussian, TemporalMean, TemporalMedian, gaussian, mirror
from defenses.testing.videos import make_noise_video


def levels(*values: float) -> torch.Tensor:
    """A video of flat frames with these levels."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).contiguous()


@pytest.mark.parametrize(
    ("frame_count", "first", "expected"),
    [
        (1, -3, [0, 0, 0, 0, 0, 0, 0]),
        (2, -5, [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]),
        (3, -7, [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]),
        (4, -2, [1, 0, 0, 1, 2, 3, 3, 2]),
    ],
)
def test_mirror_folds_as_often_as_it_takes(frame_count: int, first: int, expected: list[int]) -> None:
    assert mirror(torch.arange(first, first + len(expected)), frame_count).tolist() == expected


def test_mirror_is_numpys_symmetric_padding() -> None:
    for frame_count in (1, 2, 3, 7):
        padded = np.pad(np.arange(frame_count), 11, mode="symmetric")
        assert mirror(torch.arange(-11, frame_count + 11), frame_count).tolist() == padded.tolist()


@pytest.mark.parametrize("kind", [TemporalMean, TemporalMedian])
@pytest.mark.parametrize(
    ("window", "frame_count", "indices", "expected"),
    [
        (3, 40, [7], [6, 7, 8]),
        (3, 40, [0], [0, 1]),
        (3, 40, [39], [38, 39]),
        (3, 40, [20, 7, 8], [6, 7, 8, 9, 19, 20, 21]),
        (5, 40, [1], [0, 1, 2, 3]),
        (5, 2, [0], [0, 1]),
        (9, 1, [0], [0]),
    ],
)
def test_needs_are_the_windows_frames(
    kind: type[TemporalMean | TemporalMedian],
    window: int,
    frame_count: int,
    indices: list[int],
    expected: list[int],
) -> None:
    assert kind(window).needs(torch.tensor(indices), frame_count).tolist() == expected


@pytest.mark.parametrize(
    ("window", "source", "expected"),
    [
        (3, [0.9], [0.9]),
        (3, [0.0, 0.9], [0.3, 0.6]),
        (3, [0.3, 0.6, 0.0, 0.9], [0.4, 0.3, 0.5, 0.6]),
        (5, [0.0, 1.0, 0.5], [0.5, 0.4, 0.6]),  # 1 0 0 1 h | 0 0 1 h h | 0 1 h h 1
    ],
)
def test_means_worked_out_by_hand(window: int, source: list[float], expected: list[float]) -> None:
    torch.testing.assert_close(TemporalMean(window)(levels(*source)), levels(*expected))


@pytest.mark.parametrize(
    ("window", "source", "expected"),
    [
        (3, [0.9], [0.9]),
        (3, [0.0, 0.9], [0.0, 0.9]),
        (3, [0.3, 0.6, 0.0, 0.9], [0.3, 0.3, 0.6, 0.9]),
        (3, [0.1, 1.0, 0.1, 0.1, 0.0, 0.1], [0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),  # single flashes vanish
        (5, [0.0, 1.0, 0.5], [0.5, 0.5, 0.5]),
    ],
)
def test_medians_worked_out_by_hand(window: int, source: list[float], expected: list[float]) -> None:
    assert torch.equal(TemporalMedian(window)(levels(*source)), levels(*expected))


@pytest.mark.parametrize("count", [3, 5, 7, 9, 15])
def test_median_by_selection_is_torchs_median(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    for levels_used in (3, 1000):  # with many equal values, and with few
        stack = torch.randint(levels_used, (count, 500), generator=generator) / levels_used
        assert torch.equal(median(list(stack)), stack.median(dim=0).values)


def test_equal_values_share_the_medians_gradient_evenly() -> None:
    video = levels(0.5, 0.5, 0.2, 0.9).requires_grad_()
    middle = TemporalMedian().defend(Clip.whole(video), torch.tensor([1, 2]))
    assert middle[:, 0, 0, 0].tolist() == pytest.approx([0.5, 0.5])
    (gradient,) = torch.autograd.grad(middle[0].sum(), video)  # of 0.5 0.5 0.2
    assert gradient[:, 0, 0, 0].tolist() == [0.5, 0.5, 0.0, 0.0]


@pytest.mark.parametrize("defense", [TemporalMean(), TemporalMean(7), TemporalMedian(), TemporalMedian(7)])
@pytest.mark.parametrize("frame_count", [1, 2, 5, 12])
def test_a_time_constant_pattern_passes_whole(defense: Defense, frame_count: int) -> None:
    video = make_noise_video(frame_count) / 2
    pattern = make_noise_video(1, seed=5) / 2
    torch.testing.assert_close(defense(video + pattern), defense(video) + pattern, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", [TemporalMean, TemporalMedian])
@pytest.mark.parametrize("window", [-3, 0, 1, 2, 4])
def test_a_window_that_has_no_middle_is_refused_by_name(kind: type[Defense], window: int) -> None:
    with pytest.raises(ValueError, match=f"window is {window}; it must be an odd number of at least 3"):
        kind(window=window)  # type: ignore[call-arg]  # both kinds have a window


@pytest.mark.parametrize("window", [3, 5, 9])
def test_the_median_is_scipys(window: int) -> None:
    video = make_noise_video(11)
    expected = median_filter(video.numpy(), size=(window, 1, 1, 1), mode="reflect")
    assert torch.equal(TemporalMedian(window)(video), torch.from_numpy(expected))


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.5])
def test_the_gaussian_is_scipys(sigma: float) -> None:
    video = make_noise_video(25)
    radius = len(gaussian(sigma)) // 2
    expected = gaussian_filter(video.double().numpy(), sigma, axes=0, mode="reflect", radius=radius)
    torch.testing.assert_close(TemporalGaussian(sigma)(video).double(), torch.from_numpy(expected), atol=1e-6, rtol=0)


@pytest.mark.parametrize("sigma", [0.0, -1.0, 21.0])
def test_a_sigma_off_the_scale_is_refused_by_name(sigma: float) -> None:
    with pytest.raises(ValueError, match=f"sigma is {sigma}; it must be above 0 and at most 20 frames"):
        TemporalGaussian(sigma)
