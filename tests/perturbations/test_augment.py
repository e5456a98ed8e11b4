import pytest
import torch

from perturbations.augment import Augmentation
from tests.tiny import make_bytes

PLAIN = Augmentation(zoom=1, contrast=0, brightness=0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [(16, 20), (1, 1), (7, 3)])
def test_shape_and_range_are_kept_and_the_input_is_untouched(size: tuple[int, int]) -> None:
    clip = make_bytes(5, *size) / 255
    kept = clip.clone()
    for seed in range(20):
        changed = Augmentation().apply(clip, seeded(seed))
        assert (changed.shape, changed.dtype) == (clip.shape, torch.float32)
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert torch.equal(clip, kept)


def test_the_seed_decides() -> None:
    clip = make_bytes(3) / 255
    assert torch.equal(Augmentation().apply(clip, seeded(1)), Augmentation().apply(clip, seeded(1)))
    assert len({Augmentation().apply(clip, seeded(seed)).sum().item() for seed in range(10)}) == 10


def test_all_frames_are_changed_alike_so_that_stillness_stays_still() -> None:
    clip = (make_bytes(1) / 255).expand(6, -1, -1, -1)
    for seed in range(5):
        changed = Augmentation().apply(clip, seeded(seed))
        assert torch.equal(changed, changed[:1].expand_as(changed))


def test_with_everything_off_only_the_mirror_is_left() -> None:
    clip = make_bytes(3) / 255
    results = [PLAIN.apply(clip, seeded(seed)) for seed in range(20)]
    mirrored = [bool((result - clip.flip(-1)).abs().max() < 1e-6) for result in results]
    assert {True, False} == set(mirrored)
    for result, turned in zip(results, mirrored, strict=True):
        torch.testing.assert_close(result, clip.flip(-1) if turned else clip, atol=1e-6, rtol=0)


def test_zoom_enlarges_a_part() -> None:
    ramp = torch.linspace(0.2, 0.8, 40).expand(1, 3, 40, 40)
    spans = [float(part.max() - part.min()) for part in (
        Augmentation(zoom=0.5, contrast=0, brightness=0).apply(ramp, seeded(seed)) for seed in range(30)
    )]  # fmt: skip
    assert 0.25 < min(spans) < max(spans) <= 0.6 + 1e-6
    assert min(spans) < 0.4


def test_contrast_and_brightness_stay_within_their_bounds() -> None:
    gray = torch.full((1, 3, 4, 4), 0.5)
    shifts = [float(Augmentation(zoom=1, brightness=0.15).apply(gray, seeded(seed)).mean()) - 0.5 for seed in range(99)]
    assert -0.15 <= min(shifts) < -0.1
    assert 0.1 < max(shifts) <= 0.15
    pair = torch.tensor([0.4, 0.6]).expand(1, 3, 1, 2)
    factors = [
        float((Augmentation(zoom=1, contrast=0.4, brightness=0).apply(pair, seeded(seed))).diff().abs().max()) / 0.2
        for seed in range(99)
    ]
    assert 0.6 - 1e-5 <= min(factors) < 0.7
    assert 1.1 < max(factors) <= 1.2 + 1e-5
