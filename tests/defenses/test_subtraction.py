import pytest
import torch
from torch import Tensor

from defenses import Clip
from defenses.chain import Chain
from defenses.compression import Jpeg
from defenses.fitting import fit_defense, fittable_part
from defenses.residuals import bounded_residuals, estimate_pattern, evidence_indices
from defenses.straight_through import StraightThrough
from defenses.subtraction import PerturbationSubtraction
from defenses.testing.videos import make_noise_video

SIDE = 32


def make_scenes(count: int, frames: int = 24) -> list[Tensor]:
    """Scenes of soft blobs, no two alike, with a little noise that is new in every frame."""
    scenes = []
    for seed in range(count):
        generator = torch.Generator().manual_seed(100 + seed)
        coarse = torch.rand(1, 3, 5, 5, generator=generator)
        scene = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear", align_corners=False)
        noise = torch.randn(frames, 3, SIDE, SIDE, generator=generator) * 2 / 255
        scenes.append((0.2 + 0.6 * scene + noise).clamp(0, 1))
    return scenes


def make_signs(period: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randint(0, 2, (period, 3, SIDE, SIDE), generator=generator) * 2 - 1) * 8 / 255


def perturbed(scene: Tensor, pattern: Tensor) -> Tensor:
    return (scene + pattern[torch.arange(len(scene)) % len(pattern)]).clamp(0, 1)


def fitted(videos: list[Tensor], period: int) -> PerturbationSubtraction:
    defense = PerturbationSubtraction(period, side=SIDE)
    evidence = []
    for video in videos:
        numbers = defense.evidence_indices(len(video))
        evidence.append(defense.evidence(Clip(video[numbers], numbers, len(video))))
    return defense.fitted(evidence)


@pytest.mark.parametrize("period", [1, 4])
def test_a_pattern_that_many_videos_share_is_found_and_taken_off(period: int) -> None:
    scenes, pattern = make_scenes(25), make_signs(period)
    videos = [perturbed(scene, pattern) for scene in scenes]
    defense = fitted(videos[1:], period)
    before = (videos[0] - scenes[0]).square().mean()
    after = (defense(videos[0]) - scenes[0]).square().mean()
    assert float(after) < 0.2 * float(before)


def test_on_clean_videos_next_to_nothing_is_taken_off() -> None:
    scenes = make_scenes(25)
    change = fitted(scenes[1:], 4)(scenes[0]) - scenes[0]
    assert float(change.abs().mean()) < 0.6 / 255


def test_more_videos_give_a_better_estimate() -> None:
    scenes, pattern = make_scenes(33), make_signs(4)
    errors = []
    for count in (2, 8, 32):
        defense = fitted([perturbed(scene, pattern) for scene in scenes[1 : count + 1]], 4)
        errors.append(float((defense(perturbed(scenes[0], pattern)) - scenes[0]).square().mean()))
    assert errors[0] > errors[1] > errors[2]


def test_a_smooth_pattern_that_never_changes_is_not_seen() -> None:
    """What the null space says."""
    scenes = make_scenes(25)
    smooth = torch.linspace(-8 / 255, 8 / 255, SIDE).expand(1, 3, SIDE, SIDE)
    videos = [perturbed(scene, smooth) for scene in scenes]
    left = (fitted(videos[1:], 4)(videos[0]) - scenes[0]).square().mean()
    assert float(left) > 0.7 * float((videos[0] - scenes[0]).square().mean())


def test_the_evidence_is_bounded_and_has_a_gradient() -> None:
    video = make_noise_video(9, 40, 50).requires_grad_()
    evidence = bounded_residuals(Clip.whole(video), 4, SIDE)
    assert evidence.shape == (4, 3, SIDE, SIDE)
    assert float(evidence.detach().abs().max()) == pytest.approx(16 / 255)
    (gradient,) = torch.autograd.grad(evidence.square().sum(), video)
    assert bool(gradient.isfinite().all())
    assert float(gradient.abs().sum()) > 0


@pytest.mark.parametrize(("period", "slots"), [(4, 4), (4, 6), (3, 1)])
def test_the_traces_of_a_video_with_a_pattern_are_its_own_and_those_of_the_pattern(period: int, slots: int) -> None:
    defense = PerturbationSubtraction(period, side=SIDE)
    pattern = make_signs(slots)
    for video in (make_noise_video(3, SIDE, SIDE), make_noise_video(30, SIDE, SIDE)):
        numbers = defense.evidence_indices(len(video))
        carried = numbers % slots
        together = defense.residuals(Clip(video[numbers] + pattern[carried], numbers, len(video)))
        apart = defense.residuals(Clip(video[numbers], numbers, len(video))) + defense.pattern_residuals(
            pattern, defense.slot_counts(numbers, carried, slots)
        )
        assert torch.allclose(together, apart, atol=1e-6)
        assert float((together - defense.residuals(Clip(video[numbers], numbers, len(video)))).abs().max()) > 1 / 255


def test_the_part_to_be_fitted_is_found_and_fitted_behind_the_identitys_gradient() -> None:
    part = PerturbationSubtraction(2, side=SIDE)
    evidence = [part.evidence(Clip.whole(video[:8])) for video in make_scenes(3)]
    for defense in (StraightThrough(part), StraightThrough(Chain((part, Jpeg(75))))):
        assert fittable_part(defense) == part
        video = make_noise_video(8, SIDE, SIDE)
        assert torch.equal(fit_defense(defense, evidence)(video), fit_defense(defense.defense, evidence)(video))


@pytest.mark.parametrize(("frame_count", "period"), [(1, 4), (3, 4), (24, 4), (300, 12), (40, 1)])
def test_runs_of_neighbors_are_watched_all_over_the_video(frame_count: int, period: int) -> None:
    numbers = evidence_indices(frame_count, period)
    assert numbers.tolist() == sorted(set(numbers.tolist()))
    assert int(numbers[0]) >= 0
    assert int(numbers[-1]) < frame_count
    if frame_count >= 8 * period:
        assert len(numbers) == 8 * period


def test_slots_that_no_frame_has_say_nothing() -> None:
    evidence = bounded_residuals(Clip.whole(make_noise_video(2, SIDE, SIDE)), 4, SIDE)
    assert float(evidence[:2].abs().sum()) > 0
    assert float(evidence[2:].abs().sum()) == 0


def test_without_an_estimate_or_from_one_video_there_is_no_subtraction() -> None:
    with pytest.raises(ValueError, match="has no estimate yet"):
        PerturbationSubtraction()(make_noise_video(3))
    with pytest.raises(ValueError, match="1 videos were given"):
        estimate_pattern([torch.zeros(1, 3, 4, 4)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"period": 0}, "period is 0"), ({"strength": 0.0}, "strength is 0.0"), ({"side": 8}, "side is 8")],
)
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PerturbationSubtraction(**settings)  # type: ignore[arg-type]  # wrong on purpose
