from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lsap_cli.pictures.drawing import GAP, MAX_WIDTH, draw_frame, perturbation_picture, save_picture


def test_zero_is_mid_gray_and_the_budget_fills_the_range() -> None:
    delta = np.zeros((1, 3, 2, 3), dtype=np.float32)
    delta[0, 0, 0, 0], delta[0, 1, 0, 1] = 8 / 255, -8 / 255
    pixels = np.asarray(perturbation_picture(delta).convert("RGB"))
    assert pixels[1, 2].tolist() == [128, 128, 128]
    assert pixels[0, 0].tolist() == [255, 128, 128]
    assert pixels[0, 1].tolist() == [128, 1, 128]


def test_a_given_full_scale_sets_the_amplification() -> None:
    picture = perturbation_picture(np.full((1, 3, 2, 2), 4.0), full_scale=8.0)
    assert picture.convert("RGB").getpixel((0, 0)) == (192, 192, 192)


def test_a_perturbation_of_zeros_is_gray() -> None:
    assert perturbation_picture(np.zeros((1, 3, 4, 4))).convert("RGB").getcolors() == [(16, (128, 128, 128))]


def test_slots_lie_left_to_right_and_top_to_bottom() -> None:
    delta = np.linspace(-1, 1, 16)[:, None, None, None] * np.ones((16, 3, 10, 10))
    picture = perturbation_picture(delta)
    assert picture.size == (4 * 10 + 3 * GAP, 4 * 10 + 3 * GAP)
    cells = [picture.getpixel((x * (10 + GAP), y * (10 + GAP))) for y in range(4) for x in range(4)]
    levels = [cell[0] for cell in cells if isinstance(cell, tuple)]
    assert len(levels) == 16
    assert levels == sorted(levels)
    assert picture.getpixel((10, 0)) == (128, 128, 128, 0)


@pytest.mark.parametrize("shape", [(1, 3, 172, 172), (16, 3, 224, 398), (7, 3, 64, 8), (60, 3, 90, 160)])
def test_a_perturbation_picture_is_at_most_480_pixels_wide(shape: tuple[int, int, int, int]) -> None:
    picture = perturbation_picture(np.ones(shape, dtype=np.float32))
    assert picture.width <= MAX_WIDTH
    assert picture.height <= 3 * MAX_WIDTH


def test_a_perturbation_without_three_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="2 channels"):
        perturbation_picture(np.zeros((1, 2, 4, 4)))


def test_the_difference_is_amplified_around_mid_gray_by_the_returned_factor() -> None:
    before = np.full((3, 8, 8), 100, dtype=np.uint8)
    after = before.copy()
    after[:, :4] += 8
    after[:, 6:] -= 3
    pictures = draw_frame(before, after)
    assert pictures.factor == 15
    levels = np.asarray(pictures.difference)[:, 0, 0].tolist()
    assert levels == [248] * 4 + [128] * 2 + [83] * 2
    assert np.array_equal(np.asarray(pictures.after), after.transpose(1, 2, 0))


def test_frames_that_are_equal_have_a_gray_difference() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.uint8)
    pictures = draw_frame(frame, frame)
    assert pictures.factor == 1
    assert pictures.difference.getcolors() == [(64, (128, 128, 128))]


def test_large_frames_are_shrunk_to_480_pixels_and_keep_their_aspect() -> None:
    frame = np.zeros((3, 360, 960), dtype=np.uint8)
    pictures = draw_frame(frame, frame)
    sizes = {picture.size for picture in (pictures.before, pictures.after, pictures.difference)}
    assert sizes == {(480, 180)}


def test_frames_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="must be alike"):
        draw_frame(np.zeros((3, 4, 4), dtype=np.uint8), np.zeros((3, 4, 5), dtype=np.uint8))


@pytest.mark.parametrize("name", ["picture.png", "deeper/picture.webp"])
def test_a_saved_picture_is_read_back_unchanged(tmp_path: Path, name: str) -> None:
    picture = perturbation_picture(np.random.default_rng(0).normal(size=(1, 3, 9, 9)))
    save_picture(picture, tmp_path / name)
    with Image.open(tmp_path / name) as read:
        assert np.array_equal(np.asarray(read.convert("RGB")), np.asarray(picture.convert("RGB")))
