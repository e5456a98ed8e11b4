"""Frames behind a defense: only the ones that are needed, in parts that fit into memory, as 8-bit levels (law 2)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.chain import levels_behind
from defenses.pixels import frames_of, pixels_of
from lsap_cli.video.reading import FrameReader

FLOAT_SHARE = 8  # float frames with the copies and neighbors of defenses take this many times the memory of 8-bit ones


def defended_levels(defense: Defense | None, clip: Clip, sampled: Tensor) -> Tensor:
    """Frames of the defended video, rounded to 8-bit levels.

    Args:
        defense: None for no defense.
        clip: 8-bit frames, at least those that the defense needs.
        sampled: (K,) int64, rising.

    Returns:
        (K, 3, H, W) uint8, with the colors of a pixel side by side in memory, with which a resize is fastest.
    """
    if defense is not None:
        return levels_behind(defense, clip, sampled)
    if len(clip.indices) == len(sampled):  # both are rising, so they are equal
        return clip.frames
    return frames_of(pixels_of(clip.frames)[clip.rows_of(sampled).numpy()])


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
        place: int | None = middle
        if sum(sizes(middle)) > len(whole):
            from_the_middle = sorted(range(1, len(sampled)), key=lambda one: abs(one - middle))
            smaller = [one for one in from_the_middle if max(sizes(one)) < len(whole)]
            place = min(smaller, key=lambda one: sum(sizes(one)), default=None)  # the first of equal ones
        if place is not None and max(sizes(place)) < len(whole):
            for some in (sampled[:place], sampled[place:]):
                yield from split_indices(some, defenses, frame_count, most)
            return
    yield sampled, whole
