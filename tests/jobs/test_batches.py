from dataclasses import replace
from pathlib import Path

import torch

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.listing import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.jobs.batches import BatchSource
from perturbations import parse_binding
from perturbations.augment import Augmentation
from perturbations.learn import Batch
from perturbations.samplers import Dense, RandomFrames, Uniform
from tests.tiny import make_bytes

GEOMETRY = Geometry((8, 8), (9, 12))
LENGTHS = [5, 9, 12, 20, 31]


def make_video(number: int) -> StoredVideo:
    """Every frame is flat, its level says which video and frame it is."""
    count = LENGTHS[number]
    levels = 40 * number + torch.arange(count)
    frames = levels.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 9, 12, 3).contiguous()
    size = (18 + number % 2, 24)
    return StoredVideo(Video(Path(f"{number}.mkv"), f"{number}.mkv"), frames, torch.arange(count) * 40, size)


SOURCE = BatchSource(
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


def same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def numbers(batch: Batch) -> tuple[list[int], torch.Tensor]:
    """Which video each clip is of, and which frames (B, T)."""
    levels = (batch.frames[:, :, 0, 0, 0] * 255).round().long()
    return (levels[:, 0] // 40).tolist(), levels % 40


def test_a_batch_is_set_by_its_number_and_the_seed() -> None:
    later = replace(SOURCE, _paths={})
    assert same(SOURCE.draw(7), later.draw(7))
    assert not same(SOURCE.draw(7), SOURCE.draw(8))
    assert not same(SOURCE.draw(7), replace(SOURCE, seed=1).draw(7))


def test_batches_have_the_shapes_that_learning_wants() -> None:
    batch = SOURCE.draw(0)
    assert (batch.frames.shape, batch.frames.dtype) == ((3, 4, 3, 8, 8), torch.float32)
    assert (batch.slots.shape, batch.slots.dtype) == ((3, 4), torch.int64)
    assert (batch.rows.shape, batch.columns.shape) == ((8, 8), (8, 8))


def test_every_video_comes_once_before_any_comes_twice() -> None:
    drawn = [video for step in range(10) for video in numbers(SOURCE.draw(step))[0]]
    rounds = [drawn[start : start + 5] for start in range(0, 30, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_each_clip_has_its_own_videos_prediction_and_slots() -> None:
    for step in range(10):
        batch = SOURCE.draw(step)
        videos, frames = numbers(batch)
        assert batch.clean_predictions.tolist() == [10 + video for video in videos]
        for video, indices, slots in zip(videos, frames, batch.slots, strict=True):
            assert slots.tolist() == (indices * 3 // LENGTHS[video]).tolist()


def test_cyclic_slots_start_at_any_phase_but_keep_their_steps() -> None:
    source = replace(SOURCE, binding=parse_binding("cyclic:5"))
    phases = set()
    for step in range(20):
        batch = source.draw(step)
        shifts = (batch.slots - numbers(batch)[1]) % 5
        assert bool((shifts == shifts[:, :1]).all())
        phases |= set(shifts[:, 0].tolist())
    assert phases == {0, 1, 2, 3, 4}


def test_every_sampler_is_drawn() -> None:
    seen = {"dense": False, "spread": False}
    for step in range(20):
        for video, indices in zip(*numbers(SOURCE.draw(step)), strict=True):
            if LENGTHS[video] == 31:
                seen["dense" if bool((indices.diff() == 1).all()) else "spread"] = True
    assert all(seen.values())


def test_the_way_through_every_videos_size_is_drawn() -> None:
    ways = {SOURCE.draw(step).rows.numpy().tobytes() for step in range(20)}
    sizes = [(18, 24), (19, 24)]
    assert ways == {GEOMETRY.path_matrices((8, 8), size)[0].numpy().tobytes() for size in sizes}


def test_augmentation_changes_the_clips_and_nothing_else() -> None:
    textured = [
        replace(video, frames=make_bytes(len(video.times), 9, 12).permute(0, 2, 3, 1)) for video in SOURCE.videos
    ]
    plain = replace(SOURCE, videos=textured)
    changed = replace(plain, augmentation=Augmentation())
    assert not torch.equal(plain.draw(0).frames, changed.draw(0).frames)
    assert same(changed.draw(3), changed.draw(3))
    assert 0 <= float(changed.draw(0).frames.min()) <= float(changed.draw(0).frames.max()) <= 1
