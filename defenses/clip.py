"""Frames of a video with their indices in it: the input of a defense."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from lsap_common import require_kind, require_whole


@dataclass(frozen=True, eq=False)
class Clip:
    """Some frames of one video, in the order of time.

    Attributes:
        frames: (S, 3, H, W), for a defense float in [0, 1]; never changed.
        indices: (S,) int64 in [0, video_length), rising, each one once: the places of the frames in the video.
        video_length: N, frames of the whole video.

    Raises:
        ValueError: if the frames are not (S, 3, H, W), or the indices do not fit the frames or the video.
    """

    frames: Tensor
    indices: Tensor
    video_length: int

    def __post_init__(self) -> None:
        require_kind("frames are", self.frames, Tensor, "give a tensor (frames, 3, height, width)")
        require_kind("the indices are", self.indices, Tensor, "give an int64 tensor of frame numbers")
        if self.frames.ndim != 4 or self.frames.shape[1] != 3:
            raise ValueError(f"frames have the shape {tuple(self.frames.shape)}; give (frames, 3, height, width)")
        require_whole("video_length", self.video_length, least=0)
        if len(self.frames) != len(self.indices):
            raise ValueError(
                f"{len(self.frames)} frames were given with {len(self.indices)} frame indices; give one index a frame"
            )
        check_indices(self.indices, self.video_length)
        places = self.indices.numpy()
        if not bool((places[1:] > places[:-1]).all()):
            raise ValueError("the indices of a clip's frames must rise, each one once; sort them and their frames")

    @classmethod
    def whole(cls, video: Tensor) -> Self:
        """All frames of a video: (N, 3, H, W)."""
        return cls(video, torch.arange(len(video)), len(video))

    def frames_at(self, indices: Tensor) -> Tensor:
        """Copy the frames that have these indices in the video.

        Args:
            indices: (K,) int64, in any order, repeats allowed.

        Returns:
            (K, 3, H, W), never a view of `frames`.

        Raises:
            ValueError: if the clip lacks one of them.
        """
        # Plain indexing, not index_select: its gradient adds repeated frames up in a fixed order on a GPU, too.
        return self.frames[self.rows_of(indices).to(self.frames.device)]

    def rows_of(self, indices: Tensor) -> Tensor:
        """Where the frames that have these indices in the video stand in `frames`: int64 of any shape -> the same.

        Raises:
            ValueError: if the clip lacks one of them.
        """
        own, wanted = self.indices.numpy(), indices.numpy()  # numpy takes a tenth of torch's time for so few values
        rows = np.minimum(np.searchsorted(own, wanted), max(len(own) - 1, 0))
        missing = wanted if not len(own) else wanted[own[rows] != wanted]
        if missing.size:
            raise ValueError(
                f"frame {int(missing.flat[0])} is needed but is not among the {len(self.frames)} frames given; "
                f"give all frames that needs() names"
            )
        return torch.from_numpy(rows)


def check_indices(indices: Tensor, video_length: int) -> None:
    """Refuse frame indices that a video of `video_length` frames does not have."""
    require_kind("the frame indices are", indices, Tensor, "give an int64 tensor of frame numbers")
    if indices.dtype != torch.int64:
        raise ValueError(f"the frame indices are {indices.dtype}; give int64")
    if not indices.numel():
        return
    numbers = indices.numpy()
    first, last = int(numbers.min()), int(numbers.max())
    if first < 0 or last >= video_length:
        raise ValueError(
            f"frame indices run from {first} to {last}, but the video has {video_length} frames; "
            f"use indices of at least 0 and below {video_length}"
        )


def unique_indices(indices: Tensor) -> Tensor:
    """Frame indices of any shape, flat and sorted, each one once."""
    unique: Tensor = torch.unique(indices)
    return unique


def check_clip(clip: object) -> None:
    """Refuse what is no clip, such as a tensor of frames, whose places in the video nobody says.

    Raises:
        ValueError: saying what would work.
    """
    require_kind("the clip is", clip, Clip, "give Clip.whole(video), or call the defense itself: defense(video)")


def check_video(video: Tensor) -> None:
    """Refuse what is no video, or no batch of videos, that a defense can take.

    Args:
        video: (N, 3, H, W) or (B, N, 3, H, W), float in [0, 1].

    Raises:
        ValueError: about the shape, the type or the range.
    """
    require_kind("the video is", video, Tensor, "give a torch tensor of floats in [0, 1], (frames, 3, height, width)")
    shape = tuple(video.shape)
    if video.ndim not in (4, 5) or shape[-3] != 3 or 0 in shape:
        raise ValueError(
            f"the video has the shape {shape}; give (frames, 3, height, width) or (videos, frames, 3, height, width)"
        )
    if not video.is_floating_point():
        raise ValueError(f"the video's values are {video.dtype}; give floats in [0, 1], such as video.float() / 255")
    low, high = float(video.detach().min()), float(video.detach().max())
    if not (low >= 0 and high <= 1):  # NaN, too
        raise ValueError(f"the video's values run from {low:g} to {high:g}; give floats in [0, 1]")
