"""What every defense and every detector promises, as checks that any package can run on its own.

    from defenses.testing import check_defense, check_detector

    def test_my_defense_keeps_what_every_defense_promises() -> None:
        check_defense(MyDefense())

Each check raises an AssertionError with a sentence. They take tiny videos that they make themselves, and no files. A
random defense is checked at a few draws. A defense that is fitted on a set of videos is fitted on tiny ones first.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from statistics import fmean

import torch
from torch import Generator, Tensor

from defenses.base import Defense
from defenses.clip import Clip
from defenses.detectors.base import Detector
from defenses.detectors.reading import TensorReader
from defenses.fitting import fit_defense, fittable_part

INDEX_SETS: dict[int, list[list[int]]] = {
    1: [[0], [0, 0, 0]],
    2: [[1], [1, 0], [0, 1, 1, 0]],
    5: [[2], [4, 0], [3, 3, 1]],
    40: [[39], [38, 1, 20, 1], [5, 6, 7, 8], list(range(0, 40, 4))],
}
"""Frames that a sampler could ask for, by the video's length: ends, repeats, any order, neighbors, far ones."""

FINE_SHARE = 0.95
"""A pattern that is the same in every frame passes if at least this share of it comes out in its place."""
SMOOTH_SHARE = 0.7
"""The same for a smooth pattern that flickers."""
DRAWS = 4


def check_defense(defense: Defense) -> None:
    """Check every promise of a defense.

    Raises:
        AssertionError: about the first one that does not hold.
    """
    for check in DEFENSE_CHECKS:
        check(defense)


def check_detector(detector: Detector) -> None:
    """Check every promise of a detector.

    Raises:
        AssertionError: about the first one that does not hold.
    """
    for check in DETECTOR_CHECKS:
        check(detector)


# Defenses


def check_declarations(defense: Defense) -> None:
    """A frozen dataclass that says in a sentence what passes, and whether anything is drawn."""
    _require(is_dataclass(defense), "a defense is a frozen dataclass whose fields are its settings")
    for setting in fields(defense):  # type: ignore[arg-type]  # it is a dataclass, see above
        try:
            setattr(defense, setting.name, getattr(defense, setting.name))
        except AttributeError:
            continue
        _require(False, f"the setting {setting.name} can be changed; the dataclass must be frozen")
    sentence = defense.null_space
    _require(sentence.startswith("A pattern"), f"null_space must say which pattern passes: 'A pattern …'; {sentence!r}")
    _require(sentence.endswith("."), f"null_space must be a sentence; it is {sentence!r}")
    drawn = defense.draw(_seeded(1))
    _require(
        defense.deterministic == (drawn is defense),
        "draw() of a deterministic defense gives the defense itself, that of a random one gives a copy",
    )
    _require(defense.differentiable == (defense.gradient == "true"), "differentiable follows from the gradient")


def check_partial_defense(defense: Defense) -> None:
    """Law 2: defending just the needed frames equals sampling the defended video, exactly."""
    defense = fit_on_tiny_videos(defense)
    for video_length, index_sets in INDEX_SETS.items():
        video = make_noise_video(video_length)
        whole = defense(video)
        _check_range(whole)
        for indices in map(torch.tensor, index_sets):
            needed = defense.needs(indices, video_length)
            _check_needed(needed, video_length)
            part = defense.defend(Clip(video[needed], needed, video_length), indices)
            _require(
                torch.equal(part, whole[indices]),
                f"frames {indices.tolist()} of {video_length}, from the needed frames, differ from the whole way",
            )
        indices = torch.tensor(index_sets[0])
        more = torch.cat([defense.needs(indices, video_length), torch.tensor([0, video_length - 1])]).unique()
        _require(
            torch.equal(defense.defend(Clip(video[more], more, video_length), indices), whole[indices]),
            f"frames {indices.tolist()} of {video_length} change when frames are given that are not needed",
        )


