"""8-bit frames as arrays of pixels, and the two ways to work on them: frame by frame, or window by window.

OpenCV is imported when a defense first needs it, and works in the thread that calls it: whoever has many frames hands
them to several threads.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from defenses.clip import Clip
from defenses.gradients import wants_gradient

Pixels = NDArray[np.uint8]

CACHED_BYTES = 2**22  # of floats that are worked on at a time, where nothing else is to be gained


@cache
def opencv() -> ModuleType:
    """OpenCV, set to one thread for this process."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


def pixels_of(frames: Tensor) -> Pixels:
    """(S, 3, H, W) uint8 -> (S, H, W, 3), contiguous; a view where the colors of a pixel lie side by side."""
    return frames.detach().permute(0, 2, 3, 1).contiguous().cpu().numpy()


def frames_of(pixels: Pixels) -> Tensor:
    """(S, H, W, 3) -> (S, 3, H, W) uint8, a view with the colors of a pixel side by side in memory."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def each_picture(clip: Clip, indices: Tensor, change: Callable[[Pixels, Pixels], None]) -> Tensor:
    """Changes 8-bit frames one by one.

    Args:
        clip: of uint8 frames.
        indices: (K,) int64 in the video.
        change: takes a picture (H, W, 3) and writes into another.

    Returns:
        (K, 3, H, W) uint8, as `frames_of`.
    """
    pictures = pixels_of(clip.frames)
    rows = clip.rows_of(indices).tolist()
    made = np.empty((len(rows), *pictures.shape[1:]), np.uint8)
    for out, row in zip(made, rows, strict=True):
        change(pictures[row], out)
    return frames_of(made)


def each_window(clip: Clip, places: Tensor, combine: Callable[[tuple[Pixels, ...], Pixels], None]) -> Tensor:
    """Combines 8-bit frames, window by window, each of which stays in the processor's cache.

    Args:
        clip: of uint8 frames.
        places: (W, K) int64, the frames of K windows in the order of time.
        combine: takes the W frames of a window, flat: (H W 3,) each, and writes into another.

    Returns:
        (K, 3, H, W) uint8, as `frames_of`.
    """
    pictures = pixels_of(clip.frames)
    flat = list(pictures.reshape(len(pictures), -1)) if len(pictures) else []
    windows: Sequence[Sequence[int]] = clip.rows_of(places).T.tolist()
    made = np.empty((len(windows), *pictures.shape[1:]), np.uint8)
    for out, window in zip(made, windows, strict=True):
        combine(tuple(flat[row] for row in window), out.reshape(-1))
    return frames_of(made)


def floats_of(levels: Tensor, rows: Tensor) -> Tensor:
    """Some 8-bit frames as floats: (S, 3, H, W) uint8 and (K,) int64 -> (K, 3, H, W) float32 in [0, 1]."""
    made = torch.empty(len(rows), *levels.shape[1:], device=levels.device)
    for row, one in zip(rows.tolist(), made, strict=True):  # frame by frame, which stays in the processor's cache
        one.copy_(levels[row]).div_(255)
    return made


def rounded_levels(floats: Tensor) -> Tensor:
    """Float frames in [0, 1] rounded to levels, half to even: (K, 3, H, W) -> uint8, as `frames_of`."""
    count, colors, height, width = floats.shape
    made = torch.empty(count, height, width, colors, dtype=torch.uint8, device=floats.device)
    for one, levels in zip(floats, made, strict=True):
        # planes are put together last: a copy of bytes, and straight to uint8 takes torch twice as long
        torch.stack((one * 255).round_().to(torch.int16).to(torch.uint8).unbind(), -1, out=levels)
    return made.permute(0, 3, 1, 2)


def frames_at_a_time(frames: Tensor) -> int:
    """How many float frames of a size (K, 3, H, W) are filtered at a time: on a processor few, on a GPU all.

    What a filter makes on its way then stays in the processor's cache, and in memory that the process has already.
    Blocks of tens of megabytes are mapped anew each time, page by page: that took up to 0.7 of the time at 1280x720.
    """
    count, *shape = frames.shape
    if frames.device.type != "cpu":
        return max(1, count)
    return max(1, CACHED_BYTES // max(1, math.prod(shape) * frames.element_size()))


def part_by_part(clip: Clip, indices: Tensor, filtered: Callable[[Tensor], Tensor]) -> Tensor:
    """What a filter over time makes of a few frames at a time, where no gradient is asked for.

    A gradient would be added up over all frames for each part.

    Args:
        clip: of float frames.
        indices: (K,) int64 in the video.
        filtered: takes some of the indices, and gives the frames (some, 3, H, W).
    """
    at_a_time = len(indices) if wants_gradient(clip.frames) else frames_at_a_time(clip.frames)
    if len(indices) <= at_a_time:
        return filtered(indices)
    return torch.cat([filtered(some) for some in indices.split(at_a_time)])
