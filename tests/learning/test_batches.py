import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from defenses import Clip, Defense
from defenses.compression import H264, Jpeg
from defenses.randomized import RandomNoise
from defenses.temporal import TemporalMedian
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.batch_planning import BatchSettings, plan_batch
from lsap_cli.learning.batches import BatchSource
from perturbations import parse_binding
from perturbations.adding import add_float
from perturbations.augment import Augmentation
from perturbations.bindings import NO_SLOT
from perturbations.problem import Batch
from perturbations.samplers import Dense, RandomFrames, Uniform
from tests.perturbations.worlds import linear
from tests.tiny import make_bytes

GEOMETRY = Geometry((8, 8), (9, 12))
LENGTHS = [5, 9, 12, 20, 31]


def make_video(number: int) -> StoredVideo:
    """Flat frames whose level encodes the video and the frame."""
    count = LENGTHS[number]
    levels = 40 * number + torch.arange(count)
    frames = levels.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 9, 12, 3).contiguous()
    size = (18 + number % 2, 24)
    return StoredVideo(Video(Path(f"{number}.mkv"), f"{number}.mkv"), frames, torch.arange(count) * 40, size)


SETTINGS = BatchSettings(
    videos=[make_video(number) for number in range(5)],
    clean_predictions=torch.tensor([[10, 20], [11, 21], [12, 22], [13, 23], [14, 24]]),
    samplers=[Uniform(), Dense(1), RandomFrames()],
    frames=4,
    geometry=GEOMETRY,
    binding=parse_binding("relative:3"),
    delta_size=(8, 8),
    augmentation=None,
    clips=3,
    seed=0,
    device=torch.device("cpu"),
)


TEXTURED = [
    replace(video, frames=make_bytes(len(video.times), 9, 12, seed).permute(0, 2, 3, 1))
    for seed, video in enumerate(SETTINGS.videos)
]


def draw(settings: BatchSettings, step: int) -> Batch:
    with BatchSource(settings) as source:
        return source.draw(step)


def same(first: Batch, second: Batch) -> bool:
    assert first.defend is second.defend is None
    return all(
        torch.equal(one.to_dense(), other.to_dense())
        for one, other in zip((*first[:3], *linear(first.path)), (*second[:3], *linear(second.path)), strict=True)
    )


