"""For each defense the fastest function that is known to give its levels, bare: called on frames that lie ready.

OpenCV's own where it has one; otherwise a loop that is compiled here, that of total variation with `fastmath`.
"""

from collections.abc import Callable
from functools import cache
from itertools import cycle

import cv2
import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from defenses import Defense, FrameChoice
from defenses import kernels as k
from defenses.compression import Jpeg, VideoCodec, codec_round_trip
from defenses.randomized import RandomNoise, ResizePad
from defenses.reordering import TemporalInterpolation
from defenses.resampling import SpatialResample, TemporalResample, resize_frames
from defenses.spatial import (
    Bilateral,
    BitDepth,
    SpatialGaussian,
    SpatialMedian,
    TotalVariation,
    bilateral_weights,
    level_table,
)
from defenses.subtraction import PerturbationSubtraction
from defenses.temporal import TemporalGaussian, TemporalMean, TemporalMedian, gaussian, mirror

Frames = NDArray[np.uint8]
Picture = Callable[[Frames, Frames], object]


def bare_function(defense: Defense, frames: Frames) -> Callable[[], object] | None:
    """A call that defends all frames (N, H, W, 3) once; None: only the defense itself is known."""
    out = np.empty_like(frames)
    cv2.setNumThreads(1)
    if isinstance(defense, FrameChoice):
        sources = defense.source_indices(len(frames)).numpy()
        return lambda: frames[sources]
    if isinstance(defense, VideoCodec):
        stretches = range(0, len(frames), defense.stretch)
        return lambda: [codec_round_trip(frames[start : start + defense.stretch], defense) for start in stretches]
    windows = of_windows(defense, frames, out)
    if windows is not None:
        return windows
    one = of_pictures(defense, frames.shape[1], frames.shape[2])
    return None if one is None else lambda: [one(*pair) for pair in zip(frames, out, strict=True)]


