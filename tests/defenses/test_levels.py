"""The 8-bit way of judges gives the levels of the float way of attackers, and no other filter's."""

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from defenses import DEFENSES, Chain, Clip, Defense
from defenses.compression import Jpeg
from defenses.pixels import Pixels, opencv
from defenses.reordering import TemporalInterpolation, TemporalShuffle
from defenses.resampling import SpatialResample, TemporalResample
from defenses.spatial import Bilateral, SpatialGaussian, SpatialMedian
from defenses.temporal import TemporalMean, TemporalMedian, gaussian
from defenses.testing.defense_checks import check_levels
from defenses.testing.videos import fit_on_tiny_videos
from tests.defenses.examples import EVERY_SETTING


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_levels_are_the_rounded_floats(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_levels(defense)


@pytest.mark.parametrize("name", [name for name in DEFENSES if name != "barrage"])
def test_every_defense_computes_on_bytes(name: str) -> None:
    clip = Clip.whole(torch.zeros(4, 3, 8, 8, dtype=torch.uint8))
    assert fit_on_tiny_videos(DEFENSES[name]()).defend_levels(clip, clip.indices) is not None


def test_a_chain_passes_bytes_on_only_where_nothing_is_rounded_between_members() -> None:
    clip = Clip.whole(noise(4, 8, 8))
    after_whole_levels = Chain((Jpeg(), TemporalMedian(), SpatialGaussian()))
    after_fractions = Chain((SpatialGaussian(), Jpeg()))
    assert after_whole_levels.defend_levels(clip, clip.indices) is not None
    assert after_fractions.defend_levels(clip, clip.indices) is None


@dataclass(frozen=True)
class RoundsDown(TemporalMean):
    """Its 8-bit way forgets to round."""

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        return (self.defend(Clip(clip.frames / 255, clip.indices, clip.video_length), indices) * 255).to(torch.uint8)


@dataclass(frozen=True)
class RoundsHalvesUp(TemporalInterpolation):
    """A half goes to the level above: 0.19 levels brighter."""

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        floats = self.defend(Clip(clip.frames / 255, clip.indices, clip.video_length), indices)
        return (floats * 255 + 0.5).floor_().to(torch.uint8)


@dataclass(frozen=True)
class OpenCVBilateral(Bilateral):
    """Distances of colors are sums, not roots of squares, and the window is a disk."""

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        out[:] = cv2.bilateralFilter(picture, self.window, 255 * self.tone, self.sigma, borderType=cv2.BORDER_REPLICATE)


@dataclass(frozen=True)
class OtherBorder(SpatialGaussian):
    """OpenCV's default mirrors at the border."""

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        weights = np.array(gaussian(self.sigma))
        cv2.sepFilter2D(picture, -1, weights, weights, dst=out)


@dataclass(frozen=True)
class FixedPointGaussian(SpatialGaussian):
    """OpenCV's Gaussian of bytes rounds its weights to 8 bits."""

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        side = len(gaussian(self.sigma))
        cv2.GaussianBlur(picture, (side, side), self.sigma, dst=out, borderType=cv2.BORDER_REPLICATE)


@dataclass(frozen=True)
class WithoutAntialias(SpatialResample):
    """OpenCV's bilinear resize skips pixels when it shrinks."""

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        height, width, _ = picture.shape
        small = cv2.resize(picture, self._smaller(height, width)[::-1], interpolation=cv2.INTER_LINEAR)
        cv2.resize(small, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class FullChromaJpeg(Jpeg):
    """A JPEG without 4:2:0 chroma."""

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        settings = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        _, file = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.quality, *settings])
        out[:] = opencv().imdecode(file, cv2.IMREAD_COLOR_RGB)


@dataclass(frozen=True)
class BlueFirst(Jpeg):
    """OpenCV's order of colors, taken for red, green, blue."""

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        out[:] = opencv().imdecode(file, cv2.IMREAD_COLOR_BGR)


@dataclass(frozen=True)
class FirstColorAlone(SpatialMedian):
    """A bare number stands for (number, 0, 0, 0) in OpenCV's arithmetic."""

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        opencv().max(cv2.medianBlur(picture, self.window), 1, dst=out)


@dataclass(frozen=True)
class ForgetsItsOwnRounding(TemporalMean):
    """It says that whole levels stay whole."""

    whole_levels: ClassVar[bool] = True


OTHER_FILTERS = [
    RoundsDown(), RoundsHalvesUp(), OpenCVBilateral(), OtherBorder(), FixedPointGaussian(), WithoutAntialias(),
    FullChromaJpeg(), BlueFirst(), FirstColorAlone(),
]  # fmt: skip


@pytest.mark.parametrize("other", OTHER_FILTERS, ids=lambda one: type(one).__name__)
def test_another_filter_that_is_taken_for_the_defense_is_caught(other: Defense) -> None:
    with pytest.raises(AssertionError, match="defend_levels"):
        check_levels(other)


