"""Float frames are filtered a few at a time, with the bits and gradients of all at once."""

import pytest
import torch

from defenses import DEFENSES, Clip
from defenses import pixels as pixels_module
from defenses.pixels import frames_at_a_time
from defenses.testing.videos import make_noise_video

FILTERS = [
    "temporal-mean", "temporal-gaussian", "temporal-median", "temporal-interpolation", "temporal-resample",
    "spatial-median", "spatial-gaussian", "bilateral", "total-variation", "spatial-resample", "resize-pad", "jpeg",
]  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
def test_a_few_frames_at_a_time_give_the_bits_of_all_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    defense, found = DEFENSES[name](), []
    for at_a_time in (1, 2, 100):
        monkeypatch.setattr(pixels_module, "CACHED_BYTES", at_a_time * 3 * 18 * 23 * 4)
        video = make_noise_video(7).requires_grad_()
        with torch.no_grad():
            plain = defense(video)
        defended = defense.defend(Clip.whole(video), torch.tensor([6, 0, 3, 3, 5]))
        (gradient,) = torch.autograd.grad((defended * make_noise_video(5, seed=3)).sum(), video)
        found.append((plain, defended.detach(), gradient))
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


def test_memory_of_a_filter_at_work_does_not_grow_with_the_length_of_a_clip() -> None:
    assert frames_at_a_time(torch.empty(500, 3, 720, 1280, device="meta")) == 500  # not on a processor
    assert frames_at_a_time(torch.empty(3, 3, 720, 1280)) == 1
    assert frames_at_a_time(torch.empty(3, 3, 240, 320)) == 4
