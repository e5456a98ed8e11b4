"""How a detector reads a video: frames by index, and what the classifier predicts of clips."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from defenses.base import Defense
from defenses.clip import Clip, check_indices, check_video
from lsap_common import require_kind


class DetectorVideo(Protocol):
    """One video, as a detector reads it. That of an attacker gives frames and probabilities with gradients."""

    @property
    def video_length(self) -> int:
        """N, frames of the whole video."""
        ...

    @property
    def clips(self) -> Tensor:
        """The clips that the classifier takes by its own protocol: (V, T) int64 frame indices."""
        ...

    def read(self, indices: Tensor) -> Clip:
        """Frames by index: (K,) int64, sorted, each one once -> a clip of K frames in [0, 1]."""
        ...

    def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
        """What the classifier predicts of clips of the video, or of the defended video.

        Args:
            clips: (C, T) int64 frame indices.
            defense: that changes the video before the clips are taken.

        Returns:
            (C, classes), which sum to 1.
        """
        ...


@dataclass(frozen=True, eq=False)
class TensorVideo:
    """A `DetectorVideo` of a video that is in memory.

    Attributes:
        video: (N, 3, H, W), float in [0, 1]. Differentiable.
        classifier: (C, T, 3, H, W) in [0, 1] -> (C, classes) logits; None: for detectors that need no predictions.
        clips: (V, T) int64 frame indices: what the classifier takes of a video by its own protocol.

    Raises:
        ValueError: if the video is no video, or the video has no such frames.
    """

    video: Tensor
    classifier: Callable[[Tensor], Tensor] | None
    clips: Tensor

    def __post_init__(self) -> None:
        require_kind("the video is", self.video, Tensor, "give a torch tensor (frames, 3, height, width)")
        require_kind("clips are", self.clips, Tensor, "give int64 frame indices (clips, frames per clip)")
        if self.video.ndim != 4:
            raise ValueError(f"the video has the shape {tuple(self.video.shape)}; give (frames, 3, height, width)")
        check_video(self.video)
        if self.clips.ndim != 2 or self.clips.dtype != torch.int64:
            raise ValueError(
                f"clips are {self.clips.dtype} of the shape {tuple(self.clips.shape)}; "
                "give int64 frame indices (clips, frames per clip)"
            )
        check_indices(self.clips, self.video_length)

    @property
    def video_length(self) -> int:
        return len(self.video)

    def read(self, indices: Tensor) -> Clip:
        return Clip(self.video[indices], indices, self.video_length)

    def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
        if self.classifier is None:
            raise ValueError("this detector compares predictions; give it a classifier and a sampler")
        check_indices(clips, self.video_length)
        video = self.video if defense is None else defense(self.video)
        return self.classifier(video[clips]).softmax(1)
