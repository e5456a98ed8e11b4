"""What a block codec does to a gradient: a smooth stand-in for JPEG and for video codecs.

Frames go to YCbCr with 4:2:0 chroma and blocks of 8 x 8 cosines. A coefficient that survives the quantizer passes
its gradient; one that is rounded to 0 passes the less the smaller it is. Coefficients keep their values: only the
gradient is used.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

BLOCK = 8

LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""JPEG's quantizer table of luma at quality 50 (ITU-T T.81, table K.1), row by row."""

CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, *[99] * 32,
)  # fmt: skip
"""The same of chroma (table K.2)."""


def jpeg_steps(quality: int) -> tuple[Tensor, Tensor]:
    """Quantizer steps of luma and chroma in levels of 0-255, as libjpeg scales them: two (8, 8)."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (
        ((torch.tensor(table).view(BLOCK, BLOCK) * scale + 50) // 100).clamp(1, 255).float() for table in (LUMA, CHROMA)
    )
    return luma, chroma


def flat_steps(step: float) -> tuple[Tensor, Tensor]:
    """One quantizer step for all coefficients, as video codecs use it for what they predicted badly."""
    return (torch.full((BLOCK, BLOCK), step), torch.full((BLOCK, BLOCK), step))


def frame_stand_in(frames: Tensor, steps: tuple[Tensor, Tensor]) -> Tensor:
    """Every frame by itself: (S, 3, H, W) -> the same shape, in the same units."""
    planes = to_planes(frames)
    return from_planes(tuple(pass_coefficients(plane, step) for plane, step in zip(planes, steps, strict=True)), frames)


def stretch_stand_in(frames: Tensor, steps: tuple[Tensor, Tensor]) -> Tensor:
    """One frame after the other, each as a change of the one before it, as a codec without motion would do it.

    rec_t = rec_{t-1} + S (x_t - rec_{t-1}), where S passes the coefficients that survive.
    """
    before = [torch.zeros_like(plane[:1]) for plane in to_planes(frames[:1])]
    coded = []
    for frame in frames.split(1):
        before = [
            last + pass_coefficients(plane - last, step)
            for plane, last, step in zip(to_planes(frame), before, steps, strict=True)
        ]
        coded.append(from_planes(tuple(before), frame))
    return torch.cat(coded)


def pass_coefficients(plane: Tensor, steps: Tensor) -> Tensor:
    """Pass a plane (S, C, 8 a, 8 b) in levels through blocks of cosines, weakened where the quantizer gives 0.

    The weight is min(1, (2 |c| / step)^2): 1 where |c| is at least half a step. The mean of a block always passes.
    """
    cosines = cosine_matrix(plane.device, plane.dtype)
    count, channels, height, width = plane.shape
    blocks = plane.view(count, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(3, 4)
    coefficients = cosines @ blocks @ cosines.T
    weights = (2 * coefficients.detach() / steps.to(plane)).square_().clamp_(max=1)
    weights[..., 0, 0] = 1
    return (cosines.T @ (coefficients * weights) @ cosines).transpose(3, 4).reshape(plane.shape)


@cache
def cosine_matrix(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The orthonormal DCT-II of 8 values: (8, 8)."""
    places = torch.arange(BLOCK, dtype=torch.float64)
    matrix = torch.cos(torch.pi * (2 * places + 1) * places[:, None] / (2 * BLOCK)) / 2
    matrix[0] /= 2**0.5
    return matrix.to(device, dtype)


def to_planes(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (S, 1, H', W') and half-size chroma (S, 2, H'/2, W'/2) around 0, in levels; sides are filled up to 16."""
    height, width = frames.shape[-2:]
    filled = pad(frames, (0, -width % (2 * BLOCK), 0, -height % (2 * BLOCK)), mode="replicate") * 255
    red, green, blue = filled.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([(blue - luma) / 1.772, (red - luma) / 1.402], 1)
    return luma[:, None] - 128, avg_pool2d(chroma, 2)


def from_planes(planes: tuple[Tensor, ...], like: Tensor) -> Tensor:
    """The inverse: RGB (S, 3, H, W) in [0, 1] units, of the size of `like`; not clamped."""
    luma = planes[0][:, 0] + 128
    blue_less_luma, red_less_luma = interpolate(planes[1], scale_factor=2).unbind(1)
    red, blue = luma + 1.402 * red_less_luma, luma + 1.772 * blue_less_luma
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    height, width = like.shape[-2:]
    return torch.stack([red, green, blue], 1)[..., :height, :width] / 255
