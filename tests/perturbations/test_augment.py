import pytest
import torch
from torch import Tensor

from perturbations.augment import Augmentation, Change
from tests.tiny import make_bytes

PLAIN = Augmentation(zoom=1, contrast=0, brightness=0, mirror=0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def changed(clips: Tensor, seed: int, augmentation: Augmentation | None = None) -> Tensor:
    return (augmentation or Augmentation()).draw(len(clips), seeded(seed)).apply(clips)


def clips(count: int, frames: int, height: int = 18, width: int = 22) -> Tensor:
    return make_bytes(count * frames, height, width).view(count, frames, 3, height, width)


@pytest.mark.parametrize("size", [(16, 20), (1, 1), (7, 3)])
def test_shape_and_range_are_kept_and_the_input_is_untouched(size: tuple[int, int]) -> None:
    given = clips(2, 5, *size)
    kept = given.clone()
    for seed in range(20):
        made = changed(given, seed)
        assert (made.shape, made.dtype) == (given.shape, torch.float32)
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert torch.equal(given, kept)


def test_the_seed_decides() -> None:
    assert torch.equal(changed(clips(2, 3), 1), changed(clips(2, 3), 1))
    assert len({float(changed(clips(2, 3), seed).sum()) for seed in range(10)}) == 10


def test_all_frames_of_a_clip_are_changed_alike_so_that_stillness_stays_still() -> None:
    still = clips(2, 1).expand(2, 6, -1, -1, -1)
    for seed in range(5):
        made = changed(still, seed)
        assert torch.equal(made, made[:, :1].expand_as(made))


def test_with_everything_off_nothing_changes() -> None:
    for seed in range(5):
        torch.testing.assert_close(changed(clips(2, 3), seed, PLAIN) * 255, clips(2, 3).float())


def test_half_of_the_batches_are_mirrored_and_a_mirrored_clip_is_the_mirror_image() -> None:
    draws = [Augmentation().draw(2, seeded(seed)).mirrored for seed in range(100)]
    assert 30 < sum(draws) < 70
    mirror = Augmentation(zoom=1, contrast=0, brightness=0, mirror=1)
    torch.testing.assert_close(changed(clips(2, 3), 0, mirror) * 255, clips(2, 3).flip(-1).float())


def test_a_part_of_the_batch_is_changed_as_in_the_whole() -> None:
    given, change = clips(4, 2), Augmentation().draw(4, seeded(3))
    torch.testing.assert_close(change.part_of(slice(1, 3)).apply(given[1:3]), change.apply(given)[1:3])


def test_zoom_enlarges_a_part() -> None:
    ramp = torch.linspace(50, 200, 40).round().to(torch.uint8).expand(1, 1, 3, 40, 40)
    zoom = Augmentation(zoom=0.5, contrast=0, brightness=0)
    parts = [changed(ramp, seed, zoom) * 255 for seed in range(30)]
    spans = [float(part.max() - part.min()) for part in parts]
    assert 65 < min(spans) < 100
    assert 140 < max(spans) <= 150
    assert len({float(part.mean()) for part in parts}) > 20  # cut out of different places


def test_contrast_and_brightness_worked_out_by_hand() -> None:
    """Around mid-gray: 0.5 + 0.8 (x - 0.5) + 0.1."""
    change = Change(1.0, 0.0, 0.0, False, torch.tensor([0.8, 1.0]), torch.tensor([0.1, 0.0]))
    given = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(2, 1, 3, 1, 3)
    made = change.apply(given)
    assert made[0, 0, 0, 0].tolist() == pytest.approx([0.2, 0.36, 1.0])
    assert made[1, 0, 0, 0].tolist() == pytest.approx([0.0, 0.2, 1.0])


def test_contrast_and_brightness_stay_within_their_bounds() -> None:
    draws = [Augmentation(contrast=0.4, brightness=0.15).draw(8, seeded(seed)) for seed in range(30)]
    factors, shifts = torch.cat([one.factors for one in draws]), torch.cat([one.shifts for one in draws])
    assert 0.6 - 1e-6 <= float(factors.min()) < 0.65
    assert 1.15 < float(factors.max()) <= 1.2 + 1e-6
    assert -0.15 - 1e-6 <= float(shifts.min()) < -0.13
    assert 0.13 < float(shifts.max()) <= 0.15 + 1e-6
    assert len(draws[0].factors.unique()) == 8  # each clip has its own
