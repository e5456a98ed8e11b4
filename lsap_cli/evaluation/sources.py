"""Perturbation sources: where the frames of a video come from when it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from lsap_cli.datasets.base import Video
from lsap_cli.video.media import Media
from lsap_cli.video.memory_limit import require_room_for_slots
from perturbations import Perturbation


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
    """Refuses a video at whose size a perturbation is too large, see `require_room_for_slots`."""
    height, width = frames.shape[-2:]
    require_room_for_slots(perturbation.budget.norm, len(perturbation.delta), height, width)


@dataclass(frozen=True)
class PerturbedFiles:
    """Perturbed files that exist: the decoded frames are the perturbed ones, appended frames included."""

    files: Mapping[str, Media]  # by the video's name

    appended = 0

    def file_of(self, video: Video) -> Media:
        return self.files[video.name]

    def change(self, frames: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        return frames
