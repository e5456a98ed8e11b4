"""Loops over the bytes of frames. Each is compiled by numba at its first call, for as many frames as it is given.

None of them reorders or fuses float operations (numba's `fastmath` is off): every processor gives the same bits. They
let go of the interpreter's lock. The colors of a pixel lie side by side, except where "planes" are named.
"""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

BLOCK = 4096  # values that are added up at a time: they stay in the processor's nearest cache


class Kernel:
    """A loop that is compiled when it is first called.

    What was compiled is kept beside this file or in the user's cache folder (numba's NUMBA_CACHE_DIR names another),
    for the next process. Where neither can be written, every process compiles anew.
    """

    def __init__(self, loop: Callable[..., None]) -> None:
        self.loop = loop
        self._compiled: Callable[..., None] | None = None
        self._lock = Lock()

    def __call__(self, *arguments: object) -> None:
        """Run it on arrays and numbers; it writes into the last one."""
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    self._compiled = self._compile()
        try:
            self._compiled(*arguments)
        except OSError:  # a full disk: the loop itself touches no file
            self._compiled = _njit(self.loop, cache=False)
            self._compiled(*arguments)

    def _compile(self) -> Callable[..., None]:
        try:
            return _njit(self.loop, cache=True)
        except RuntimeError:  # numba has found no folder that it could write to
            return _njit(self.loop, cache=False)


def _njit(loop: Callable[..., None], cache: bool) -> Callable[..., None]:
    from numba import njit  # takes half a second, and most commands need no loop

    compiled: Callable[..., None] = njit(nogil=True, cache=cache)(loop)
    return compiled


