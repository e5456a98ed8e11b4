import math

import pytest
import torch
from scipy.stats import norm

from defenses.certify import Classify, FlickerSmoothing, PixelSmoothing, lower_bound

CLIP = torch.full((4, 3, 2, 2), 0.5)


def brightness(limit: float) -> Classify:
    """A linear classifier: 1 where the clip's mean is above `limit`."""
    return lambda clips: (clips.mean((1, 2, 3, 4)) > limit).long()


@pytest.mark.parametrize(("samples", "sigmas"), [(100_000, 3.81), (1000, 2.46)])
def test_the_largest_radius_is_what_the_literature_says(samples: int, sigmas: float) -> None:
    assert PixelSmoothing(1.0, samples=samples).largest_radius() == pytest.approx(sigmas, abs=0.005)


def test_clopper_and_pearson_worked_out_by_hand() -> None:
    assert lower_bound(0, 10, 0.05) == 0
    assert lower_bound(10, 10, 0.05) == pytest.approx(0.05 ** (1 / 10))  # p^10 = alpha
    assert lower_bound(1, 10, 0.05) == pytest.approx(1 - 0.95 ** (1 / 10))  # 1 - (1 - p)^10 = alpha


def test_a_linear_classifiers_certificate_is_its_distance_to_the_border() -> None:
    """The mean over pixels moves by |R| / sqrt(elements); no more than the exact radius is certified."""
    sigma, limit = 0.3, 0.45
    exact = (0.5 - limit) * math.sqrt(CLIP.numel())
    found = PixelSmoothing(sigma, samples=20_000).certify(
        brightness(limit), CLIP, 8 / 255, torch.Generator().manual_seed(1)
    )
    assert found.label == 1
    assert 0.85 * exact < found.radius <= exact
    assert found.lower <= norm.cdf(exact / sigma)


def test_in_few_dimensions_the_same_classifier_is_certified_for_the_whole_budget() -> None:
    smoothing = FlickerSmoothing(0.05, samples=2000)
    found = smoothing.certify(brightness(0.4), CLIP, 8 / 255, torch.Generator().manual_seed(1))
    assert found.needed == pytest.approx(8 / 255 * math.sqrt(3))
    assert found.radius <= 0.1 * math.sqrt(3)  # the distance in the coordinates of one offset
    assert found.covers


def test_the_certificate_in_all_pixels_is_vacuous_at_a_usual_budget() -> None:
    clip = torch.full((16, 3, 112, 112), 0.5)
    needed = PixelSmoothing().largest_norm(clip, 8 / 255)
    assert needed == pytest.approx(24.3, abs=0.05)
    assert PixelSmoothing(0.25, samples=100_000).largest_radius() < needed / 20


def test_a_coin_toss_is_no_answer() -> None:
    smoothing = PixelSmoothing(0.5, samples=200)
    generator = torch.Generator().manual_seed(3)
    found = smoothing.certify(brightness(0.5), CLIP, 8 / 255, generator)
    assert (found.label, found.radius, found.covers) == (None, 0.0, False)
    assert smoothing.predict(brightness(0.5), CLIP, generator) is None
    assert smoothing.predict(brightness(0.1), CLIP, generator) == 1


def test_flicker_is_one_color_a_frame_and_repeats() -> None:
    noise = FlickerSmoothing(slots=2).noise(CLIP, torch.Generator().manual_seed(0)).expand_as(CLIP)
    assert torch.equal(noise[0], noise[2])
    assert not torch.equal(noise[0], noise[1])
    assert float(noise.var((2, 3)).max()) == 0


def test_the_same_seed_gives_the_same_certificate() -> None:
    def certify() -> object:
        generator = torch.Generator().manual_seed(8)
        return PixelSmoothing(0.5, samples=50).certify(brightness(0.45), CLIP, 8 / 255, generator)

    assert certify() == certify()


@pytest.mark.parametrize("settings", [{"sigma": 0.0}, {"samples": 0}, {"alpha": 1.0}])
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is"):
        PixelSmoothing(**settings)  # type: ignore[arg-type]  # wrong on purpose


def test_a_flicker_without_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="slots is 0"):
        FlickerSmoothing(slots=0)