def check_shape_and_range(defense: Defense) -> None:
    """Shape, type and range are kept; the input is untouched and shares no memory with the result."""
    defense = fit_on_tiny_videos(defense)
    for size in ((18, 23), (1, 1), (1, 9), (16, 16)):
        for video_length in (1, 2, 5):
            video = make_noise_video(video_length, *size)
            before = video.clone()
            defended = defense(video)
            _require(defended.shape == video.shape, f"{tuple(video.shape)} became {tuple(defended.shape)}")
            _require(defended.dtype == video.dtype, f"{video.dtype} became {defended.dtype}")
            _check_range(defended)
            _require(torch.equal(video, before), "the input was changed")
            defended.zero_()
            _require(torch.equal(video, before), "the result shares memory with the input")
    batch = torch.stack([make_noise_video(3), make_noise_video(3, seed=1)])
    _require(
        torch.equal(defense(batch), torch.stack([defense(one) for one in batch])),
        "a video of a batch is not defended as it is alone",
    )


def check_flat_videos(defense: Defense) -> None:
    """Black and white videos stay in range, and as near to themselves as `flat_error` says."""
    defense = fit_on_tiny_videos(defense)
    for level in (0.0, 1.0):
        video = torch.full((5, 3, 37, 53), level)
        defended = defense(video)
        _check_range(defended)
        error = float((defended - video).abs().max())
        if defense.flat_error is not None:
            _require(
                error <= defense.flat_error, f"a video of {level} changed by {error:.4f} > {defense.flat_error:.4f}"
            )


def check_wrong_arguments(defense: Defense) -> None:
    """Frames that the video or the clip lacks are refused; no frames give no frames."""
    defense = fit_on_tiny_videos(defense)
    five = Clip.whole(make_noise_video(5))
    for indices in (torch.tensor([0, 5]), torch.tensor([-1, 2])):
        _check_refused(partial(defense.needs, indices, 5), "needs() of a frame that the video lacks")
        _check_refused(partial(defense.defend, five, indices), "defend() of a frame that the video lacks")
    two = Clip(make_noise_video(2), torch.tensor([1, 2]), 40)
    _check_refused(lambda: defense.defend(two, torch.tensor([39])), "defend() without the frames that are needed")
    nothing = torch.empty(0, dtype=torch.int64)
    _require(defense.needs(nothing, 5).shape == (0,), "no frames need frames")
    _require(defense.defend(five, nothing).shape == (0, 3, 18, 23), "no frames asked for must give (0, 3, H, W)")


def check_determinism(defense: Defense) -> None:
    """The same defense, or draw of one, gives the same result again; the generator alone decides about a draw."""
    defense = fit_on_tiny_videos(defense)
    video = make_noise_video(12)
    _require(torch.equal(defense(video), defense(video)), "the same video gave two results")
    if defense.deterministic:
        return
    draws = [defense.draw(_seeded(seed)) for seed in (1, 1, 2, 3)]
    results = [draw(video) for draw in draws]
    _require(draws[0] == draws[1], "generators with one seed gave different draws")
    _require(torch.equal(results[0], results[1]), "generators with one seed gave different results")
    _require(not torch.equal(results[0], results[2]), "generators with different seeds gave one result")
    _require(not torch.equal(results[2], results[3]), "generators with different seeds gave one result")


def check_threads(defense: Defense) -> None:
    """The number of threads does not change the result."""
    defense, video = fit_on_tiny_videos(defense), make_noise_video(3, 96, 128)
    results = []
    for count in (1, 2):
        with _threads(count):
            results.append(defense(video))
    _require(torch.equal(*results), "one thread and two gave different results")


