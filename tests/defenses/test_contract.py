"""What every registered defense promises, and law 2."""

from dataclasses import FrozenInstanceError, fields

import pytest
import torch
from torch import Tensor

from defenses import DEFENSES, Defense
from defenses.compression import Jpeg
from defenses.resampling import SpatialResample, TemporalResample
from defenses.temporal import TemporalMean, TemporalMedian
from tests.defenses.videos import defend_all, make_fine_noise, make_smooth_video, make_video

STRONGER: dict[str, list[Defense]] = {
    "temporal-mean": [TemporalMean(window=5), TemporalMean(window=9)],
    "temporal-median": [TemporalMedian(window=5), TemporalMedian(window=9)],
    "jpeg": [Jpeg(quality=60), Jpeg(quality=40)],
    "spatial-resample": [SpatialResample(scale=0.37), SpatialResample(scale=0.2)],
    "temporal-resample": [TemporalResample(keep=3), TemporalResample(keep=8)],
}
"""For each name, settings that take more away than the default does, in rising order."""

EVERY_SETTING = [
    pytest.param(defense, id=f"{name}-{place}")
    for name, kind in DEFENSES.items()
    for place, defense in enumerate([kind(), *STRONGER[name]])
]
EXACT_SETTINGS = [setting for setting in EVERY_SETTING if DEFENSES[str(setting.id)[:-2]].differentiable]

INDEX_SETS = {
    1: [[0], [0, 0, 0]],
    2: [[1], [1, 0], [0, 1, 1, 0]],
    5: [[2], [4, 0], [3, 3, 1], [0, 1, 2, 3, 4]],
    40: [
        [0],
        [39],
        [38, 1, 20, 1],
        [5, 6, 7, 8],
        [39, 0, 13, 26, 13],
        list(range(0, 40, 4)),
        list(range(40)),
    ],
}
SAMPLES = [
    pytest.param(frame_count, indices, id=f"{frame_count}-{'.'.join(map(str, indices[:6]))}")
    for frame_count, index_sets in INDEX_SETS.items()
    for indices in index_sets
]

every_setting = pytest.mark.parametrize("defense", EVERY_SETTING)
every_default = pytest.mark.parametrize("name", DEFENSES)


@every_setting
@pytest.mark.parametrize(("frame_count", "indices"), SAMPLES)
def test_defending_the_needed_frames_equals_sampling_the_defended_video(
    defense: Defense, frame_count: int, indices: list[int]
) -> None:
    video, wanted = make_video(frame_count), torch.tensor(indices)
    needed = defense.needs(wanted, frame_count)
    short_way = defense.defend(video[needed], needed, wanted, frame_count)
    assert torch.equal(short_way, defend_all(defense, video)[wanted])


@every_setting
def test_frames_that_are_not_needed_change_nothing(defense: Defense) -> None:
    wanted = torch.tensor([17, 4, 17])
    needed = defense.needs(wanted, 40)
    have = torch.tensor(sorted({*needed.tolist(), 0, 8, 25, 39}))
    video = make_video(40)
    assert torch.equal(defense.defend(video[have], have, wanted, 40), defense.defend(video[needed], needed, wanted, 40))


@every_setting
@pytest.mark.parametrize(("frame_count", "indices"), SAMPLES)
def test_needs_are_sorted_unique_frame_numbers_of_the_video(
    defense: Defense, frame_count: int, indices: list[int]
) -> None:
    needed = defense.needs(torch.tensor(indices), frame_count)
    assert needed.dtype == torch.int64
    assert needed.tolist() == sorted(set(needed.tolist()))
    assert needed[0] >= 0
    assert needed[-1] < frame_count


@every_setting
@pytest.mark.parametrize("frame_count", [1, 2, 5, 40])
@pytest.mark.parametrize("size", [(18, 23), (1, 1), (1, 9), (16, 16)])
def test_shape_type_and_range_are_kept_and_the_input_is_untouched(
    defense: Defense, frame_count: int, size: tuple[int, int]
) -> None:
    video = make_video(frame_count, *size)
    before = video.clone()
    defended = defend_all(defense, video)
    assert defended.shape == video.shape
    assert defended.dtype == torch.float32
    assert defended.min() >= 0
    assert defended.max() <= 1
    assert torch.equal(video, before)


@every_setting
def test_the_result_does_not_share_memory_with_the_input(defense: Defense) -> None:
    video = make_video(5)
    before = video.clone()
    defend_all(defense, video).zero_()
    assert torch.equal(video, before)


@every_setting
def test_black_and_white_videos_stay_in_range_and_almost_as_they_are(defense: Defense) -> None:
    for level in (0.0, 1.0):
        video = torch.full((5, 3, 37, 53), level)
        defended = defend_all(defense, video)
        assert defended.min() >= 0
        assert defended.max() <= 1
        torch.testing.assert_close(defended, video, rtol=0, atol=3 / 255)


