"""Videos that would need more memory than is allowed are refused by name, before they are decoded."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from lsap_cli.free_memory import free_memory
from lsap_cli.video import memory_limit
from lsap_cli.video.memory_limit import (
    BYTES_PER_PIXEL,
    frames_at_once,
    has_room_beside,
    require_memory,
    require_room_at_once,
    set_memory_limit,
    slot_bytes,
    workers_at_once,
)
from lsap_cli.video.reading import FrameReader, UnreadableVideo, read_frames
from tests.tiny import make_bytes, write_tiny

HEIGHT, WIDTH = 18, 22


@pytest.fixture(autouse=True)
def _own_limit() -> Iterator[None]:
    yield
    set_memory_limit(None)


def test_a_video_whose_frames_need_more_than_the_limit_is_refused_with_what_would_help(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "a.mkv", make_bytes(3, HEIGHT, WIDTH))
    set_memory_limit(HEIGHT * WIDTH * BYTES_PER_PIXEL - 1)
    with pytest.raises(UnreadableVideo, match=r"a frame of 22 x 18 pixels .* raise --memory-limit"):
        next(read_frames(path))
    set_memory_limit(HEIGHT * WIDTH * BYTES_PER_PIXEL)
    assert len(list(read_frames(path))) == 3


def test_a_low_limit_changes_how_many_frames_are_held_and_no_frame(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "a.mkv", make_bytes(30, HEIGHT, WIDTH))
    readers = []
    for limit in (2**30, HEIGHT * WIDTH * BYTES_PER_PIXEL):
        set_memory_limit(limit)
        readers.append(FrameReader(path))
    every = readers[0].times.argsort()
    assert bool((readers[0].frames(every) == readers[1].frames(every)).all())


def test_frames_that_were_read_and_let_go_are_freed_at_once(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "a.mkv", make_bytes(30, HEIGHT, WIDTH))
    gc.collect()
    before = frames_in_memory()
    gc.disable()  # it would come too late: what a frame takes is no Python object
    try:
        for _ in read_frames(path):
            pass
        assert frames_in_memory() == before
    finally:
        gc.enable()


def frames_in_memory() -> int:
    return sum(type(one) is VideoFrame for one in gc.get_objects())


def test_a_stretch_that_a_defense_needs_at_once_is_refused_by_its_size() -> None:
    size, limit = (1080, 1920), 2**30
    set_memory_limit(limit)
    require_room_at_once(frames_at_once(*size), *size)
    require_room_at_once(32, *size)
    with pytest.raises(UnreadableVideo, match=r"a stretch of 300 frames of 1920 x 1080 pixels, .* --memory-limit"):
        require_room_at_once(300, *size)


def test_what_is_kept_ready_shrinks_with_the_limit() -> None:
    most = []
    for limit in (2**36, 2**30, 2**28):
        set_memory_limit(limit)
        most.append((slot_bytes(), workers_at_once(1080, 1920), has_room_beside(4, 16, 1080, 1920)))
    assert most == [(2**29, 331, True), (2**26, 5, False), (2**24, 1, False)]


def test_the_limit_is_half_of_what_is_free_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_memory() > 0
    monkeypatch.setattr(memory_limit, "free_memory", lambda: 2**33)
    set_memory_limit(None)
    require_memory(2**32, "all of it")
    with pytest.raises(UnreadableVideo, match=r"more than the 4\.0 GB"):
        require_memory(2**32 + 1, "more")
