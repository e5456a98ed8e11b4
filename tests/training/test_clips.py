"""Clips to learn from: every video once an epoch, and the same clips in the same step of every run."""

from pathlib import Path

import pytest
import torch

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.training.clips import ClipDataset, ClipFormat, VideoOrder, clip_loader
from perturbations.samplers import Dense, Segments, Uniform


def stored(number: int) -> StoredVideo:
    generator = torch.Generator().manual_seed(number)
    frames = torch.randint(256, (9, 20, 24, 3), generator=generator).byte()
    video = Video(Path(f"{number}.mp4"), f"{number}.mp4", (number % 2,))
    return StoredVideo(video, frames, torch.arange(9) * 40, (20, 24))


def dataset(videos: int, batch: int, seed: int = 0, flip: bool = True) -> tuple[ClipDataset, VideoOrder]:
    order = VideoOrder(videos, batch, seed)
    return ClipDataset([*map(stored, range(videos))], order, ClipFormat(4, (16, 16), Uniform(), flip)), order


def test_every_video_is_met_once_an_epoch_in_an_order_of_its_own() -> None:
    order = VideoOrder(videos=10, batch=4, seed=3)
    assert order.steps_per_epoch == 3
    epochs = [[order.video(step, place) for step in range(first, first + 3) for place in range(4)] for first in (0, 3)]
    for numbers in epochs:
        assert sorted(numbers[:10]) == list(range(10))
        assert numbers[10:] == numbers[:2], "the last batch is filled from the epoch's beginning"
    assert epochs[0] != epochs[1]


def test_a_loader_that_begins_later_gives_the_clips_of_one_that_did_not_stop() -> None:
    clips, _ = dataset(5, 4)
    whole = iter(clip_loader(clips, 0, range(4), 0, pinned=False))
    later = iter(clip_loader(clips, 2, range(4), 0, pinned=False))
    for _ in range(2):
        next(whole)
    for (first, targets), (second, same) in zip([next(whole)], [next(later)], strict=True):
        assert torch.equal(first, second)
        assert torch.equal(targets, same)
    assert first.shape == (4, 4, 3, 16, 16)
    assert first.dtype == torch.uint8


def test_two_processes_have_the_two_halves_of_a_batch_and_workers_change_nothing() -> None:
    clips, _ = dataset(5, 4)
    whole, _ = next(iter(clip_loader(clips, 1, range(4), 0, pinned=False)))
    halves = [next(iter(clip_loader(clips, 1, places, 0, pinned=False)))[0] for places in (range(2), range(2, 4))]
    assert torch.equal(whole, torch.cat(halves))


def test_clips_do_not_disturb_the_draws_of_others() -> None:
    clips, _ = dataset(5, 4)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    clips[0, 0]
    assert torch.equal(torch.rand(3), expected)


def test_all_frames_of_a_clip_are_changed_alike() -> None:
    video = stored(0)
    video.frames[:] = video.frames[:1].clone()  # a still video
    clips = ClipDataset([video], VideoOrder(1, 1, 0), ClipFormat(4, (16, 16), Uniform(), True))
    for step in range(5):
        clip, _ = clips[step, 0]
        assert all(torch.equal(frame, clip[0]) for frame in clip)


@pytest.mark.parametrize("flip", [True, False])
def test_mirroring_can_be_left_out(flip: bool) -> None:
    video = stored(0)
    video.frames[:] = (torch.arange(24) * 10)[None, None, :, None].byte()  # brighter to the right
    clips = ClipDataset([video], VideoOrder(1, 1, 0), ClipFormat(4, (16, 16), Uniform(), flip))
    rises = {bool(clip[0, 0, 8, 15] > clip[0, 0, 8, 0]) for clip, _ in (clips[step, 0] for step in range(20))}
    assert rises == ({True, False} if flip else {True})


def test_training_draws_a_frame_of_each_segment_where_the_protocol_takes_their_middles() -> None:
    assert ClipFormat(4, (8, 8), Uniform(), True).drawn_by == Segments()
    assert ClipFormat(4, (8, 8), Dense(2), True).drawn_by == Dense(2)


def test_the_smallest_crop_keeps_what_lies_at_the_edge() -> None:
    frames = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    frames[..., 28:, :] = 255  # the lowest eighth
    whole = ClipFormat(1, (32, 32), Uniform(), flip=False, smallest_crop=1.0).augmentation()
    kept = [float((whole(frames).float() > 100).float().mean()) for _ in range(20)]
    assert min(kept) > 0.08
    small = ClipFormat(1, (32, 32), Uniform(), flip=False, smallest_crop=0.05).augmentation()
    assert min(float((small(frames).float() > 100).float().mean()) for _ in range(20)) == 0
