"""What every registered defense promises, and law 2."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest
import torch
from torch import Tensor

from defenses import DEFENSES, Chain, Clip, Defense
from defenses.compression import H264, H265, Av1, Jpeg, Vp9
from defenses.randomized import Barrage, RandomNoise, ResizePad
from defenses.reordering import TemporalDrop, TemporalFreeze, TemporalInterpolation, TemporalShuffle
from defenses.resampling import FrameRate, SpatialResample, TemporalResample
from defenses.spatial import Bilateral, BitDepth, SpatialGaussian, SpatialMedian, TotalVariation
from defenses.straight_through import StraightThrough
from defenses.subtraction import PerturbationSubtraction
from defenses.temporal import TemporalGaussian, TemporalMean, TemporalMedian
from tests.defenses.videos import defend_all, make_fine_noise, make_smooth_video, make_video


def make_pattern(period: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(period, 3, 16, 16, generator=generator) * 4 / 255


def ready(defense: Defense) -> Defense:
    """The defense, able to work: subtraction gets an estimate."""
    if isinstance(defense, PerturbationSubtraction):
        return replace(defense, pattern=make_pattern(defense.period))
    return replace(defense, seed=7) if isinstance(defense, ResizePad) else defense  # seed 0 hardly moves small frames


STRONGER: dict[str, list[Defense]] = {
    "temporal-mean": [TemporalMean(window=5), TemporalMean(window=9)],
    "temporal-gaussian": [TemporalGaussian(sigma=1.5), TemporalGaussian(sigma=3)],
    "temporal-median": [TemporalMedian(window=5), TemporalMedian(window=9)],
    "temporal-resample": [TemporalResample(keep=3), TemporalResample(keep=8)],
    "jpeg": [Jpeg(quality=60), Jpeg(quality=40)],
    "h264": [H264(crf=32), H264(crf=37)],
    "h265": [H265(crf=32), H265(crf=37)],
    "vp9": [Vp9(crf=45), Vp9(crf=58)],
    "av1": [Av1(crf=48), Av1(crf=60)],
    "spatial-median": [SpatialMedian(window=5), SpatialMedian(window=7)],
    "spatial-gaussian": [SpatialGaussian(sigma=1.5), SpatialGaussian(sigma=2.5)],
    "bilateral": [Bilateral(tone=0.15), Bilateral(window=7, tone=0.4)],
    "spatial-resample": [SpatialResample(scale=0.37), SpatialResample(scale=0.2)],
    "total-variation": [TotalVariation(weight=0.08), TotalVariation(weight=0.2)],
}
"""Defenses that weaken fine noise: settings that take more away than the default does, in rising order."""

OTHERS: dict[str, list[Defense]] = {
    "temporal-shuffle": [TemporalShuffle(block=7, seed=5)],
    "temporal-drop": [TemporalDrop(share=0.7, seed=5)],
    "temporal-freeze": [TemporalFreeze(share=0.7, seed=5)],
    "temporal-interpolation": [TemporalInterpolation(distance=3)],
    "frame-rate": [FrameRate(keep=5)],
    "bit-depth": [BitDepth(bits=2)],
    "resize-pad": [ResizePad(smallest=0.6, seed=5)],
    "random-noise": [RandomNoise(sigma=0.02, seed=5)],
    "barrage": [Barrage(count=6, seed=5), Barrage(count=10, seed=6)],
    "perturbation-subtraction": [PerturbationSubtraction(period=1, strength=0.5, pattern=make_pattern(1))],
}
"""Defenses that disturb in another way, with other settings than the default."""

CHAINS: dict[str, Defense] = {
    "chain-itself": Chain((Jpeg(50), SpatialMedian())),
    "chain-neighbors": Chain((TemporalMean(5), TemporalShuffle(4, seed=2), TemporalMedian(3))),
    "chain-stretch": Chain((TemporalInterpolation(2), H264(30, 7), TemporalDrop(0.3, seed=8), RandomNoise(seed=3))),
    "h264-short": H264(stretch=9),
    "h265-short": H265(stretch=9),
    "straight-through": StraightThrough(Chain((TemporalDrop(0.5, seed=3), BitDepth(3)))),
}


def default(name: str) -> Defense:
    return ready(DEFENSES[name]())


EVERY: dict[str, Defense] = {
    f"{name}-{place}": defense
    for name in DEFENSES
    for place, defense in enumerate([default(name), *(STRONGER | OTHERS)[name]])
} | CHAINS
EVERY_SETTING = [pytest.param(defense, id=name) for name, defense in EVERY.items()]
EXACT_SETTINGS = [pytest.param(defense, id=name) for name, defense in EVERY.items() if defense.differentiable]

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
every_random = pytest.mark.parametrize("name", [name for name in DEFENSES if not default(name).deterministic])


@every_setting
@pytest.mark.parametrize(("frame_count", "indices"), SAMPLES)
def test_defending_the_needed_frames_equals_sampling_the_defended_video(
    defense: Defense, frame_count: int, indices: list[int]
) -> None:
    video, wanted = make_video(frame_count), torch.tensor(indices)
    needed = defense.needs(wanted, frame_count)
    short_way = defense.defend(Clip(video[needed], needed, frame_count), wanted)
    assert torch.equal(short_way, defend_all(defense, video)[wanted])


@every_setting
def test_frames_that_are_not_needed_change_nothing(defense: Defense) -> None:
    wanted = torch.tensor([17, 4, 17])
    needed = defense.needs(wanted, 40)
    have = torch.tensor(sorted({*needed.tolist(), 0, 8, 25, 39}))
    video = make_video(40)
    assert torch.equal(
        defense.defend(Clip(video[have], have, 40), wanted), defense.defend(Clip(video[needed], needed, 40), wanted)
    )


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


CODECS = ("h264", "h265", "vp9", "av1")
CHANGES_FLAT_VIDEOS = ("resize-pad", "random-noise", "barrage", "perturbation-subtraction", "chain-stretch")


@every_setting
def test_black_and_white_videos_stay_in_range_and_almost_as_they_are(
    defense: Defense, request: pytest.FixtureRequest
) -> None:
    for level in (0.0, 1.0):
        video = torch.full((5, 3, 37, 53), level)
        defended = defend_all(defense, video)
        assert defended.min() >= 0
        assert defended.max() <= 1
        if not any(f"[{name}" in request.node.name for name in CHANGES_FLAT_VIDEOS):
            levels = 8 if any(f"[{name}" in request.node.name for name in CODECS) else 3
            torch.testing.assert_close(defended, video, rtol=0, atol=levels / 255)


@every_setting
def test_every_defense_and_every_draw_of_one_gives_the_same_result_twice(defense: Defense) -> None:
    video = make_video(7)
    assert torch.equal(defend_all(defense, video), defend_all(defense, video))


@every_random
def test_a_random_defense_draws_anew_and_the_generator_decides_what(name: str) -> None:
    video = make_video(12)
    draws = [default(name).draw(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2, 3)]
    results = [defend_all(draw, video) for draw in draws]
    assert draws[0] == draws[1]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert not torch.equal(results[2], results[3])


@every_default
def test_a_deterministic_defense_has_nothing_to_draw(name: str) -> None:
    defense = default(name)
    assert defense.deterministic == (defense.draw(torch.Generator().manual_seed(1)) is defense)


@every_default
def test_the_number_of_threads_does_not_change_the_result(name: str) -> None:
    defense, video = default(name), make_video(6, 120, 160)
    with_one_thread = defend_all(defense, video)
    torch.set_num_threads(2)
    try:
        assert torch.equal(defend_all(defense, video), with_one_thread)
    finally:
        torch.set_num_threads(1)


@every_setting
def test_the_gradient_is_finite_and_there_is_one_for_every_wanted_frame(defense: Defense) -> None:
    video = make_video(6).requires_grad_()
    defended = defend_all(defense, video)
    for frame in defended:
        (gradient,) = torch.autograd.grad(frame.square().sum(), video, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


@every_setting
def test_asking_for_a_gradient_does_not_change_the_values(defense: Defense) -> None:
    video = make_video(6)
    assert torch.equal(defend_all(defense, video.clone().requires_grad_()).detach(), defend_all(defense, video))


KEEPS_THE_SUM_OF_GRADIENTS = [one for one in EVERY_SETTING if not str(one.id).startswith(("resize-pad", "barrage"))]


@pytest.mark.parametrize("defense", KEEPS_THE_SUM_OF_GRADIENTS)
def test_saturated_and_still_videos_have_a_gradient(defense: Defense) -> None:
    video = torch.ones(5, 3, 37, 53, requires_grad=True)
    (gradient,) = torch.autograd.grad(defend_all(defense, video).sum(), video)
    assert gradient.sum().item() == pytest.approx(video.numel(), rel=2e-4)


@every_default
def test_the_identitys_gradient_can_be_put_in_front_of_any_defense(name: str) -> None:
    defense = StraightThrough(default(name))
    video, weights, wanted = make_video(9).requires_grad_(), make_video(3, seed=4), torch.tensor([7, 0, 7])
    needed = defense.needs(wanted, 9)
    defended = defense.defend(Clip(video[needed], needed, 9), wanted)
    assert torch.equal(defended.detach(), defend_all(default(name), video.detach())[wanted])
    (gradient,) = torch.autograd.grad((defended * weights).sum(), video)
    expected = torch.zeros_like(video)
    expected[7], expected[0] = weights[0] + weights[2], weights[1]
    torch.testing.assert_close(gradient, expected)


@every_default
def test_the_declared_gradient_is_the_one_that_autograd_gives(name: str) -> None:
    """Straight-through ones give the identity's, the others do not."""
    video, weights = make_video(8).requires_grad_(), make_video(8, seed=4)
    (gradient,) = torch.autograd.grad((defend_all(default(name), video) * weights).sum(), video)
    is_identity = torch.allclose(gradient, weights, atol=1e-6)
    hides_in_plain_sight = name in ("random-noise", "perturbation-subtraction")  # their true gradient is the identity
    assert is_identity == (name == "bit-depth" or hides_in_plain_sight)


