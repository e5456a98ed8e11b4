"""Perturbation sources: where the frames of a video come from when it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from lsap_cli.datasets.base import Video
from lsap_cli.video.media import Media
from lsap_cli.video.memory_limit import require_memory
from perturbations import Perturbation

BYTES_PER_ELEMENT = 16  # of a resized slot: floats, whole levels, and one copy of either


class PerturbationSource(Protocol):
    """A file to decode for each video, and a change to its decoded frames."""

    @property
    def appended(self) -> int:
        """Number of frames that follow a video's own frames and are not in the file."""
        ...

    def file_of(self, video: Video) -> Media:
        """The file that is decoded."""
        ...

    def change(self, frames: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        """Perturbs decoded frames.

        Args:
            frames: (S, 3, H, W) uint8; not changed in place.
            indices: (S,) int64, their indices in the video.
            frame_count: number of the video's own frames.

        Returns:
            (S, 3, H, W) uint8.
        """
        ...


@dataclass(frozen=True)
class Unperturbed:
    """The clean video."""

    appended = 0

    def file_of(self, video: Video) -> Media:
        return video.media

    def change(self, frames: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        return frames


@dataclass(frozen=True)
class AddedPerturbation:
    """A perturbation that is added to the video's frames in 8-bit levels, as `apply` writes it."""

    perturbation: Perturbation

    @property
    def appended(self) -> int:
        return self.perturbation.binding.appended

    def file_of(self, video: Video) -> Media:
        return video.media

    def change(self, frames: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        require_room(self.perturbation, frames)
        return self.perturbation.add_to_bytes(frames, indices, frame_count)


def require_room(perturbation: Perturbation, frames: Tensor) -> None:
    """Refuses a video at whose size a perturbation that is resized as a whole is too large.

    Raises:
        UnreadableVideo: if it would need more than the memory limit.
    """
    if perturbation.budget.norm == "linf":
        return  # its slots are made one by one
    slots, (height, width) = len(perturbation.delta), frames.shape[-2:]
    needed = slots * 3 * height * width * BYTES_PER_ELEMENT
    require_memory(needed, f"a perturbation of {slots} slots under l2 at {width} x {height} pixels")


@dataclass(frozen=True)
class PerturbedFiles:
    """Perturbed files that exist: the decoded frames are the perturbed ones, appended frames included."""

    files: Mapping[str, Media]  # by the video's name

    appended = 0

    def file_of(self, video: Video) -> Media:
        return self.files[video.name]

    def change(self, frames: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        return frames