def shown_frames(batch: Batch) -> tuple[list[int], torch.Tensor]:
    """Which video each clip is of, and which frames (B, T)."""
    levels = (batch.frames[:, :, 0, 0, 0] * 255).round().long()
    return (levels[:, 0] // 40).tolist(), levels % 40


def test_a_batch_is_set_by_its_number_and_the_seed() -> None:
    assert same(draw(SETTINGS, 7), draw(SETTINGS, 7))
    assert not same(draw(SETTINGS, 7), draw(SETTINGS, 8))
    assert not same(draw(SETTINGS, 7), draw(replace(SETTINGS, seed=1), 7))


def test_the_order_in_which_batches_are_drawn_does_not_matter() -> None:
    """The batch that comes next is planned ahead; a resumed run begins anywhere."""
    with BatchSource(SETTINGS) as first, BatchSource(SETTINGS) as second:
        forward = [first.draw(step) for step in range(4)]
        backward = [second.draw(step) for step in (3, 2, 1, 0, 0)]
    assert all(same(one, other) for one, other in zip(forward, backward[-2::-1], strict=True))
    assert same(backward[-1], forward[0])


def test_the_planning_thread_ends_with_its_source() -> None:
    before = threading.active_count()
    with BatchSource(SETTINGS) as source:
        source.draw(0)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.parametrize("augmentation", [None, Augmentation()], ids=["plain", "augmented"])
@pytest.mark.parametrize("processes", [2, 3])
def test_the_parts_of_processes_together_are_the_whole_batch(augmentation: Augmentation | None, processes: int) -> None:
    whole = replace(SETTINGS, clips=6, augmentation=augmentation)
    for step in range(3):
        parts = [draw(replace(whole, process=(number, processes)), step) for number in range(processes)]
        batch = draw(whole, step)
        for name in ("frames", "slots", "clean_predictions"):
            together = torch.cat([getattr(part, name) for part in parts])
            torch.testing.assert_close(together, getattr(batch, name), rtol=0, atol=1e-7)
        assert all(torch.equal(linear(part.path).rows.to_dense(), linear(batch.path).rows.to_dense()) for part in parts)


@pytest.mark.parametrize("pool", [1, 3])
def test_a_pool_gives_at_most_that_many_clips_of_a_video(pool: int) -> None:
    pooled, free = ({video: set[tuple[int, ...]]() for video in range(5)} for _ in range(2))
    for clips, settings in ((pooled, replace(SETTINGS, pool=pool)), (free, SETTINGS)):
        for step in range(30):
            plan = plan_batch(settings, step)
            for video, indices in zip(plan.videos, plan.indices, strict=True):
                clips[video].add(tuple(indices.tolist()))
    assert max(len(clips) for clips in pooled.values()) == pool
    assert len(free[4]) > 6


DEFENSES_TO_LOOK_THROUGH: list[Defense] = [
    TemporalMedian(window=3), Jpeg(quality=50),
]  # fmt: skip


@pytest.mark.parametrize("defense", DEFENSES_TO_LOOK_THROUGH, ids=str)
@pytest.mark.parametrize("binding", ["relative:3", "append:4"])
def test_through_a_defense_the_network_gets_what_the_whole_perturbed_and_defended_video_gives(
    defense: Defense, binding: str
) -> None:
    bound = parse_binding(binding)
    settings = replace(SETTINGS, videos=TEXTURED, binding=bound, defenses=(defense,))
    delta = torch.rand(bound.period, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 0.5
    for step in range(4):
        plan, batch = plan_batch(settings, step), draw(settings, step)
        clips = batch.through(batch.perturbed(delta))
        assert clips.shape == (3, 4, 3, 8, 8)
        for video, indices, clip in zip(plan.videos, plan.indices, clips, strict=True):
            whole, every = whole_video(video, bound.appended)
            slots = bound.slots(every, LENGTHS[video])
            added = add_float(whole, batch.path.forward(delta), slots, rounded=True)
            defended = defense.defend(Clip(added, every, len(every)), indices)
            torch.testing.assert_close(clip, (defended * 255).round() / 255, rtol=0, atol=1e-6)


def whole_video(number: int, appended: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All frames of a video at the network's size, black ones appended; and their numbers."""
    own = GEOMETRY.crop(TEXTURED[number].frames.permute(0, 3, 1, 2)).float() / 255
    return torch.cat([own, torch.zeros(appended, 3, 8, 8)]), torch.arange(LENGTHS[number] + appended)


def test_through_a_defense_a_part_of_the_batch_is_defended_as_in_the_whole() -> None:
    settings = replace(SETTINGS, videos=TEXTURED, defenses=(DEFENSES_TO_LOOK_THROUGH[0],))
    for step in range(3):
        batch = draw(settings, step)
        whole = batch.through(batch.frames)
        part = batch.part(1, 3)
        torch.testing.assert_close(part.through(part.frames), whole[1:3])


def test_one_defense_is_drawn_at_a_time_with_none_among_them() -> None:
    settings = replace(SETTINGS, defenses=(None, *DEFENSES_TO_LOOK_THROUGH))
    drawn = [next(iter(plan_batch(settings, step).defenses), None) for step in range(40)]
    assert {drawn.count(defense) > 5 for defense in (None, *DEFENSES_TO_LOOK_THROUGH)} == {True}


@pytest.mark.parametrize("augmentation", [None, Augmentation()], ids=["plain", "augmented"])
def test_appended_frames_are_black_and_all_others_are_the_videos(augmentation: Augmentation | None) -> None:
    settings = replace(
        SETTINGS, videos=TEXTURED, binding=parse_binding("append:6"), augmentation=augmentation, samplers=[Uniform()]
    )
    appended = 0
    for step in range(10):
        plan, batch = plan_batch(settings, step), draw(settings, step)
        lengths = torch.tensor([LENGTHS[video] for video in plan.videos])[:, None]
        beyond = plan.needed >= lengths
        assert torch.equal(batch.slots, torch.where(beyond, plan.needed - lengths, NO_SLOT))
        assert not batch.frames[beyond].any()
        assert batch.frames[~beyond].flatten(1).any(1).all()
        appended += int(beyond.sum())
    assert appended > 10


def test_a_mirrored_batch_has_the_predictions_of_the_mirror_images() -> None:
    for mirror, tens in ((0.0, 10), (1.0, 20)):
        settings = replace(SETTINGS, augmentation=Augmentation(mirror=mirror))
        plan, batch = plan_batch(settings, 0), draw(settings, 0)
        assert batch.clean_predictions.tolist() == [tens + video for video in plan.videos]


def test_batches_have_the_shapes_that_learning_wants() -> None:
    batch = draw(SETTINGS, 0)
    assert (batch.frames.shape, batch.frames.dtype) == ((3, 4, 3, 8, 8), torch.float32)
    assert (batch.slots.shape, batch.slots.dtype) == ((3, 4), torch.int64)
    assert [one.shape for one in linear(batch.path)] == [(8, 8), (8, 8)]


def test_every_video_comes_once_before_any_comes_twice() -> None:
    drawn = [video for step in range(10) for video in shown_frames(draw(SETTINGS, step))[0]]
    rounds = [drawn[start : start + 5] for start in range(0, 30, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_each_clip_has_its_own_videos_prediction_and_slots() -> None:
    for step in range(10):
        batch = draw(SETTINGS, step)
        videos, frames = shown_frames(batch)
        assert batch.clean_predictions.tolist() == [10 + video for video in videos]
        for video, indices, slots in zip(videos, frames, batch.slots, strict=True):
            assert slots.tolist() == (indices * 3 // LENGTHS[video]).tolist()


def test_cyclic_slots_start_at_any_phase_but_keep_their_steps() -> None:
    settings = replace(SETTINGS, binding=parse_binding("cyclic:5"))
    phases = set()
    for step in range(20):
        batch = draw(settings, step)
        shifts = (batch.slots - shown_frames(batch)[1]) % 5
        assert bool((shifts == shifts[:, :1]).all())
        phases |= set(shifts[:, 0].tolist())
    assert phases == {0, 1, 2, 3, 4}


def test_every_sampler_is_drawn() -> None:
    drawn = {"dense": False, "spread": False}
    for step in range(20):
        for video, indices in zip(*shown_frames(draw(SETTINGS, step)), strict=True):
            if LENGTHS[video] == 31:
                drawn["dense" if bool((indices.diff() == 1).all()) else "spread"] = True
    assert all(drawn.values())


def test_the_way_through_every_videos_size_is_drawn() -> None:
    ways = {linear(draw(SETTINGS, step).path).rows.to_dense().numpy().tobytes() for step in range(20)}
    sizes = [(18, 24), (19, 24)]
    assert ways == {GEOMETRY.path_matrices((8, 8), size)[0].numpy().tobytes() for size in sizes}


def test_augmentation_changes_the_clips_and_nothing_else() -> None:
    plain = replace(SETTINGS, videos=TEXTURED)
    changed = replace(plain, augmentation=Augmentation())
    assert not torch.equal(draw(plain, 0).frames, draw(changed, 0).frames)
    assert same(draw(changed, 3), draw(changed, 3))
    assert 0 <= float(draw(changed, 0).frames.min()) <= float(draw(changed, 0).frames.max()) <= 1


def test_a_codec_codes_the_frames_of_a_clip_as_one_short_video() -> None:
    codec = H264(crf=30)
    settings = replace(SETTINGS, videos=TEXTURED, defenses=[codec], augmentation=None)
    batch = draw(settings, 0)
    made = batch.through(batch.frames)
    numbers = torch.arange(batch.frames.shape[1])
    for clip, coded in zip(batch.frames, made, strict=True):
        expected = codec.defend(Clip.whole(clip), numbers)
        assert torch.equal(coded, (expected * 255).round() / 255)
    assert not torch.equal(made, batch.frames)


def test_each_clip_of_a_batch_gets_a_draw_of_a_random_defense_and_a_step_always_the_same() -> None:
    settings = replace(SETTINGS, defenses=[RandomNoise()], augmentation=None)
    drawn, again = plan_batch(settings, 3).defenses, plan_batch(settings, 3).defenses
    assert len(set(drawn)) == len(drawn) > 1
    assert again == drawn


def test_several_draws_show_the_same_clips_each_behind_another_draw() -> None:
    once = replace(SETTINGS, defenses=(RandomNoise(),), augmentation=Augmentation(mirror=0))
    settings = replace(once, draws=3)
    plan, first = plan_batch(settings, 2), plan_batch(once, 2)
    assert len(plan.videos) == len(plan.defenses) == 9
    assert plan.videos[::3] == plan.videos[1::3] == plan.videos[2::3] == first.videos
    assert all(torch.equal(plan.indices[::3], plan.indices[number::3]) for number in (1, 2))
    assert len(set(plan.defenses)) == 9
    assert plan.change is not None
    assert torch.equal(plan.change.factors[::3], plan.change.factors[2::3])
    batch = draw(settings, 2)
    clips = batch.through(batch.frames)
    assert torch.equal(batch.frames[0], batch.frames[1])
    assert not torch.equal(clips[0], clips[1])


def test_a_defense_that_cuts_its_gradient_off_gives_zeros() -> None:
    class Cutting(RandomNoise):
        def defend(self, clip: Clip, indices: torch.Tensor) -> torch.Tensor:
            return super().defend(clip, indices).detach()

    batch = draw(replace(SETTINGS, videos=TEXTURED, defenses=(Cutting(),)), 0)
    clips = batch.frames.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(batch.through(clips).square().sum(), clips)
    assert not gradient.any()