@pytest.mark.parametrize("defense", EXACT_SETTINGS)
def test_an_exact_gradient_agrees_with_finite_differences(defense: Defense) -> None:
    generator = torch.Generator().manual_seed(3)
    video = torch.rand(5, 3, 3, 4, generator=generator, dtype=torch.float64).mul(0.8).add(0.1)
    have, wanted = torch.arange(5), torch.tensor([4, 0, 2, 2])
    assert torch.autograd.gradcheck(
        lambda frames: defense.defend(Clip(frames, have, 5), wanted), video.requires_grad_()
    )


def what_is_left(defense: Defense, pattern: Tensor) -> float:
    """The share of a pattern's energy that passes the defense on a smooth video."""
    video = make_smooth_video(len(pattern))
    passed = defend_all(defense, video + pattern) - defend_all(defense, video)
    return float(passed.square().sum() / pattern.square().sum())


def what_survives(defense: Defense, pattern: Tensor) -> float:
    """How much of the pattern is in what passes: its own errors, which a codec makes more of, are not counted."""
    video = make_smooth_video(len(pattern))
    passed = defend_all(defense, video + pattern) - defend_all(defense, video)
    return float((passed * pattern).sum() / pattern.square().sum())


@pytest.mark.parametrize("name", STRONGER)
def test_fine_noise_is_weakened_and_more_so_by_stronger_settings(name: str) -> None:
    noise = make_fine_noise(25)
    left = [what_survives(defense, noise) for defense in (default(name), *STRONGER[name])]
    assert 0.8 > left[0] > left[1] > left[2]


