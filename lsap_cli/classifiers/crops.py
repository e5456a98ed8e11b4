"""The names of a resize and of a crop, and whether the two fit. No torch here: model cards are checked before it."""

from typing import Literal

Interpolation = Literal["bilinear", "bicubic"]
CropRounding = Literal["even", "down"]


def check_crop(size: tuple[int, int], resize: tuple[int, int] | int) -> None:
    """Checks that a size can be cropped out of resized frames.

    Args:
        size: (height, width) of the crop.
        resize: (height, width) of the frames, or the length of their shorter side.

    Raises:
        ValueError: if it cannot.
    """
    sides = (resize, resize) if isinstance(resize, int) else resize
    if min(*size, *sides) < 1:
        raise ValueError(f"size {size} and resize {resize} must be at least 1 pixel")
    if sides[0] < size[0] or sides[1] < size[1]:
        raise ValueError(f"resize {resize} is smaller than size {size}, which is cropped out of it")
