"""Previews of one written file: the film of before, after and the amplified difference."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lsap_cli.applying import previews
from lsap_cli.applying.previews import CAPTION, DrawPreview
from lsap_cli.video.reading import read_frame_times, read_frames
from tests.tiny import make_bytes, write_tiny


def draw(folder: Path, before: Tensor, after: Tensor) -> Path:
    write_tiny(folder / "before.mkv", before)
    write_tiny(folder / "after.mkv", after)
    source = folder / "before.mkv"
    DrawPreview(source, folder / "after.mkv", folder / "preview").run(lambda _: None)
    return folder / "preview" / "comparison.mp4"


def changed(frames: Tensor, at: slice) -> Tensor:
    """The frames, some of them 8 levels brighter."""
    after = frames.clone()
    after[at] += 8
    return after


def test_the_film_has_before_after_and_the_difference_of_every_frame(tmp_path: Path) -> None:
    before = torch.full((6, 3, 64, 96), 100, dtype=torch.uint8)
    film = draw(tmp_path, before, changed(before, slice(3, 6)))
    frames = [frame.pixels.numpy().astype(int) for frame in read_frames(film)]
    assert len(frames) == 6
    assert frames[0].shape == (3, 64 + CAPTION, 3 * 96)
    thirds = [[np.median(frame[:, CAPTION + 8 :, 96 * n + 8 : 96 * n + 88]) for n in range(3)] for frame in frames]
    for values, expected in zip(thirds, [[100, 100, 128]] * 3 + [[100, 108, 128 + 8 * 15]] * 3, strict=True):
        assert values == pytest.approx(expected, abs=3)  # one factor for the whole film: 127 // 8


def test_odd_sizes_become_even(tmp_path: Path) -> None:
    before = make_bytes(2, height=33, width=35)
    times = read_frame_times(draw(tmp_path, before, before))
    assert (times.height % 2, times.width % 2) == (0, 0)


def test_large_frames_are_made_smaller(tmp_path: Path) -> None:
    before = torch.full((1, 3, 900, 300), 90, dtype=torch.uint8)
    times = read_frame_times(draw(tmp_path, before, before))
    assert times.height <= previews.FILM_CELL[1] + CAPTION + 1
    assert times.width <= 3 * previews.FILM_CELL[0]


def test_of_a_long_video_the_stretch_around_the_change_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "FILM_MILLISECONDS", 400)
    before = torch.full((40, 3, 32, 32), 100, dtype=torch.uint8)
    film = draw(tmp_path, before, changed(before, slice(30, 31)))
    frames = [frame.pixels.numpy().astype(int) for frame in read_frames(film)]
    assert 10 <= len(frames) <= 12
    afters = [np.median(frame[:, CAPTION + 8 :, 40:56]) for frame in frames]
    assert max(afters) == pytest.approx(108, abs=3)


def test_no_more_than_sixty_pictures_a_second_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "FILM_PACE", 80)
    before = torch.full((9, 3, 32, 32), 100, dtype=torch.uint8)
    times = read_frame_times(draw(tmp_path, before, before)).times
    assert times.tolist() == [0, 80, 160, 240, 320]
