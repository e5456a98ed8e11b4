import pytest
import torch

from perturbations.augment import Augmentation
from tests.tiny import make_bytes

PLAIN = Augmentation(zoom=1, contrast=0, brightness=0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [(16, 20), (1, 1), (7, 3)])
def test_shape_and_range_are_kept_and_the_input_is_untouched(size: tuple[int, int]) -> None:
    clip = make_bytes(5, *size)
    kept = clip.clone()
    for seed in range(20):
        changed = Augmentation().apply(clip, seeded(seed))
        assert (changed.shape, changed.dtype) == (clip.shape, torch.float32)
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert torch.equal(clip, kept)


def test_the_seed_decides() -> None:
    clip = make_bytes(3)
    assert torch.equal(Augmentation().apply(clip, seeded(1)), Augmentation().apply(clip, seeded(1)))
    assert len({Augmentation().apply(clip, seeded(seed)).sum().item() for seed in range(10)}) == 10


def test_all_frames_are_changed_alike_so_that_stillness_stays_still() -> None:
    clip = make_bytes(1).expand(6, -1, -1, -1)
    for seed in range(5):
        changed = Augmentation().apply(clip, seeded(seed))
        assert torch.equal(changed, changed[:1].expand_as(changed))


def test_with_everything_off_nothing_changes() -> None:
    clip = make_bytes(3)
    for seed in range(5):
        torch.testing.assert_close(PLAIN.apply(clip, seeded(seed)) * 255, clip.float())


def test_half_of_the_clips_are_mirrored() -> None:
    assert 30 < sum(PLAIN.mirrors(seeded(seed)) for seed in range(100)) < 70


def test_zoom_enlarges_a_part() -> None:
    ramp = torch.linspace(50, 200, 40).round().to(torch.uint8).expand(1, 3, 40, 40)
    zoom = Augmentation(zoom=0.5, contrast=0, brightness=0)
    parts = [zoom.apply(ramp, seeded(seed)) * 255 for seed in range(30)]
    spans = [float(part.max() - part.min()) for part in parts]
    assert 65 < min(spans) < 100
    assert 140 < max(spans) <= 150
    assert len({float(part.mean()) for part in parts}) > 20  # cut out of different places


def test_contrast_and_brightness_stay_within_their_bounds() -> None:
    gray = torch.full((1, 3, 4, 4), 128, dtype=torch.uint8)
    light = Augmentation(zoom=1, contrast=0, brightness=0.15)
    shifts = [float(light.apply(gray, seeded(seed)).mean()) - 128 / 255 for seed in range(99)]
    assert -0.15 - 1e-6 <= min(shifts) < -0.1
    assert 0.1 < max(shifts) <= 0.15 + 1e-6
    pair = torch.tensor([102, 153], dtype=torch.uint8).expand(1, 3, 1, 2)
    hard = Augmentation(zoom=1, contrast=0.4, brightness=0)
    factors = [float(hard.apply(pair, seeded(seed)).diff().abs().max()) / 0.2 for seed in range(99)]
    assert 0.6 - 1e-5 <= min(factors) < 0.7
    assert 1.1 < max(factors) <= 1.2 + 1e-5