def check_gradient(defense: Defense) -> None:
    """A finite gradient from every frame, of the declared kind, and unchanged values where one is asked for."""
    defense = fit_on_tiny_videos(defense)
    video = make_noise_video(6).requires_grad_()
    defended = defense(video)
    _require(torch.equal(defended.detach(), defense(video.detach())), "asking for a gradient changes the values")
    for number, frame in enumerate(defended):
        (gradient,) = torch.autograd.grad(frame.square().sum(), video, retain_graph=True)
        _require(bool(gradient.isfinite().all()), f"the gradient of frame {number} is not finite")
        _require(bool(gradient.any()), f"frame {number} has no gradient")
    weights = make_noise_video(6, seed=4)
    (gradient,) = torch.autograd.grad((defended * weights).sum(), video)
    is_identity = torch.allclose(gradient, weights, atol=1e-6)
    if defense.gradient == "straight-through" and not defense.composite:
        _require(is_identity, "the gradient is declared straight-through, but is not that of the identity")
    if defense.gradient == "surrogate":
        _require(not is_identity, "the gradient is declared a surrogate, but is that of the identity")


def check_gradient_of_flat_videos(defense: Defense) -> None:
    """White and still videos have a gradient; where the mean is kept, that of the sum adds up to one a value."""
    defense = fit_on_tiny_videos(defense)
    video = torch.ones(5, 3, 37, 53, requires_grad=True)
    (gradient,) = torch.autograd.grad(defense(video).sum(), video)
    share = float(gradient.sum()) / video.numel()
    if defense.keeps_mean:
        _require(
            abs(share - 1) < 2e-4, f"the gradient of the sum of a white video adds up to {share:.5f} a value, not 1"
        )
    else:
        _require(share > 0, "a white video has no gradient")


def check_exact_gradient(defense: Defense) -> None:
    """A gradient that is declared exact agrees with finite differences."""
    if not defense.differentiable:
        return
    defense = fit_on_tiny_videos(defense)
    video = torch.rand(5, 3, 3, 4, generator=_seeded(3), dtype=torch.float64).mul(0.8).add(0.1)
    indices = torch.tensor([4, 0, 2, 2])
    try:
        torch.autograd.gradcheck(
            lambda frames: defense.defend(Clip.whole(frames), indices), video.requires_grad_(), fast_mode=True
        )
    except RuntimeError as error:
        raise AssertionError(f"the gradient is declared exact, but finite differences disagree: {error}") from error


def check_gray_offset(defense: Defense) -> None:
    """A gray offset that never changes passes, up to `gray_offset_error`; at default settings."""
    offset = torch.full((24, 3, 32, 48), 16 / 255)
    for draw in _draws(fit_on_tiny_videos(defense)):
        share = surviving_share(draw, offset)
        _require(
            abs(share - 1) <= defense.gray_offset_error,
            f"of a gray offset, {share:.3f} passes; gray_offset_error declares {defense.gray_offset_error}",
        )


def check_null_space(defense: Defense) -> None:
    """Patterns that are constant in time, or smooth in space, pass just as the two declarations say; at default settings.

    What a fitted defense lets pass depends on what it is fitted on: it is not checked here.
    """
    if fittable_part(defense) is not None:
        return
    fine = make_fine_noise(1).expand(24, -1, -1, -1)
    share = fmean(unchanged_share(draw, fine) for draw in _draws(defense))
    _require(
        defense.passes_constant_in_time == (share > FINE_SHARE),
        f"of a fine pattern that never changes, {share:.3f} passes unchanged; "
        f"passes_constant_in_time is {defense.passes_constant_in_time}",
    )
    flicker = make_smooth_flicker(24)
    share = fmean(unchanged_share(draw, flicker) for draw in _draws(defense))
    _require(
        defense.passes_low_frequencies == (share > SMOOTH_SHARE),
        f"of a smooth pattern that flickers, {share:.3f} passes unchanged; "
        f"passes_low_frequencies is {defense.passes_low_frequencies}",
    )


DEFENSE_CHECKS: tuple[Callable[[Defense], None], ...] = (
    check_declarations,
    check_partial_defense,
    check_shape_and_range,
    check_flat_videos,
    check_wrong_arguments,
    check_determinism,
    check_threads,
    check_gradient,
    check_gradient_of_flat_videos,
    check_exact_gradient,
    check_gray_offset,
    check_null_space,
)
"""All that `check_defense` runs, in this order."""


