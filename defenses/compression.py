"""Codecs as defenses: what an encoder throws away is gone from the attack, too."""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from defenses.base import bad_setting, frame_by_frame, straight_through, unique_frames


@dataclass(frozen=True)
class Jpeg:
    """Every frame to JPEG and back: y = decode(encode(round(255 x), quality)) / 255, with 4:2:0 chroma.

    Proposed for images by Dziugaite et al. 2016 and Das et al. 2017; qualities of 75, 50 and 30 are usual.
    Rounding has no useful gradient, so the gradient is that of the identity (BPDA).

    Attributes:
        quality: 1 (smallest file) to 100, on libjpeg's scale.
    """

    quality: int = 75

    deterministic: ClassVar[bool] = True
    differentiable: ClassVar[bool] = False
    null_space: ClassVar[str] = (
        "A pattern of low spatial frequency whose coefficients are larger than half a quantizer step, "
        "above all one that is the same all over the frame."
    )

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise bad_setting("quality", self.quality, "a whole number from 1 to 100")

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        return unique_frames(indices, frame_count)

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        return frame_by_frame(self._through_jpeg, frames, have, indices, frame_count)

    def _through_jpeg(self, frames: Tensor) -> Tensor:
        pixels = to_pixels(frames)
        decoded = torch.empty(pixels.shape, dtype=torch.uint8)
        for picture, result in zip(pixels.numpy(), decoded.numpy(), strict=True):
            result[:] = through_jpeg(picture, self.quality)
        return straight_through(to_frames(decoded, frames), frames)


def through_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Encode and decode one (H, W, 3) uint8 RGB picture."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def to_pixels(frames: Tensor) -> Tensor:
    """Round (S, 3, H, W) in [0, 1] to (S, H, W, 3) uint8 on the CPU."""
    levels = frames.detach().mul(255).round_().clamp_(0, 255)  # 255.6 would become 0 in 8 bits
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()


def to_frames(pixels: Tensor, like: Tensor) -> Tensor:
    """Turn (S, H, W, 3) uint8 into (S, 3, H, W) in [0, 1] with the type and device of `like`."""
    channels_first = pixels.to(like.device).permute(0, 3, 1, 2).contiguous()
    return channels_first.to(like.dtype).div_(255)