@every_setting
def test_a_deterministic_defense_gives_the_same_result_twice(defense: Defense) -> None:
    assert defense.deterministic
    video = make_video(7)
    assert torch.equal(defend_all(defense, video), defend_all(defense, video))


@every_default
def test_the_number_of_threads_does_not_change_the_result(name: str) -> None:
    defense, video = DEFENSES[name](), make_video(6, 120, 160)
    with_one_thread = defend_all(defense, video)
    torch.set_num_threads(2)
    try:
        assert torch.equal(defend_all(defense, video), with_one_thread)
    finally:
        torch.set_num_threads(1)


@every_setting
def test_the_gradient_is_finite_and_reaches_every_wanted_frame(defense: Defense) -> None:
    video = make_video(6).requires_grad_()
    defended = defend_all(defense, video)
    for frame in defended:
        (gradient,) = torch.autograd.grad(frame.square().sum(), video, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


@every_setting
def test_saturated_and_still_videos_have_a_gradient(defense: Defense) -> None:
    video = torch.ones(5, 3, 37, 53, requires_grad=True)
    (gradient,) = torch.autograd.grad(defend_all(defense, video).sum(), video)
    assert gradient.sum().item() == pytest.approx(video.numel(), rel=1e-4)


@pytest.mark.parametrize("defense", EXACT_SETTINGS)
def test_an_exact_gradient_agrees_with_finite_differences(defense: Defense) -> None:
    generator = torch.Generator().manual_seed(3)
    video = torch.rand(5, 3, 3, 4, generator=generator, dtype=torch.float64).mul(0.8).add(0.1)
    have, wanted = torch.arange(5), torch.tensor([4, 0, 2, 2])
    assert torch.autograd.gradcheck(lambda frames: defense.defend(frames, have, wanted, 5), video.requires_grad_())


def what_is_left(defense: Defense, pattern: Tensor) -> float:
    """The share of a pattern's energy that passes the defense on a smooth video."""
    video = make_smooth_video(len(pattern))
    passed = defend_all(defense, video + pattern) - defend_all(defense, video)
    return float(passed.square().sum() / pattern.square().sum())


@every_default
def test_fine_noise_is_weakened_and_more_so_by_stronger_settings(name: str) -> None:
    noise = make_fine_noise(25)
    left = [what_is_left(defense, noise) for defense in (DEFENSES[name](), *STRONGER[name])]
    assert 0.8 > left[0] > left[1] > left[2]


@every_default
def test_a_gray_offset_that_never_changes_passes(name: str) -> None:
    offset = torch.full((24, 3, 32, 48), 16 / 255)
    assert what_is_left(DEFENSES[name](), offset) == pytest.approx(1, abs=0.02)


@every_default
def test_every_defense_states_its_null_space_in_a_sentence(name: str) -> None:
    sentence = DEFENSES[name].null_space
    assert sentence.startswith("A pattern")
    assert sentence.endswith(".")


@every_default
def test_settings_have_defaults_and_cannot_be_changed(name: str) -> None:
    defense = DEFENSES[name]()
    (setting,) = fields(defense)  # type: ignore[arg-type]  # every defense is a dataclass
    with pytest.raises(FrozenInstanceError):
        setattr(defense, setting.name, 5)


@every_default
@pytest.mark.parametrize("indices", [[0, 5], [-1, 2]])
def test_a_frame_that_the_video_does_not_have_is_refused(name: str, indices: list[int]) -> None:
    defense, wanted = DEFENSES[name](), torch.tensor(indices)
    with pytest.raises(ValueError, match="the video has 5 frames; use numbers of at least 0 and below 5"):
        defense.needs(wanted, 5)
    with pytest.raises(ValueError, match="the video has 5 frames"):
        defense.defend(make_video(5), torch.arange(5), wanted, 5)


@every_default
def test_a_needed_frame_that_was_not_given_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"frame \d is needed but is not among the 2 frames given"):
        DEFENSES[name]().defend(make_video(2), torch.tensor([1, 2]), torch.tensor([4]), 5)


@every_default
def test_frames_without_numbers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="4 frames were given with 3 frame numbers"):
        DEFENSES[name]().defend(make_video(4), torch.arange(3), torch.tensor([1]), 4)


@every_default
def test_no_frames_wanted_gives_no_frames(name: str) -> None:
    nothing = torch.empty(0, dtype=torch.int64)
    defense = DEFENSES[name]()
    assert defense.needs(nothing, 5).shape == (0,)
    assert defense.defend(make_video(5), torch.arange(5), nothing, 5).shape == (0, 3, 18, 23)