@every_default
def test_a_gray_offset_that_never_changes_passes(name: str) -> None:
    offset = torch.full((24, 3, 32, 48), 16 / 255)
    loose = {"resize-pad": 0.25, "barrage": 0.3, "bit-depth": 0.2, "random-noise": 0.05, "av1": 0.1}
    assert what_is_left(default(name), offset) == pytest.approx(1, abs=loose.get(name, 0.03))


def what_is_left_of_its_shape(defense: Defense, pattern: Tensor) -> float:
    """Of the pattern as it was: 1 if the defended video differs by just the pattern, 0 if by something else."""
    video = make_smooth_video(len(pattern))
    passed = defend_all(defense, video + pattern) - defend_all(defense, video)
    return 1 - float((passed - pattern).square().sum() / pattern.square().sum())


DECLARES_FOR_ALL = [name for name in DEFENSES if name not in ("perturbation-subtraction", "barrage")]
"""A fixed estimate lets everything pass: what counts is what it is fitted on. One draw of ten kinds proves nothing."""


@pytest.mark.parametrize("name", DECLARES_FOR_ALL)
def test_a_fine_pattern_that_never_changes_passes_as_declared(name: str) -> None:
    pattern = make_fine_noise(1).expand(24, -1, -1, -1)
    left = what_is_left_of_its_shape(default(name), pattern)
    assert default(name).passes_constant_in_time == (left > 0.95), left


