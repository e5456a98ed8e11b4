"""One check for each property of a defense: random ones at a few draws, fitted ones on tiny videos."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from statistics import fmean

import torch
from torch import Tensor

from defenses.base import Defense
from defenses.clip import Clip
from defenses.fitting import fittable_part
from defenses.testing.requirements import require, require_refusal
from defenses.testing.videos import (
    fit_on_tiny_videos,
    make_fine_noise,
    make_generator,
    make_noise_video,
    make_smooth_flicker,
    make_striped_flicker,
    surviving_share,
    unchanged_share,
)
from lsap_common import require_kind

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
"""The same for a smooth pattern that flickers; and for stripes that do, along rows and columns, in every draw."""
DRAWS = 4
FEW_VALUES = 3
"""Of a tiny video, that may differ beyond a share that is less than one value of it."""


def check_defense(defense: Defense) -> None:
    """Check every promise of a defense.

    Raises:
        AssertionError: about the first one that does not hold.
        ValueError: if it is no defense.
    """
    require_kind("the defense is", defense, Defense, "give an object of a class on Defense, such as MyDefense()")
    for check in DEFENSE_CHECKS:
        check(defense)


def check_declarations(defense: Defense) -> None:
    """A frozen dataclass with a sentence on its null space, and a declaration of its randomness."""
    require(is_dataclass(defense), "a defense is a frozen dataclass whose fields are its settings")
    for setting in fields(defense):  # type: ignore[arg-type]  # it is a dataclass, see above
        try:
            setattr(defense, setting.name, getattr(defense, setting.name))
        except AttributeError:
            continue
        require(False, f"the setting {setting.name} can be changed; the dataclass must be frozen")
    sentence = defense.null_space
    require(sentence.startswith("A pattern"), f"null_space must say which pattern passes: 'A pattern …'; {sentence!r}")
    require(sentence.endswith("."), f"null_space must be a sentence; it is {sentence!r}")
    drawn = defense.draw(make_generator(1))
    require(
        defense.deterministic == (drawn is defense),
        "draw() of a deterministic defense gives the defense itself, that of a random one gives a copy",
    )
    require(defense.differentiable == (defense.gradient == "true"), "differentiable follows from the gradient")


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
            require(
                torch.equal(part, whole[indices]),
                f"frames {indices.tolist()} of {video_length}, from the needed frames, differ from the whole way",
            )
        indices = torch.tensor(index_sets[0])
        more = torch.cat([defense.needs(indices, video_length), torch.tensor([0, video_length - 1])]).unique()
        require(
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
            require(defended.shape == video.shape, f"{tuple(video.shape)} became {tuple(defended.shape)}")
            require(defended.dtype == video.dtype, f"{video.dtype} became {defended.dtype}")
            _check_range(defended)
            require(torch.equal(video, before), "the input was changed")
            defended.zero_()
            require(torch.equal(video, before), "the result shares memory with the input")
    batch = torch.stack([make_noise_video(3), make_noise_video(3, seed=1)])
    require(
        torch.equal(defense(batch), torch.stack([defense(one) for one in batch])),
        "a video of a batch is not defended as it is alone",
    )


def check_levels(defense: Defense) -> None:
    """What it makes of 8-bit frames is what it makes of floats, rounded half to even, within `level_tolerance`.

    Where `whole_levels` is declared, floats come out in whole levels. The input is not changed.
    """
    video = (make_noise_video(40, seed=9) * 255).round_().to(torch.uint8)
    for drawn in _draws(fit_on_tiny_videos(defense)):
        differences = []
        for length, sets in INDEX_SETS.items():
            for chosen in map(torch.tensor, sets):
                needed = drawn.needs(chosen, length)
                frames = video[needed]
                floats = drawn.defend(Clip(frames / 255, needed, length), chosen) * 255
                if drawn.whole_levels:
                    error = float((floats - floats.round()).abs().max())
                    require(error < 1e-3, f"whole_levels is declared, but levels are off whole ones by {error:g}")
                made = drawn.defend_levels(Clip(frames, needed, length), chosen)
                if made is None:
                    continue
                require(made.dtype == torch.uint8, f"defend_levels gives {made.dtype}, not uint8")
                require(torch.equal(frames, video[needed]), "defend_levels changes its input")
                differences.append((made.float() - floats.round()).flatten())
        if differences:
            _check_level_differences(torch.cat(differences), drawn.level_tolerance)


def _check_level_differences(differences: Tensor, tolerance: float) -> None:
    """Levels of both ways differ by one at most, in few values, and upwards about as often as downwards."""
    share, most = float((differences != 0).float().mean()), float(differences.abs().max())
    few = FEW_VALUES / len(differences) if tolerance else 0.0
    require(
        most <= 1 and share <= tolerance + few,
        f"defend_levels gives other levels than defend, rounded: {share:.2g} of them, by up to {most:g}; "
        f"level_tolerance declares {tolerance:g}, by 1",
    )
    bias = float(differences.mean())
    require(
        abs(bias) <= tolerance / 4 + few, f"the levels of defend_levels are {bias:.2g} brighter than those of defend"
    )


def check_flat_videos(defense: Defense) -> None:
    """Black and white videos stay in range and within `flat_error` of themselves."""
    defense = fit_on_tiny_videos(defense)
    for level in (0.0, 1.0):
        video = torch.full((5, 3, 37, 53), level)
        defended = defense(video)
        _check_range(defended)
        error = float((defended - video).abs().max())
        if defense.flat_error is not None:
            require(
                error <= defense.flat_error, f"a video of {level} changed by {error:.4f} > {defense.flat_error:.4f}"
            )


def check_wrong_arguments(defense: Defense) -> None:
    """Frames that the video or the clip lacks are refused; no frames give no frames."""
    defense = fit_on_tiny_videos(defense)
    five = Clip.whole(make_noise_video(5))
    for indices in (torch.tensor([0, 5]), torch.tensor([-1, 2])):
        require_refusal(partial(defense.needs, indices, 5), "needs() of a frame that the video lacks")
        require_refusal(partial(defense.defend, five, indices), "defend() of a frame that the video lacks")
    two = Clip(make_noise_video(2), torch.tensor([1, 2]), 40)
    require_refusal(lambda: defense.defend(two, torch.tensor([39])), "defend() without the frames that are needed")
    nothing = torch.empty(0, dtype=torch.int64)
    require(defense.needs(nothing, 5).shape == (0,), "no frames need frames")
    require(defense.defend(five, nothing).shape == (0, 3, 18, 23), "no frames asked for must give (0, 3, H, W)")


def check_determinism(defense: Defense) -> None:
    """The same defense, or draw of one, gives the same result again; the generator alone decides about a draw."""
    defense = fit_on_tiny_videos(defense)
    video = make_noise_video(12)
    require(torch.equal(defense(video), defense(video)), "the same video gave two results")
    if defense.deterministic:
        return
    draws = [defense.draw(make_generator(seed)) for seed in (1, 1, 2, 3)]
    results = [draw(video) for draw in draws]
    require(draws[0] == draws[1], "generators with one seed gave different draws")
    require(torch.equal(results[0], results[1]), "generators with one seed gave different results")
    require(not torch.equal(results[0], results[2]), "generators with different seeds gave one result")
    require(not torch.equal(results[2], results[3]), "generators with different seeds gave one result")


def check_threads(defense: Defense) -> None:
    """The number of threads does not change the result."""
    defense, video = fit_on_tiny_videos(defense), make_noise_video(3, 96, 128)
    results = []
    for count in (1, 2):
        with _threads(count):
            results.append(defense(video))
    require(torch.equal(*results), "one thread and two gave different results")


def check_gradient(defense: Defense) -> None:
    """A finite gradient from every frame, of the declared kind, and unchanged values where one is asked for."""
    defense = fit_on_tiny_videos(defense)
    video = make_noise_video(6).requires_grad_()
    defended = defense(video)
    require(torch.equal(defended.detach(), defense(video.detach())), "asking for a gradient changes the values")
    for number, frame in enumerate(defended):
        (gradient,) = torch.autograd.grad(frame.square().sum(), video, retain_graph=True)
        require(bool(gradient.isfinite().all()), f"the gradient of frame {number} is not finite")
        require(bool(gradient.any()), f"frame {number} has no gradient")
    weights = make_noise_video(6, seed=4)
    (gradient,) = torch.autograd.grad((defended * weights).sum(), video)
    is_identity = torch.allclose(gradient, weights, atol=1e-6)
    if defense.gradient == "straight-through" and not defense.composite:
        require(is_identity, "the gradient is declared straight-through, but is not that of the identity")
    if defense.gradient == "surrogate":
        require(not is_identity, "the gradient is declared a surrogate, but is that of the identity")


def check_gradient_of_flat_videos(defense: Defense) -> None:
    """White and still videos have a gradient; where the mean is kept, that of the sum adds up to one a value."""
    defense = fit_on_tiny_videos(defense)
    video = torch.ones(5, 3, 37, 53, requires_grad=True)
    (gradient,) = torch.autograd.grad(defense(video).sum(), video)
    share = float(gradient.sum()) / video.numel()
    if defense.keeps_mean:
        require(
            abs(share - 1) < 2e-4, f"the gradient of the sum of a white video adds up to {share:.5f} a value, not 1"
        )
    else:
        require(share > 0, "a white video has no gradient")


def check_exact_gradient(defense: Defense) -> None:
    """A gradient that is declared exact agrees with finite differences."""
    if not defense.differentiable:
        return
    defense = fit_on_tiny_videos(defense)
    video = torch.rand(5, 3, 3, 4, generator=make_generator(3), dtype=torch.float64).mul(0.8).add(0.1)
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
        require(
            abs(share - 1) <= defense.gray_offset_error,
            f"of a gray offset, {share:.3f} passes; gray_offset_error declares {defense.gray_offset_error}",
        )


def check_null_space(defense: Defense) -> None:
    """The three declarations (constant in time, smooth in space, striped) hold at default settings.

    What a fitted defense lets pass depends on what it is fitted on: it is not checked here.
    """
    if fittable_part(defense) is not None:
        return
    fine = make_fine_noise(1).expand(24, -1, -1, -1)
    share = fmean(unchanged_share(draw, fine) for draw in _draws(defense))
    require(
        defense.passes_constant_in_time == (share > FINE_SHARE),
        f"of a fine pattern that never changes, {share:.3f} passes unchanged; "
        f"passes_constant_in_time is {defense.passes_constant_in_time}",
    )
    flicker = make_smooth_flicker(24)
    share = fmean(unchanged_share(draw, flicker) for draw in _draws(defense))
    require(
        defense.passes_low_frequencies == (share > SMOOTH_SHARE),
        f"of a smooth pattern that flickers, {share:.3f} passes unchanged; "
        f"passes_low_frequencies is {defense.passes_low_frequencies}",
    )
    stripes = [make_striped_flicker(24, axis) for axis in (0, 1)]
    share = min(unchanged_share(draw, one) for draw in _draws(defense) for one in stripes)
    require(
        defense.passes_stripes == (share > SMOOTH_SHARE),
        f"of gray stripes of single pixels that flicker, {share:.3f} pass unchanged; "
        f"passes_stripes is {defense.passes_stripes}",
    )


DEFENSE_CHECKS: tuple[Callable[[Defense], None], ...] = (
    check_declarations,
    check_partial_defense,
    check_shape_and_range,
    check_levels,
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


def _draws(defense: Defense) -> Sequence[Defense]:
    if defense.deterministic:
        return [defense]
    return [defense, *(defense.draw(make_generator(seed)) for seed in range(1, DRAWS))]


def _check_needed(needed: Tensor, video_length: int) -> None:
    require(needed.dtype == torch.int64, f"needs() gives {needed.dtype}, not int64")
    require(needed.tolist() == sorted(set(needed.tolist())), "needs() must be sorted, each index once")
    require(bool(((needed >= 0) & (needed < video_length)).all()), "needs() names frames that the video lacks")


def _check_range(defended: Tensor) -> None:
    low, high = float(defended.min()), float(defended.max())
    require(low >= 0 and high <= 1, f"the result runs from {low} to {high}, not within [0, 1]")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
