import pytest
import torch

from defenses.base import Defense
from defenses.randomized import TRANSFORM_KINDS, Barrage, RandomNoise, ResizePad
from defenses.testing.videos import make_noise_video


def test_noise_has_its_sigma_and_every_frame_its_own() -> None:
    gray = torch.full((6, 3, 60, 80), 0.5)
    noise = RandomNoise(0.05)(gray) - 0.5
    assert float(noise.std()) == pytest.approx(0.05, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=1e-3)
    together = torch.corrcoef(noise.flatten(1))
    assert float((together - torch.eye(6)).abs().max()) < 0.05


def test_a_shrunk_frame_lies_somewhere_on_gray_in_the_same_place_all_along() -> None:
    white = torch.ones(3, 3, 50, 60)
    corners = set()
    for seed in range(20):
        defended = ResizePad(0.5, seed=seed)(white)
        inside = (defended[:, 0] - 0.5).abs() > 0.25
        rows, columns = inside[0].any(1).nonzero()[:, 0], inside[0].any(0).nonzero()[:, 0]
        assert torch.equal(inside[0], inside[1])
        assert 25 <= len(rows) <= 50
        assert abs(len(rows) / 50 - len(columns) / 60) < 0.05
        corners.add((int(rows[0]), int(columns[0])))
    assert len(corners) > 10


def test_a_barrage_is_a_random_set_in_a_random_order() -> None:
    seen = [tuple(type(member).__name__ for member in Barrage(4, seed=seed).members()) for seed in range(200)]
    assert all(len(names) == 4 for names in seen)
    assert len(set(seen)) > 150
    kinds = {name for names in seen for name in names}
    assert len(kinds) == len(TRANSFORM_KINDS) + 1  # mean or median along time
    assert Barrage(4, seed=7).members() == Barrage(4, seed=7).members()


def test_every_kind_of_a_barrage_works_by_itself() -> None:
    video = make_noise_video(5)
    for make in TRANSFORM_KINDS.values():
        generator = torch.Generator().manual_seed(4)
        assert make(generator)(video).shape == video.shape


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (RandomNoise, {"sigma": 0.0}, "sigma is 0.0; it must be above 0 and at most 1"),
        (ResizePad, {"smallest": 1.0}, "smallest is 1.0; it must be above 0 and below 1"),
        (Barrage, {"count": 11}, "count is 11; it must be a whole number from 2 to 10"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(
    kind: type[Defense], settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)