@pytest.mark.parametrize("name", DECLARES_FOR_ALL)
def test_a_smooth_pattern_that_flickers_passes_as_declared(name: str) -> None:
    down, across = torch.meshgrid(torch.arange(32), torch.arange(48), indexing="ij")
    smooth = 16 / 255 * torch.cos(torch.pi * down / 32) * torch.cos(torch.pi * across / 48)
    signs = torch.tensor([1, -1, -1, 1, 1, 1, -1, 1, -1, -1, -1, 1] * 2).view(-1, 1, 1, 1)
    left = what_is_left_of_its_shape(default(name), (smooth * signs).expand(24, 3, 32, 48))
    assert default(name).passes_low_frequencies == (left > 0.7), left


@every_default
def test_every_defense_states_its_null_space_in_a_sentence(name: str) -> None:
    sentence = default(name).null_space
    assert sentence.startswith("A pattern")
    assert sentence.endswith(".")


@every_default
def test_settings_have_defaults_and_cannot_be_changed(name: str) -> None:
    defense = default(name)
    for setting in fields(defense):  # type: ignore[arg-type]  # every defense is a dataclass
        with pytest.raises(FrozenInstanceError):
            setattr(defense, setting.name, 5)


@every_default
@pytest.mark.parametrize("indices", [[0, 5], [-1, 2]])
def test_a_frame_that_the_video_does_not_have_is_refused(name: str, indices: list[int]) -> None:
    defense, wanted = default(name), torch.tensor(indices)
    with pytest.raises(ValueError, match="the video has 5 frames; use indices of at least 0 and below 5"):
        defense.needs(wanted, 5)
    with pytest.raises(ValueError, match="the video has 5 frames"):
        defense.defend(Clip.whole(make_video(5)), wanted)


@every_default
def test_a_needed_frame_that_was_not_given_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"frame \d+ is needed but is not among the 2 frames given"):
        default(name).defend(Clip(make_video(2), torch.tensor([1, 2]), 40), torch.tensor([39]))


def test_frames_without_indices_are_refused() -> None:
    with pytest.raises(ValueError, match="4 frames were given with 3 frame indices"):
        Clip(make_video(4), torch.arange(3), 4)


@every_default
def test_no_frames_wanted_gives_no_frames(name: str) -> None:
    nothing = torch.empty(0, dtype=torch.int64)
    defense = default(name)
    assert defense.needs(nothing, 5).shape == (0,)
    assert defense.defend(Clip.whole(make_video(5)), nothing).shape == (0, 3, 18, 23)
