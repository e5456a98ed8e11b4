"""Videos that would need more memory than is allowed are refused by name, before they are decoded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lsap_cli.free_memory import free_memory
from lsap_cli.video import memory_limit
from lsap_cli.video.memory_limit import BYTES_PER_PIXEL, require_memory, set_memory_limit
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


def test_the_limit_is_half_of_what_is_free_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_memory() > 0
    monkeypatch.setattr(memory_limit, "free_memory", lambda: 2**33)
    set_memory_limit(None)
    require_memory(2**32, "all of it")
    with pytest.raises(UnreadableVideo, match=r"more than the 4\.0 GB"):
        require_memory(2**32 + 1, "more")