def of_windows(defense: Defense, frames: Frames, out: Frames) -> Callable[[], object] | None:
    """Functions of several frames in time, at the settings whose function is known."""
    count, height = frames.shape[:2]
    flat, made = list(frames.reshape(count, -1)), list(out.reshape(count, -1))
    lines, made_lines = frames.reshape(count, height, -1), out.reshape(count, height, -1)

    def around(reach: int) -> list[list[int]]:
        return [mirror(torch.arange(n - reach, n + reach + 1), count).tolist() for n in range(count)]

    def halves(pairs: list[tuple[int, int]]) -> Callable[[], object]:
        return lambda: [
            cv2.addWeighted(lines[a], 0.5, lines[b], 0.5, 0, dst=made_lines[n]) for n, (a, b) in enumerate(pairs)
        ]

    match defense:
        case TemporalMean(3):
            loop = compiled(mean_of_three)
            return lambda: [loop(*[flat[row] for row in rows], made[n]) for n, rows in enumerate(around(1))]
        case TemporalMedian(3):
            loop = compiled(k.median_of_three.loop)
            return lambda: [loop(*[flat[row] for row in rows], made[n]) for n, rows in enumerate(around(1))]
        case TemporalGaussian(sigma):
            loop, weights = compiled(k.weighted_sum_of_few.loop), np.array(gaussian(sigma), np.float32)
            windows = [tuple(flat[row] for row in rows) for rows in around(len(weights) // 2)]
            return lambda: [loop(frames, weights, made[n]) for n, frames in enumerate(windows)]
        case TemporalInterpolation(distance):
            return halves([(rows[0], rows[-1]) for rows in around(distance)])
        case TemporalResample(2):
            last = (count - 1) // 2 * 2
            return halves([(n // 2 * 2, min(n + n % 2, last)) for n in range(count)])
    return None


def of_pictures(defense: Defense, height: int, width: int) -> Picture | None:
    """Functions of one frame."""
    border = cv2.BORDER_REPLICATE
    match defense:
        case Jpeg(quality):
            return lambda frame, _: cv2.imdecode(
                cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1],
                cv2.IMREAD_COLOR_RGB,
            )
        case BitDepth():
            table = level_table(defense)
            return lambda frame, out: cv2.LUT(frame, table, dst=out)
        case SpatialMedian(window):
            return lambda frame, out: cv2.medianBlur(frame, window, dst=out)
        case SpatialGaussian(sigma):
            weights = np.array(gaussian(sigma))
            return lambda frame, out: cv2.sepFilter2D(frame, -1, weights, weights, borderType=border, dst=out)
        case Bilateral(window):
            loop, tables, reach = compiled(k.bilateral.loop), bilateral_weights(defense), window // 2
            return lambda frame, out: loop(cv2.copyMakeBorder(frame, reach, reach, reach, reach, border), *tables, out)
        case TotalVariation():
            return total_variation(defense, height, width)
        case SpatialResample():
            return through_floats(defense)
        case ResizePad():
            return shrink(defense, height, width)
        case RandomNoise(sigma):
            loop, generator = compiled(k.add_planes.loop), torch.Generator()

            def add_noise(frame: Frames, out: Frames) -> None:
                noise = torch.randn(3, height * width, generator=generator.manual_seed(1)).numpy()
                loop(frame.reshape(-1, 3), noise, np.float32(255 * sigma), out.reshape(-1, 3))

            return add_noise
        case PerturbationSubtraction():
            noise = np.random.default_rng(0).normal(0, 2, (defense.period, height * width * 3)).astype(np.float32)
            loop, slots = compiled(subtract), cycle(noise)
            return lambda frame, out: loop(frame.reshape(-1), next(slots), out.reshape(-1))
    return None


def total_variation(defense: TotalVariation, height: int, width: int) -> Picture:
    """Plane by plane, by the same loop with `fastmath`."""
    loop, work = compiled(k.total_variation.loop, fastmath=True), np.empty((3, height, width), np.float32)
    made = np.empty((height, width), np.uint8)

    def denoise(frame: Frames, out: Frames) -> None:
        for color in range(3):
            plane = frame[..., color].astype(np.float32) / np.float32(255)
            loop(plane, np.float32(defense.weight), defense.steps, work, made)
            out[..., color] = made

    return denoise


def through_floats(defense: SpatialResample) -> Picture:
    """Torch's float resize, there and back."""

    def resample(frame: Frames, out: Frames) -> None:
        floats = torch.from_numpy(frame).permute(2, 0, 1)[None] / 255
        made = defense.defend_frames(floats).mul_(255).round_().byte()
        out[:] = made[0].permute(1, 2, 0).numpy()

    return resample


def shrink(defense: ResizePad, height: int, width: int) -> Picture:
    """Torch's resize of bytes."""
    size, top, left = defense.placed(height, width)

    def place(frame: Frames, out: Frames) -> None:
        small = resize_frames(torch.from_numpy(frame).permute(2, 0, 1)[None], size)[0].permute(1, 2, 0)
        out[:] = 128
        out[top : top + size[0], left : left + size[1]] = small.numpy()

    return place


@cache
def compiled(loop: Callable[..., None], fastmath: bool = False) -> Callable[..., None]:
    """A loop as numba compiles it."""
    made: Callable[..., None] = njit(nogil=True, fastmath=fastmath)(loop)
    return made


def mean_of_three(first: Frames, second: Frames, third: Frames, out: Frames) -> None:
    for place in range(out.size):
        out[place] = (np.uint16(first[place]) + np.uint16(second[place]) + np.uint16(third[place]) + 1) // 3


def subtract(frame: Frames, pattern: NDArray[np.float32], out: Frames) -> None:
    for place in range(out.size):
        level = np.float32(frame[place]) - pattern[place]
        out[place] = np.uint8(np.rint(min(max(level, np.float32(0)), np.float32(255))))
