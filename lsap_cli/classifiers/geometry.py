"""From a video's frame to the network's input size: resize, then a crop of the centre.

The resize acts on 8-bit frames and gives 8-bit frames, as a data loader does it. It is the same function for
the frame store, for evaluation and for a clip handed to a classifier, so that all of them see the same bytes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lsap_cli.classifiers.crops import CropRounding, Interpolation, check_crop
from perturbations.resizing import Kernel, ResizePath, resize_matrix


@dataclass(frozen=True)
class Geometry:
    """What happens to a frame before the network.

    Args:
        size: (height, width) that the network takes.
        resize: (height, width) that frames are brought to first, or one number: the shorter side.
        antialias: whether shrinking averages over all pixels it covers.
        interpolation: of the resize.
        crop_rounding: of the crop's corner where the margin is odd: half to even, as torchvision does it, or down, as
            transformers does it.
    """

    size: tuple[int, int]
    resize: tuple[int, int] | int
    antialias: bool = True
    interpolation: Interpolation = "bilinear"
    crop_rounding: CropRounding = "even"

    def __post_init__(self) -> None:
        check_crop(self.size, self.resize)

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) after the resize, before the crop, of frames of this size."""
        if not isinstance(self.resize, int):
            return self.resize
        if height <= width:
            return self.resize, int(self.resize * width / height)
        return int(self.resize * height / width), self.resize

    def shrink(self, frames: Tensor) -> Tensor:
        """Frames at the working size, with their dtype.

        Args:
            frames: (N, 3, H, W) uint8, or float in [0, 1].

        Returns:
            (N, 3, h, w). Floats stay in [0, 1]; those of a bicubic resize are an approximation of the bytes, which
            are cut to their range between its two passes.
        """
        size = self.working_size(*frames.shape[2:])
        if frames.shape[2:] == size:
            return frames
        resized = self._resized(frames, size)
        if self.interpolation == "bicubic" and frames.dtype != torch.uint8:
            return resized.clamp(0, 1)  # it overshoots at edges
        return resized

    def shrinks_as(self, other: "Geometry") -> bool:
        """Whether `shrink` gives the same frames as another geometry's."""
        return (self.resize, self.antialias, self.interpolation) == (other.resize, other.antialias, other.interpolation)

    def crop(self, frames: Tensor) -> Tensor:
        """The centre: (..., h, w) at the working size -> (..., *size)."""
        (top, left), (height, width) = self._corner(*frames.shape[-2:]), self.size
        return frames[..., top : top + height, left : left + width]

    def crops_of(self, frames: Tensor, number: int) -> list[Tensor]:
        """Several crops of frames at the working size.

        Args:
            frames: (..., h, w).
            number: 1, the centre, or 3 along the longer side: its beginning, the centre and its end.

        Returns:
            (..., *size) each.
        """
        if number == 1:
            return [self.crop(frames)]
        (top, left), (height, width) = self._corner(*frames.shape[-2:]), self.size
        rows, columns = frames.shape[-2] - height, frames.shape[-1] - width
        corners = [(0, left), (top, left), (rows, left)] if rows > columns else [(top, 0), (top, left), (top, columns)]
        return [frames[..., y : y + height, x : x + width] for y, x in corners]

    def path_matrices(
        self, delta_size: tuple[int, int], video_size: tuple[int, int], kernel: Kernel = "bilinear"
    ) -> ResizePath:
        """The way of a perturbation through a video of some size to the network, as one matrix a direction.

        Up to the video's size, down to the working size and the crop are all linear and separable, so the whole
        way is `rows @ delta @ columns.T`.

        Args:
            delta_size: (h, w) of delta.
            video_size: (H, W) of the video.
            kernel: of the way up.

        Returns:
            rows (size[0], h) and columns (size[1], w), float32.
        """
        working = self.working_size(*video_size)
        rows, columns = (
            self._along(
                delta_size[axis],
                video_size[axis],
                working[axis],
                self._corner(*working)[axis],
                self.size[axis],
                kernel,
            )
            for axis in (0, 1)
        )
        return ResizePath(rows, columns)

    def _corner(self, height: int, width: int) -> tuple[int, int]:
        rows, columns = height - self.size[0], width - self.size[1]
        if self.crop_rounding == "down":
            return rows // 2, columns // 2
        return round(rows / 2), round(columns / 2)

    def _along(self, delta: int, video: int, working: int, start: int, length: int, kernel: Kernel) -> Tensor:
        there = torch.eye(delta) if delta == video else resize_matrix(delta, video, kernel)
        if video != working:
            there = self._resized(there[None, None], (working, delta))[0, 0]
        return there[start : start + length]

    def _resized(self, frames: Tensor, size: tuple[int, int]) -> Tensor:
        if frames.dtype == torch.uint8 and not self.antialias:
            # torch's own resize of bytes rounds twice, upwards; torchvision's presets go through floats.
            resized = F.interpolate(frames.float(), size=size, mode=self.interpolation, align_corners=False)
            return resized.round_().clamp_(0, 255).byte()
        return F.interpolate(frames, size=size, mode=self.interpolation, align_corners=False, antialias=self.antialias)
