import errno
import os
import threading
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import AHEAD, FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.reading import UnreadableVideo, read_frame_times, read_frames
from tests.tiny import make_bytes, write_timed, write_tiny
from tests.video.files import damage

SHRINK = Geometry((8, 8), (9, 12)).shrink
PLENTY = 2**30


def make_set(root: Path) -> list[Video]:
    """Videos of several lengths, sizes and codecs."""
    write_tiny(root / "a.mkv", make_bytes(9, 20, 30, seed=1))
    write_tiny(root / "b.mp4", make_bytes(14, 32, 24, seed=2), codec=H264Codec())
    write_timed(root / "c.mkv", make_bytes(3, 9, 12, seed=3), [0, 70, 500])
    write_tiny(root / "d.mkv", make_bytes(1, 7, 5, seed=4))
    return [Video(path, path.name, (0,)) for path in sorted(root.iterdir())]


def load(store: FrameStore, videos: list[Video]) -> list[StoredVideo]:
    stored = [result for _, result in store.load(videos)]
    assert all(isinstance(result, StoredVideo) for result in stored)
    return [result for result in stored if isinstance(result, StoredVideo)]


def directly(path: Path) -> Tensor:
    return torch.stack([SHRINK(frame.pixels[None])[0] for frame in read_frames(path)])


@pytest.mark.parametrize("memory_bytes", [PLENTY, 0, 9 * 12 * 3 * 4], ids=["memory", "disk", "both"])
@pytest.mark.parametrize("workers", [1, 3])
def test_stored_frames_are_those_that_decoding_and_shrinking_gives(
    tmp_path: Path, memory_bytes: int, workers: int
) -> None:
    videos = make_set(tmp_path / "videos")
    with FrameStore(SHRINK, memory_bytes, workers) as store:
        for video, stored in zip(videos, load(store, videos), strict=True):
            assert stored.video == video
            every = torch.arange(len(stored.times))
            assert torch.equal(stored.clip(every), directly(video.path))
            frame_times = read_frame_times(video.path)
            assert torch.equal(stored.times, frame_times.times)
            assert stored.size == (frame_times.height, frame_times.width)


def test_a_clip_takes_frames_in_any_order_and_again(tmp_path: Path) -> None:
    videos = make_set(tmp_path / "videos")
    indices = torch.tensor([8, 0, 0, 3])
    with FrameStore(SHRINK, 0, 1) as store:
        stored = load(store, videos)[0]
        assert torch.equal(stored.clip(indices), directly(videos[0].path)[indices])
        assert stored.clip(indices).shape == (4, 3, 9, 12)


def test_the_cost_is_counted(tmp_path: Path) -> None:
    videos = make_set(tmp_path / "videos")
    in_all = (9 + 14 + 3 + 1) * 9 * 12 * 3
    with FrameStore(SHRINK, PLENTY, 2) as store:
        load(store, videos)
        assert (store.cost.memory_bytes, store.cost.disk_bytes) == (in_all, 0)
        assert store.cost.seconds > 0
    with FrameStore(SHRINK, 0, 2) as store:
        load(store, videos)
        assert (store.cost.memory_bytes, store.cost.disk_bytes) == (0, in_all)


def test_few_videos_are_decoded_ahead_of_the_one_that_is_taken(tmp_path: Path) -> None:
    first = write_tiny(tmp_path / "a.mkv", make_bytes(2, 8, 8))
    videos = [Video(first, f"{number}.mkv") for number in range(300)]
    with FrameStore(SHRINK, PLENTY, 2) as store:
        loading = store.load(videos)
        next(loading)
        time.sleep(0.3)  # in which two workers would decode dozens
        one = 2 * 9 * 12 * 3
        assert store.cost.memory_bytes <= (2 * AHEAD + 2) * one
        assert [video.name for video, _ in loading] == [video.name for video in videos[1:]]


@pytest.mark.parametrize("frames_in_memory", [1, 5, 9, 12, 26])
def test_memory_stays_within_its_limit_and_the_rest_is_on_disk(tmp_path: Path, frames_in_memory: int) -> None:
    videos = make_set(tmp_path / "videos")
    frame = 9 * 12 * 3
    with FrameStore(SHRINK, frames_in_memory * frame, 1) as store:
        load(store, videos)
        assert store.cost.memory_bytes <= frames_in_memory * frame
        assert store.cost.memory_bytes + store.cost.disk_bytes == 27 * frame
        assert store.cost.disk_bytes > 0


def test_frames_on_disk_have_no_name_that_a_killed_process_could_leave_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = make_set(tmp_path / "videos")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with FrameStore(SHRINK, 0, 2) as store:
        for _ in store.load(videos):
            assert list((tmp_path / "temporary").iterdir()) == []
        assert store.cost.disk_bytes > 0


def test_open_files_do_not_grow_with_the_videos_on_disk(tmp_path: Path) -> None:
    videos = make_set(tmp_path / "videos")
    counts = []
    for repeats in (1, 10):
        with FrameStore(SHRINK, 0, 2) as store:
            stored = load(store, videos * repeats)
            counts.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208  # names are counted
            assert len(stored) == 4 * repeats
            del stored
    assert counts[0] == counts[1]


def test_a_full_disk_is_told_with_what_would_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.pwrite", full)
    with (
        pytest.raises(LsapError, match=r"frames cannot be put on disk in .* \(No space left on device\).*--memory"),
        FrameStore(SHRINK, 0, 1) as store,
    ):
        load(store, make_set(tmp_path / "videos"))


def test_broken_files_are_reported_in_their_place_and_the_rest_is_stored(tmp_path: Path) -> None:
    videos = make_set(tmp_path / "videos")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    broken = [Video(tmp_path / name, name) for name in ("empty.mp4", "text.mp4", "gone.mp4")]
    mixed = [videos[0], broken[0], videos[1], broken[1], broken[2], videos[2]]
    with FrameStore(SHRINK, PLENTY, 2) as store:
        results = list(store.load(mixed))
    assert [video for video, _ in results] == mixed
    assert [isinstance(result, UnreadableVideo) for _, result in results] == [False, True, False, True, True, False]
    assert "empty" in str(results[1][1])


def test_a_video_that_breaks_off_holds_no_memory(tmp_path: Path) -> None:
    path = damage(write_tiny(tmp_path / "a.mp4", make_bytes(20), codec=H264Codec()))
    with FrameStore(SHRINK, PLENTY, 1) as store:
        [(_, result)] = store.load([Video(path, "a.mp4")])
        assert isinstance(result, UnreadableVideo)
        assert store.cost.memory_bytes == 0


def test_stopping_in_the_middle_ends_the_workers(tmp_path: Path) -> None:
    videos = make_set(tmp_path / "videos") * 5
    before = threading.active_count()
    with FrameStore(SHRINK, PLENTY, 2) as store:
        loading = store.load(videos)
        next(loading)
        loading.close()  # type: ignore[attr-defined]  # a generator, which the declared Iterator leaves open
        assert threading.active_count() == before
