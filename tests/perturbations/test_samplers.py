from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations.samplers import SAMPLERS, Dense, RandomFrames, RateSampler, Sampler, Segments, Uniform, lengthened

FIXED: list[Sampler] = [Uniform(), Dense(1), Dense(2), RateSampler(), RateSampler(Fraction(2997, 100))]
DRAWN: list[Sampler] = [Segments(), RandomFrames()]


def even(frame_count: int, interval: int = 40) -> torch.Tensor:
    """Moments of a video with a constant frame rate, 25 a second."""
    return torch.arange(frame_count) * interval


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chosen(sampler: Sampler, times: torch.Tensor, frames: int, views: int = 1) -> list[list[int]]:
    indices: list[list[int]] = sampler.choose(times, frames, views, seeded()).tolist()
    return indices


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    gaps=st.lists(st.integers(0, 300), max_size=50),
    frames=st.integers(1, 40),
    views=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize("sampler", [*FIXED, *DRAWN, Dense(9), RateSampler(Fraction(1000))], ids=str)
def test_every_clip_has_its_length_and_stays_in_the_video(
    sampler: Sampler, gaps: list[int], frames: int, views: int, seed: int
) -> None:
    times = torch.tensor([0, *gaps]).cumsum(0)
    clips = sampler.choose(times, frames, views, seeded(seed))
    clip = sampler.draw(times, frames, seeded(seed))
    assert (clips.shape, clip.shape) == ((views, frames), (frames,))
    assert clips.dtype == clip.dtype == torch.int64
    assert 0 <= int(clips.min()) <= int(clips.max()) < len(times)
    assert 0 <= int(clip.min()) <= int(clip.max()) < len(times)
    if not isinstance(sampler, Dense):  # only looping goes back in time
        assert bool((clips.diff(dim=1) >= 0).all())
        assert bool((clip.diff() >= 0).all())


@pytest.mark.parametrize("sampler", [*FIXED, *DRAWN], ids=str)
def test_the_same_generator_gives_the_same_clips(sampler: Sampler) -> None:
    assert torch.equal(sampler.choose(even(50), 8, 2, seeded(3)), sampler.choose(even(50), 8, 2, seeded(3)))
    assert torch.equal(sampler.draw(even(50), 8, seeded(3)), sampler.draw(even(50), 8, seeded(3)))
    assert len({tuple(sampler.draw(even(500), 8, seeded(seed)).tolist()) for seed in range(9)}) > 1


@pytest.mark.parametrize("sampler", FIXED, ids=str)
def test_samplers_that_are_not_random_leave_the_generator_alone(sampler: Sampler) -> None:
    generator = seeded(5)
    sampler.choose(even(30), 8, 3, generator)
    assert torch.equal(generator.get_state(), seeded(5).get_state())


@pytest.mark.parametrize(
    ("frame_count", "frames", "expected"),
    [
        (8, 4, [1, 3, 5, 7]),  # .x.x.x.x
        (10, 4, [1, 3, 6, 8]),  # middles 1.25 3.75 6.25 8.75
        (16, 2, [4, 12]),
        (4, 4, [0, 1, 2, 3]),
        (2, 4, [0, 0, 1, 1]),
        (1, 3, [0, 0, 0]),
        (9, 1, [4]),
    ],
)
def test_uniform_worked_out_by_hand(frame_count: int, frames: int, expected: list[int]) -> None:
    assert chosen(Uniform(), even(frame_count), frames) == [expected]


def test_uniform_views_lie_between_each_other() -> None:
    assert chosen(Uniform(), even(8), 2, views=2) == [[1, 5], [3, 7]]


def test_uniform_draws_keep_their_distance_at_every_phase() -> None:
    clips = {tuple(Uniform().draw(even(8), 4, seeded(seed)).tolist()) for seed in range(40)}
    assert clips == {(0, 2, 4, 6), (1, 3, 5, 7)}


@pytest.mark.parametrize(
    ("stride", "frame_count", "frames", "expected"),
    [
        (2, 9, 3, [2, 4, 6]),  # ..x.x.x..
        (2, 5, 3, [0, 2, 4]),  # exactly as long as the window
        (2, 4, 3, [0, 2, 0]),  # one too short: looped
        (2, 3, 3, [0, 2, 1]),
        (1, 3, 5, [0, 1, 2, 0, 1]),
        (3, 1, 4, [0, 0, 0, 0]),
        (1, 6, 3, [1, 2, 3]),
    ],
)
def test_dense_worked_out_by_hand(stride: int, frame_count: int, frames: int, expected: list[int]) -> None:
    assert chosen(Dense(stride), even(frame_count), frames) == [expected]


def test_dense_views_are_spread_over_the_video() -> None:
    assert chosen(Dense(2), even(9), 3, views=3) == [[0, 2, 4], [2, 4, 6], [3, 5, 7]]


@pytest.mark.parametrize(("frame_count", "starts"), [(9, {0, 1, 2, 3, 4}), (5, {0}), (4, {0, 1, 2, 3})])
def test_dense_draws_from_every_start(frame_count: int, starts: set[int]) -> None:
    assert {int(Dense(2).draw(even(frame_count), 3, seeded(seed))[0]) for seed in range(80)} == starts