@Kernel
def mean_of_few(frames: Sequence[Bytes], out: Bytes) -> None:
    """Mean of an odd number of frames, at most 15: tuple of (L,) -> (L,). It has no ties."""
    count, half = np.uint16(len(frames)), np.uint16(len(frames) // 2)
    for place in range(out.size):
        total = half
        for frame in range(len(frames)):
            total = np.uint16(total + frames[frame][place])
        out[place] = total // count


@Kernel
def weighted_sum_of_few(frames: Sequence[Bytes], weights: Floats, out: Bytes) -> None:
    """Sum of at most 15 frames with weights whose sum is 1, rounded: tuple of (L,), (frames,) -> (L,)."""
    for place in range(out.size):
        total = np.float32(0)
        for frame in range(len(frames)):
            total += frames[frame][place] * weights[frame]
        out[place] = np.uint8(np.rint(total))


@Kernel
def weighted_sum(frames: Bytes, rows: NDArray[np.int64], weights: Floats, scale: np.float32, out: Bytes) -> None:
    """Sum of any number of frames with weights, times a scale, rounded: (S, L), rows and weights (W,) -> (L,)."""
    total = np.empty(BLOCK, np.float32)
    for start in range(0, out.size, BLOCK):
        length = min(BLOCK, out.size - start)
        some, made = total[:length], out[start : start + length]
        some[:] = np.float32(0)
        for number in range(len(rows)):
            frame, weight = frames[rows[number]][start : start + length], weights[number]
            for place in range(length):
                some[place] += frame[place] * weight
        for place in range(length):
            made[place] = np.uint8(np.rint(some[place] * scale))


@Kernel
def median_of_three(first: Bytes, second: Bytes, third: Bytes, out: Bytes) -> None:
    """Median of three frames: (L,) each -> (L,)."""
    for place in range(out.size):
        low, high = min(first[place], second[place]), max(first[place], second[place])
        out[place] = max(low, min(high, third[place]))


@Kernel
def weighted_mean(first: Bytes, second: Bytes, share: np.float32, of: np.float32, out: Bytes) -> None:
    """((of - share) first + share second) / of, halves to even: (L,) both -> (L,). `share` and `of` are whole."""
    rest = of - share
    for place in range(out.size):
        total = np.float32(first[place]) * rest + np.float32(second[place]) * share  # whole: ties are exact
        out[place] = np.uint8(np.rint(total / of))


@Kernel
def add_pattern(frame: Bytes, pattern: Floats, scale: np.float32, out: Bytes) -> None:
    """Frame plus a scaled pattern in levels, cut to 0..255, rounded: (L,), (L,) -> (L,)."""
    for place in range(out.size):
        level = np.float32(frame[place]) + pattern[place] * scale
        out[place] = np.uint8(np.rint(min(max(level, np.float32(0)), np.float32(255))))


@Kernel
def add_planes(frame: Bytes, planes: Floats, scale: np.float32, out: Bytes) -> None:
    """As `add_pattern`, with a pattern of planes: (H W, 3), (3, H W) -> (H W, 3)."""
    for color in range(3):
        plane = planes[color]
        for place in range(len(plane)):
            level = np.float32(frame[place, color]) + plane[place] * scale
            out[place, color] = np.uint8(np.rint(min(max(level, np.float32(0)), np.float32(255))))


@Kernel
def blur_rows_and_columns(frame: Bytes, weights: Sequence[np.float32], out: Bytes) -> None:
    """Symmetric blur beyond whose borders the border pixels go on: (H, 3 W) -> (H, 3 W).

    The weights are a tuple, the middle one first, or for a long blur an array, which is compiled once for all lengths.
    """
    height, length = frame.shape
    reach = len(weights) - 1
    margin = 3 * reach
    line = np.empty(length + 2 * margin, np.float32)
    middle = line[margin : margin + length]
    for row in range(height):
        own, weight = frame[row], weights[0]
        for place in range(length):
            middle[place] = weight * own[place]
        for distance in range(1, reach + 1):
            above, below = frame[max(row - distance, 0)], frame[min(row + distance, height - 1)]
            weight = weights[distance]
            for place in range(length):
                middle[place] += weight * (np.int32(above[place]) + np.int32(below[place]))
        for pixel in range(reach):
            for color in range(3):
                line[3 * pixel + color] = middle[color]
                line[margin + length + 3 * pixel + color] = middle[length - 3 + color]
        made = out[row]
        for place in range(length):
            total = weights[0] * middle[place]
            for distance in range(1, reach + 1):
                total += weights[distance] * (line[margin + place - 3 * distance] + line[margin + place + 3 * distance])
            made[place] = np.uint8(np.rint(total))


@Kernel
def long_blur_rows_and_columns(frame: Bytes, weights: Floats, out: Bytes) -> None:
    """As `blur_rows_and_columns`, for a reach of many pixels, distance by distance."""
    height, length = frame.shape
    reach = len(weights) - 1
    margin = 3 * reach
    line, total = np.empty(length + 2 * margin, np.float32), np.empty(length, np.float32)
    middle = line[margin : margin + length]
    for row in range(height):
        own = frame[row]
        for place in range(length):
            middle[place] = weights[0] * own[place]
        for distance in range(1, reach + 1):
            above, below = frame[max(row - distance, 0)], frame[min(row + distance, height - 1)]
            weight = weights[distance]
            for place in range(length):
                middle[place] += weight * (np.int32(above[place]) + np.int32(below[place]))
        for pixel in range(reach):
            for color in range(3):
                line[3 * pixel + color] = middle[color]
                line[margin + length + 3 * pixel + color] = middle[length - 3 + color]
        for place in range(length):
            total[place] = weights[0] * middle[place]
        for distance in range(1, reach + 1):
            before = line[margin - 3 * distance : margin - 3 * distance + length]
            after = line[margin + 3 * distance : margin + 3 * distance + length]
            weight = weights[distance]
            for place in range(length):
                total[place] += weight * (before[place] + after[place])
        made = out[row]
        for place in range(length):
            made[place] = np.uint8(np.rint(total[place]))


@Kernel
def bilateral(frame: Bytes, by_color: Floats, by_place: Floats, out: Bytes) -> None:
    """Mean of a window, weighted by the distance in color and in space: (H + 2 r, W + 2 r, 3) -> (H, W, 3).

    `by_color` has a weight for each squared distance of two colors in levels, `by_place` (2 r + 1, 2 r + 1).
    """
    height, width, _ = out.shape
    window = len(by_place)
    reach = window // 2
    for row in range(height):
        for column in range(width):
            red = np.int32(frame[row + reach, column + reach, 0])
            green = np.int32(frame[row + reach, column + reach, 1])
            blue = np.int32(frame[row + reach, column + reach, 2])
            reds, greens, blues, weights = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for down in range(window):
                for right in range(window):
                    r = np.int32(frame[row + down, column + right, 0])
                    g = np.int32(frame[row + down, column + right, 1])
                    b = np.int32(frame[row + down, column + right, 2])
                    distance = (r - red) * (r - red) + (g - green) * (g - green) + (b - blue) * (b - blue)
                    weight = by_color[distance] * by_place[down, right]
                    reds += weight * r
                    greens += weight * g
                    blues += weight * b
                    weights += weight
            out[row, column, 0] = np.uint8(np.rint(reds / weights))
            out[row, column, 1] = np.uint8(np.rint(greens / weights))
            out[row, column, 2] = np.uint8(np.rint(blues / weights))


@Kernel
def total_variation(plane: Floats, weight: np.float32, steps: int, work: Floats, out: Bytes) -> None:
    """Denoising of one plane by total variation, see `defenses.spatial.TotalVariation`: (H, W) in [0, 1] -> (H, W).

    `work` is (3, H, W) of any content.
    """
    height, width = plane.shape
    down, right, error = work[0], work[1], work[2]
    step, tiny, one = np.float32(0.25), np.float32(1e-12), np.float32(1)
    down[:] = np.float32(0)
    right[:] = np.float32(0)
    for number in range(steps + 1):
        for row in range(height):
            here, right_row, wrong = down[row], right[row], error[row]
            before = down[max(row - 1, 0)]
            for column in range(width):
                wrong[column] = (here[column] if row < height - 1 else np.float32(0)) - (
                    before[column] if row > 0 else np.float32(0)
                )
            for column in range(width - 1):
                wrong[column] += right_row[column]
            for column in range(1, width):
                wrong[column] -= right_row[column - 1]
            own = plane[row]
            if number < steps:
                for column in range(width):
                    wrong[column] -= own[column] / weight
            else:
                made = out[row]
                for column in range(width):
                    level = (own[column] - weight * wrong[column]) * np.float32(255)
                    made[column] = np.uint8(np.rint(min(max(level, np.float32(0)), np.float32(255))))
        if number == steps:
            break
        for row in range(height):
            here, below, down_row, right_row = error[row], error[min(row + 1, height - 1)], down[row], right[row]
            for column in range(width):
                towards_down = below[column] - here[column]
                towards_right = here[min(column + 1, width - 1)] - here[column]
                norm = one + step * np.sqrt(towards_down * towards_down + towards_right * towards_right + tiny)
                down_row[column] = (down_row[column] + step * towards_down) / norm
                right_row[column] = (right_row[column] + step * towards_right) / norm


Taps = tuple[NDArray[np.int64], Floats]
"""What each of some values is made of: the first place (N,), and the weights of it and those after it (N, taps)."""


@Kernel
def shrink_and_enlarge(frame: Bytes, down: tuple[Taps, Taps], up: tuple[Taps, Taps], small: Floats, out: Bytes) -> None:
    """To a smaller size and back, rows and columns apart: (H, 3 W) -> (H, 3 W).

    `down` and `up` have the taps of rows and of columns; `small` is (h, 3 W) of any content.
    """
    (row_starts, row_weights), (column_starts, column_weights) = down
    (up_row_starts, up_row_weights), (up_column_starts, up_column_weights) = up
    line, narrow = np.empty(out.shape[1], np.float32), np.empty((len(column_starts), 3), np.float32)
    for row in range(len(small)):
        line[:] = np.float32(0)
        for tap in range(row_weights.shape[1]):
            source, weight = frame[row_starts[row] + tap], row_weights[row, tap]
            for place in range(len(line)):
                line[place] += weight * source[place]
        for column in range(len(narrow)):
            red, green, blue, place = np.float32(0), np.float32(0), np.float32(0), 3 * column_starts[column]
            for tap in range(column_weights.shape[1]):
                weight = column_weights[column, tap]
                red += weight * line[place]
                green += weight * line[place + 1]
                blue += weight * line[place + 2]
                place += 3
            narrow[column, 0], narrow[column, 1], narrow[column, 2] = red, green, blue
        wide = small[row]
        for column in range(len(up_column_starts)):
            red, green, blue, place = np.float32(0), np.float32(0), np.float32(0), up_column_starts[column]
            for tap in range(up_column_weights.shape[1]):
                weight = up_column_weights[column, tap]
                red += weight * narrow[place + tap, 0]
                green += weight * narrow[place + tap, 1]
                blue += weight * narrow[place + tap, 2]
            wide[3 * column], wide[3 * column + 1], wide[3 * column + 2] = red, green, blue
    for row in range(len(out)):
        line[:] = np.float32(0)
        for tap in range(up_row_weights.shape[1]):
            wide, weight = small[up_row_starts[row] + tap], up_row_weights[row, tap]
            for place in range(len(line)):
                line[place] += weight * wide[place]
        made = out[row]
        for place in range(len(line)):
            made[place] = np.uint8(np.rint(min(max(line[place], np.float32(0)), np.float32(255))))
