"""Frames behind a defense: only the ones that are needed, in parts that fit into memory, as 8-bit levels (law 2)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from defenses import Clip, Defense
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.reading import FrameReader
from perturbations.adding import to_bytes

NATIVE_BYTES = 2**29  # bytes of one video's 8-bit frames that are held at once
LIMIT_SHARE = 16  # of the memory limit, that these frames may take; their copies take the rest
FLOAT_SHARE = 8  # float frames with the copies and neighbors of defenses take this many times the memory of 8-bit ones
CONVERTED_AT_ONCE = 4  # frames; few enough to stay in the processor's cache


class FloatCache:
    """8-bit frames, and float copies of those that were asked for last.

    Defenses that need the same frames one after the other share the copies.

    Args:
        frames: (S, 3, H, W) uint8.
        indices: (S,) int64, the frames' indices in the video, rising.
    """

    def __init__(self, frames: Tensor, indices: Tensor) -> None:
        self.frames, self.indices = frames, indices
        self._cached_indices = torch.empty(0, dtype=torch.int64)
        self._cached = torch.empty(0)

    def floats(self, needed: Tensor) -> Tensor:
        """Some of the frames: (K,) int64 -> (K, 3, H, W) float32 in [0, 1]; the caller must not change them."""
        if not torch.equal(needed, self._cached_indices):
            self._cached = torch.empty(0)  # frees the old copies before new ones are made
            self._cached = self.frames.new_empty((len(needed), *self.frames.shape[1:]), dtype=torch.float32)
            rows = torch.searchsorted(self.indices, needed)
            for made, some in zip(self._cached.split(CONVERTED_AT_ONCE), rows.split(CONVERTED_AT_ONCE), strict=True):
                made.copy_(self.frames.index_select(0, some)).div_(255)
            self._cached_indices = needed
        return self._cached


def defended_levels(defense: Defense | None, cache: FloatCache, sampled: Tensor, frame_count: int) -> Tensor:
    """Frames of the defended video, rounded to 8-bit levels.

    Args:
        defense: None for no defense.
        cache: of at least the frames that the defense needs.
        sampled: (K,) int64, rising.
        frame_count: number of frames of the whole video.

    Returns:
        (K, 3, H, W) uint8, in channels-last order in memory, with which a resize is fastest.
    """
    if defense is None:
        if len(cache.indices) == len(sampled):  # both are rising, so they are equal
            return cache.frames
        return cache.frames.index_select(0, torch.searchsorted(cache.indices, sampled))
    levels = defense.defend_levels(Clip(cache.frames, cache.indices, frame_count), sampled)
    if levels is not None:
        return levels
    needed = defense.needs(sampled, frame_count)
    defended = defense.defend(Clip(cache.floats(needed), needed, frame_count), sampled)
    count, colors, height, width = defended.shape
    levels = torch.empty(count, height, width, colors, dtype=torch.uint8)
    for made, frame in zip(levels, defended, strict=True):  # frame by frame: a frame stays in the cache
        torch.stack(to_bytes(frame).unbind(), -1, out=made)
    return levels.permute(0, 3, 1, 2)


def frames_at_once(height: int, width: int) -> int:
    """How many 8-bit frames of a size are held at once."""
    held = min(NATIVE_BYTES, memory_limit() // LIMIT_SHARE)
    return max(1, held // (height * width * 3))


def read_with_appended(reader: FrameReader, indices: Tensor) -> Tensor:
    """Frames by index, (K, 3, H, W) uint8; those after the video's own are black, to which appended slots are added.

    Raises:
        UnreadableVideo: if the file has to be read again and has changed.
    """
    own = len(reader.times)
    inside = indices[indices < own]
    if len(inside) == len(indices):
        return reader.frames(indices)
    frames = reader.frames(inside if len(inside) else torch.tensor([own - 1]))
    black = torch.zeros(len(indices) - len(inside), *frames.shape[1:], dtype=torch.uint8)
    return torch.cat([frames[: len(inside)], black])


def split_indices(
    sampled: Tensor, defenses: Sequence[Defense | None], frame_count: int, most: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Splits the sampled frames until each part needs at most `most` source frames.

    Frames that both sides of a split need are processed twice. So the split is where the sides share fewest frames, and
    there is none where it would not make a part smaller.

    Args:
        sampled: (K,) int64, rising.
        defenses: all that the frames go through, side by side.
        frame_count: number of frames of the whole video.
        most: source frames of a part.

    Yields:
        The sampled indices of a part, and the indices that they need.
    """

    def needed(some: Tensor) -> Tensor:
        needs = [some if defense is None else defense.needs(some, frame_count) for defense in defenses]
        union: Tensor = torch.cat(needs).unique()
        return union

    def sizes(place: int) -> tuple[int, int]:
        return len(needed(sampled[:place])), len(needed(sampled[place:]))

    whole = needed(sampled)
    middle = len(sampled) // 2
    if len(whole) > most and middle:
        place = middle
        if sum(sizes(place)) > len(whole):
            from_the_middle = sorted(range(1, len(sampled)), key=lambda one: abs(one - middle))
            place = min(from_the_middle, key=lambda one: sum(sizes(one)))  # the first of equal ones
        if max(sizes(place)) < len(whole):
            for some in (sampled[:place], sampled[place:]):
                yield from split_indices(some, defenses, frame_count, most)
            return
    yield sampled, whole