def test_fractions_that_are_declared_whole_levels_are_caught() -> None:
    with pytest.raises(AssertionError, match="whole_levels is declared"):
        check_levels(ForgetsItsOwnRounding())


@pytest.mark.parametrize("defense", [TemporalInterpolation(), TemporalResample(), TemporalResample(6)], ids=str)
def test_values_between_two_levels_are_rounded_without_bias(defense: Defense) -> None:
    frames = noise(25, 40, 50)
    clip = Clip.whole(frames)
    exact = defense(frames.double() / 255) * 255
    ties = (exact * 2 - (exact * 2).round()).abs() < 1e-6
    ties &= (exact * 2).round() % 2 == 1
    assert ties.float().mean() > 0.05
    for levels in (defense.defend_levels(clip, clip.indices), (defense(frames / 255) * 255).round()):
        assert levels is not None
        wrong = levels.double() - exact
        assert abs(float(wrong.mean())) < 2e-3
        assert bool((levels.double()[ties] % 2 == 0).all()), "halves go to the even level"


@pytest.mark.parametrize(("height", "width"), [(33, 47), (1, 1), (64, 80)])
def test_jpeg_files_are_those_of_pillow_at_every_quality(height: int, width: int) -> None:
    from io import BytesIO

    from PIL import Image

    picture = noise(1, height, width)[0].permute(1, 2, 0).contiguous().numpy()
    for quality in range(1, 101):
        file = BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        made = np.empty_like(picture)
        Jpeg(quality).defend_picture(picture, made)
        assert np.array_equal(made, np.asarray(Image.open(file))), quality


def test_a_spatial_median_of_more_pixels_than_16_bits_count_is_a_median() -> None:
    white = torch.full((1, 3, 9, 11), 200, dtype=torch.uint8)
    white[..., :3] = 10
    for window in (255, 257, 601):
        levels = SpatialMedian(window).defend_levels(Clip.whole(white), torch.tensor([0]))
        assert levels is not None
        middle = np.pad(white[0, 0].numpy(), window // 2, mode="edge")[4 : 4 + window, 5 : 5 + window]
        assert int(levels[0, 0, 4, 5]) == int(np.median(middle))


@pytest.mark.parametrize("window", [3, 5, 9, 21])
def test_the_spatial_median_of_bytes_holds_for_every_window_and_tiny_frames(window: int) -> None:
    defense = SpatialMedian(window)
    for height, width in ((1, 1), (2, 30), (13, 17)):
        clip = Clip.whole(noise(1, height, width))
        around = np.pad(clip.frames[0].numpy(), ((0, 0), *[(window // 2, window // 2)] * 2), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(around, (window, window), axis=(1, 2))
        made = defense.defend_levels(clip, clip.indices)
        assert made is not None
        assert np.array_equal(made[0].numpy(), np.median(windows, axis=(3, 4)))


def test_frames_of_any_memory_order_give_the_same_levels() -> None:
    side_by_side = torch.randint(0, 256, (6, 12, 14, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    for name in ("temporal-mean", "temporal-shuffle", "bit-depth", "random-noise"):
        defense = DEFENSES[name]()
        one, other = (
            defense.defend_levels(Clip.whole(frames), torch.arange(6))
            for frames in (side_by_side, side_by_side.contiguous())
        )
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


def test_a_choice_of_frames_refuses_a_frame_that_the_clip_lacks() -> None:
    clip = Clip(noise(1, 4, 4), torch.tensor([0]), 12)
    with pytest.raises(ValueError, match="is needed but is not among"):
        TemporalShuffle().defend_levels(clip, torch.arange(12))


HASHES = """
import hashlib, torch
from defenses import DEFENSES, Clip
frames = torch.randint(0, 256, (7, 3, 40, 50), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
for name in ("temporal-gaussian", "spatial-gaussian", "spatial-median", "jpeg", "bit-depth", "resize-pad"):
    levels = DEFENSES[name]().defend_levels(Clip.whole(frames), torch.arange(7))
    print(name, hashlib.sha256(levels.contiguous().numpy().tobytes()).hexdigest())
"""
OLD_PROCESSOR = {
    "NUMBA_CPU_NAME": "x86-64",
    "NUMBA_CPU_FEATURES": "",
    "OPENCV_CPU_DISABLE": "AVX,FP16,AVX2,FMA3",
    "ATEN_CPU_CAPABILITY": "default",
}


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the old processor is one of this kind")
def test_a_processor_without_vector_units_gives_the_same_levels() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", HASHES], env=os.environ | extra, capture_output=True, text=True, check=True
        ).stdout
        for extra in ({}, OLD_PROCESSOR)
    ]
    assert found[0].count("\n") == 6
    assert found[0] == found[1]


def noise(count: int, height: int, width: int) -> Tensor:
    """Random bytes: (count, 3, height, width)."""
    shape, generator = (count, 3, height, width), torch.Generator().manual_seed(5)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