# Detectors


def check_detector_declarations(detector: Detector) -> None:
    """A frozen dataclass that says in a sentence what it cannot detect."""
    _require(is_dataclass(detector), "a detector is a frozen dataclass whose fields are its settings")
    _require(detector.null_space.endswith("."), f"null_space must be a sentence; it is {detector.null_space!r}")
    _require(detector.comparison_videos >= 0, "comparison_videos is a count")
    _require(detector.blind_period is None or detector.blind_period > 1, "a blind period has at least two frames")


def check_detector_scores(detector: Detector) -> None:
    """Evidence of one shape for all videos, a finite score, the same one again, the input untouched."""
    videos = [make_noise_video(length, 40, 50, seed) for length, seed in ((12, 1), (7, 2), (1, 3), (40, 4))]
    before = [video.clone() for video in videos]
    evidence = [detector.evidence(read_tiny(video)) for video in videos]
    _require(len({one.shape for one in evidence}) == 1, "videos of different lengths give evidence of different shapes")
    others = evidence[1:] if detector.comparison_videos else []
    score = detector.score(evidence[0], others)
    _require(score.shape == (), f"a score is a scalar; it has the shape {tuple(score.shape)}")
    _require(bool(score.isfinite()), "the score is not finite")
    again = detector.score(detector.evidence(read_tiny(videos[0])), others)
    _require(torch.equal(score, again), "the same video gave two scores")
    _require(all(map(torch.equal, videos, before)), "the input was changed")
    reader = read_tiny(videos[0])
    called = detector(videos[0], reader.classifier, spread_four, videos[1:] if detector.comparison_videos else [])
    _require(called == float(score), "detector(video, ...) and score(evidence) differ")
    if detector.comparison_videos:
        _check_refused(lambda: detector.score(evidence[0], []), "score() without other videos to compare with")


def check_detector_gradient(detector: Detector) -> None:
    """A score that an attacker can lower by its gradient; one that is declared exact is that of the score."""
    video = make_noise_video(12, 40, 50).requires_grad_()
    others = [detector.evidence(read_tiny(make_noise_video(12, 40, 50, seed))) for seed in (5, 6, 7)]
    others = others if detector.comparison_videos else []
    evidence = detector.evidence(read_tiny(video))
    (gradient,) = torch.autograd.grad(detector.differentiable_score(evidence, others), video)
    _require(bool(gradient.isfinite().all()), "the gradient of differentiable_score is not finite")
    _require(bool(gradient.any()), "differentiable_score has no gradient")
    if detector.gradient == "true":
        evidence = evidence.detach()
        _require(
            torch.equal(detector.differentiable_score(evidence, others), detector.score(evidence, others)),
            "the gradient is declared exact, but differentiable_score is not the score",
        )


DETECTOR_CHECKS: tuple[Callable[[Detector], None], ...] = (
    check_detector_declarations,
    check_detector_scores,
    check_detector_gradient,
)
"""All that `check_detector` runs, in this order."""


# Tiny videos and patterns


def make_noise_video(video_length: int, height: int = 18, width: int = 23, seed: int = 0) -> Tensor:
    """Noise, (video_length, 3, height, width) float32 in [0, 1], with both ends of the range in it."""
    return torch.randn(video_length, 3, height, width, generator=_seeded(seed)).mul(0.4).add(0.5).clamp(0, 1)


def make_smooth_video(video_length: int, height: int = 32, width: int = 48) -> Tensor:
    """A soft gradient that drifts, (video_length, 3, height, width) float32 within [0.2, 0.8]."""
    time = torch.arange(video_length).view(-1, 1, 1, 1) / 40
    color = torch.arange(3).view(1, 3, 1, 1) / 3
    across = torch.arange(height).view(1, 1, -1, 1) / height + torch.arange(width).view(1, 1, 1, -1) / width
    return 0.5 + 0.3 * torch.sin(2 * across + time + color)


