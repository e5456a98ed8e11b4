"""What a defense declares, and the few steps that all defenses share.

A defense changes a video before a classifier samples it. It can be run on just those source frames that the
wanted frames need, and then gives exactly what it would have given on the whole video.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol

import torch
from torch import Tensor


class Defense(Protocol):
    """Changes a video and keeps its number of frames and their size.

    Concrete defenses are frozen dataclasses whose fields are their settings; `defenses.DEFENSES` lists them.
    """

    deterministic: ClassVar[bool]
    """The same video gives the same result; no generator is needed."""

    differentiable: ClassVar[bool]
    """True: autograd through `defend` is exact (almost everywhere). False: the gradient is a stand-in."""

    null_space: ClassVar[str]
    """One sentence: what passes through unchanged."""

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        """Name the source frames that the defended frames `indices` are made of.

        Args:
            indices: (K,) int64 frame numbers in [0, frame_count), in any order, repeats allowed.
            frame_count: frames of the whole video.

        Returns:
            Frame numbers, int64, sorted, each one once.
        """
        ...

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        """Make the defended video's frames `indices`.

        Args:
            frames: (S, 3, H, W) float32 in [0, 1], the source frames numbered `have`; never changed.
            have: (S,) int64, sorted, each one once, at least `needs(indices, frame_count)`.
            indices: (K,) int64 frame numbers in [0, frame_count), in any order, repeats allowed.
            frame_count: frames of the whole video.

        Returns:
            (K, 3, H, W) float32 in [0, 1], on the device of `frames`.
        """
        ...


def check_indices(indices: Tensor, frame_count: int) -> None:
    """Refuse frame numbers that a video of `frame_count` frames does not have."""
    if not indices.numel():
        return
    first, last = int(indices.min()), int(indices.max())
    if first < 0 or last >= frame_count:
        raise ValueError(
            f"frame numbers run from {first} to {last}, but the video has {frame_count} frames; "
            f"use numbers of at least 0 and below {frame_count}"
        )


def unique_frames(indices: Tensor, frame_count: int) -> Tensor:
    """Name what a defense needs that treats every frame by itself: the frames `indices`, each one once."""
    check_indices(indices, frame_count)
    return each_once(indices)


def each_once(numbers: Tensor) -> Tensor:
    """Flatten and sort frame numbers and drop the repeated ones."""
    unique: Tensor = torch.unique(numbers)
    return unique


def take(frames: Tensor, have: Tensor, wanted: Tensor) -> Tensor:
    """Copy the frames numbered `wanted` out of the source frames, which are numbered `have`.

    Args:
        frames: (S, 3, H, W), any float type.
        have: (S,) int64, sorted, each one once.
        wanted: (K,) int64, in any order, repeats allowed.

    Returns:
        (K, 3, H, W), never a view of `frames`.
    """
    if len(frames) != len(have):
        raise ValueError(f"{len(frames)} frames were given with {len(have)} frame numbers; give one number a frame")
    missing = wanted[~torch.isin(wanted, have)]
    if len(missing):
        raise ValueError(
            f"frame {int(missing[0])} is needed but is not among the {len(have)} frames given; "
            f"give all frames that needs() names"
        )
    # Plain indexing, not index_select: its gradient adds repeated frames up in a fixed order on a GPU, too.
    return frames[torch.searchsorted(have, wanted).to(frames.device)]


def frame_by_frame(
    process: Callable[[Tensor], Tensor], frames: Tensor, have: Tensor, indices: Tensor, frame_count: int
) -> Tensor:
    """Run `process`, which treats every frame by itself, once on each of the frames `indices`.

    Args:
        process: (S, 3, H, W) -> (S, 3, H, W), does not change its input.
        frames: (S, 3, H, W), the source frames numbered `have`.
        have: (S,) int64, sorted, each one once.
        indices: (K,) int64, in any order, repeats allowed.
        frame_count: frames of the whole video.
    """
    needed = unique_frames(indices, frame_count)
    processed = process(take(frames, have, needed))
    if torch.equal(needed, indices):
        return processed
    return take(processed, needed, indices)


def straight_through(values: Tensor, frames: Tensor) -> Tensor:
    """Give `values` the gradient of the identity on `frames` (same shape), where one is wanted.

    The backward pass differentiable approximation (BPDA) of Athalye, Carlini and Wagner, ICML 2018.
    """
    if not (torch.is_grad_enabled() and frames.requires_grad):
        return values
    return values + (frames - frames.detach())  # the difference is exactly 0


def bad_setting(name: str, value: object, allowed: str) -> ValueError:
    """Make the error for a setting outside of its range."""
    return ValueError(f"{name} is {value}; it must be {allowed}")