@pytest.mark.parametrize(
    ("times", "frames", "expected"),
    [
        # 25 a second: from 180 ms, each moment in the middle of two frames, of which the earlier is taken
        ([*range(0, 800, 40)], 3, [4, 9, 14]),
        # a variable rate: moments 300, 500, 700; 700 is as near to 500 as to 900
        ([0, 100, 110, 120, 500, 900, 1000], 3, [3, 4, 4]),
        # dense at its end: moments 300, 500, 700
        ([0, 300, 690, 700, 710, 1000], 3, [1, 2, 3]),
        # too short: the last frame is held
        ([0, 40, 80], 3, [0, 2, 2]),
        ([0, 190, 210], 3, [0, 1, 2]),
        ([0], 3, [0, 0, 0]),
        # two frames at one moment: the first of them
        ([0, 0, 200, 200, 400], 3, [0, 2, 4]),
    ],
)
def test_rate_follows_the_frames_own_times(times: list[int], frames: int, expected: list[int]) -> None:
    assert chosen(RateSampler(Fraction(5)), torch.tensor(times), frames) == [expected]


def test_rate_takes_the_same_moments_whatever_the_frame_rate() -> None:
    slow, fast = even(100, 40), even(400, 10)
    sampler = RateSampler(Fraction(5))
    moments = slow[sampler.choose(slow, 8, 1, seeded())[0]]
    assert torch.equal(moments.diff(), torch.full((7,), 200))
    assert torch.equal(fast[sampler.choose(fast, 8, 1, seeded())[0]].diff(), moments.diff())


def test_rate_views_start_at_odd_parts_of_the_free_time() -> None:
    # 4000 ms, a clip of 400 ms: 3600 ms are free, views start at 900 and 2700
    assert chosen(RateSampler(Fraction(5)), even(101), 3, views=2) == [[22, 27, 32], [67, 72, 77]]


def test_rate_draws_reach_both_ends() -> None:
    sampler, times = RateSampler(Fraction(5)), even(16, 40)  # 600 ms, 400 of them in a clip
    starts = {int(sampler.draw(times, 3, seeded(seed))[0]) for seed in range(100)}
    assert starts == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("fps", ["23.976023976023978", "0.1", "59.94005994005994", "1000/7"])
def test_rate_is_right_however_many_digits_its_number_has(fps: str) -> None:
    times, rate = even(4000, 10), Fraction(fps)
    clip = times[RateSampler(rate).choose(times, 64, 1, seeded())[0]]
    if int(63 * 1000 / rate) < int(times[-1]):
        expected = torch.tensor([float(step * 1000 / rate) for step in range(64)])
        assert float((clip - clip[0] - expected).abs().max()) <= 11
    else:
        assert int(clip[0]) == 0
        assert int(clip[-1]) == int(times[-1])


def test_segments_take_one_frame_of_each_part() -> None:
    clips = torch.stack([Segments().draw(even(10), 4, seeded(seed)) for seed in range(200)])
    parts = [set(clips[:, segment].tolist()) for segment in range(4)]
    assert parts == [{0, 1}, {2, 3, 4}, {5, 6}, {7, 8, 9}]


@pytest.mark.parametrize(
    ("frame_count", "frames", "expected"),
    [(4, 4, [0, 1, 2, 3]), (3, 4, [0, 0, 1, 2]), (1, 3, [0, 0, 0])],
)
def test_segments_of_a_video_without_spare_frames(frame_count: int, frames: int, expected: list[int]) -> None:
    assert chosen(Segments(), even(frame_count), frames) == [expected]


def test_random_frames_do_not_repeat_where_the_video_is_long_enough() -> None:
    for seed in range(20):
        assert len(set(RandomFrames().draw(even(12), 8, seeded(seed)).tolist())) == 8
    assert chosen(RandomFrames(), even(6), 6) == [[0, 1, 2, 3, 4, 5]]
    assert len(chosen(RandomFrames(), even(3), 8)[0]) == 8


def test_views_of_a_random_sampler_differ() -> None:
    for sampler in DRAWN:
        first, second = sampler.choose(even(300), 8, 2, seeded())
        assert not torch.equal(first, second)


@pytest.mark.parametrize("stride", [0, -1])
def test_a_stride_below_one_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match=f"stride is {stride}; use a whole number from 1"):
        Dense(stride)


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-5), Fraction(1001)])
def test_a_rate_that_no_video_has_is_refused(fps: Fraction) -> None:
    with pytest.raises(ValueError, match=f"fps is {fps}; use a number above 0 and at most 1000"):
        RateSampler(fps)


def test_the_table_knows_the_samplers_by_the_names_of_the_design() -> None:
    assert list(SAMPLERS) == ["uniform", "segments", "dense", "rate", "random"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 40, 80], [0, 40, 80, 120, 160]),
        ([0, 10, 100], [0, 10, 100, 150, 200]),  # the mean pace
        ([0], [0, 40, 80]),  # one frame: 25 a second
        ([0, 0], [0, 0, 1, 2]),  # time goes on
    ],
)
def test_appended_frames_follow_at_the_videos_mean_pace(times: list[int], expected: list[int]) -> None:
    assert lengthened(torch.tensor(times), 2).tolist() == expected
    assert lengthened(torch.tensor(times), 0).tolist() == times