def make_fine_noise(frame_count: int, height: int = 32, width: int = 48) -> Tensor:
    """Normal noise of 8/255: independent in every pixel and frame."""
    return torch.randn(frame_count, 3, height, width, generator=_seeded(7)) * 8 / 255


def make_smooth_flicker(frame_count: int, height: int = 32, width: int = 48) -> Tensor:
    """Half a wave of 16/255 across the frame, whose sign changes at uneven times."""
    down, across = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    wave = 16 / 255 * torch.cos(torch.pi * down) * torch.cos(torch.pi * across)
    signs = torch.tensor([1, -1, -1, 1, 1, 1, -1, 1, -1, -1, -1, 1]).repeat(frame_count // 12 + 1)[:frame_count]
    return wave * signs.view(-1, 1, 1, 1).expand(-1, 3, 1, 1)


def surviving_share(defense: Defense, pattern: Tensor) -> float:
    """How much of a pattern is in what it changes in the defended video: a codec's own errors do not count.

    Args:
        defense: any.
        pattern: (N, 3, 32, 48), added to a smooth video.
    """
    passed = _passed(defense, pattern)
    return float((passed * pattern).sum() / pattern.square().sum())


def unchanged_share(defense: Defense, pattern: Tensor) -> float:
    """1 if the defended video differs by just the pattern; 0, or less, if by something else.

    Args:
        defense: any.
        pattern: (N, 3, 32, 48), added to a smooth video.
    """
    passed = _passed(defense, pattern)
    return 1 - float((passed - pattern).square().sum() / pattern.square().sum())


def fit_on_tiny_videos(defense: Defense) -> Defense:
    """The defense, fitted on three tiny videos that share a pattern, if it must be fitted; otherwise as it is."""
    part = fittable_part(defense)
    if part is None:
        return defense
    pattern = torch.randn(4, 3, 16, 16, generator=_seeded(11)) * 4 / 255
    evidence = []
    for seed in range(3):
        video = (make_noise_video(8, 16, 16, seed) * 0.1 + 0.4 + pattern.repeat(2, 1, 1, 1)).clamp(0, 1)
        indices = part.evidence_indices(len(video))
        evidence.append(part.evidence(Clip(video[indices], indices, len(video))))
    return fit_defense(defense, evidence)


def read_tiny(video: Tensor) -> TensorReader:
    """A video in front of a linear classifier of 6 classes that takes the mean of 4 frames, evenly spread."""
    weights = torch.randn(video[0].numel(), 6, generator=_seeded(2)) / 4
    return TensorReader(video, lambda frames: frames.mean(1).flatten(1) @ weights, spread_four(len(video)))


def spread_four(video_length: int) -> Tensor:
    """One clip of 4 frames, evenly spread over a video: (1, 4) int64."""
    return (torch.arange(4) * video_length // 4)[None]


# Helpers


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise AssertionError(sentence)


def _seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def _passed(defense: Defense, pattern: Tensor) -> Tensor:
    video = make_smooth_video(len(pattern))
    return defense(video + pattern) - defense(video)


def _draws(defense: Defense) -> Sequence[Defense]:
    if defense.deterministic:
        return [defense]
    return [defense, *(defense.draw(_seeded(seed)) for seed in range(1, DRAWS))]


def _check_needed(needed: Tensor, video_length: int) -> None:
    _require(needed.dtype == torch.int64, f"needs() gives {needed.dtype}, not int64")
    _require(needed.tolist() == sorted(set(needed.tolist())), "needs() must be sorted, each index once")
    _require(bool(((needed >= 0) & (needed < video_length)).all()), "needs() names frames that the video lacks")


def _check_range(defended: Tensor) -> None:
    low, high = float(defended.min()), float(defended.max())
    _require(low >= 0 and high <= 1, f"the result runs from {low} to {high}, not within [0, 1]")


def _check_refused(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except ValueError:
        return
    raise AssertionError(f"{what} must raise a ValueError with a sentence")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
