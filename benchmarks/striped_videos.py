"""Makes a set of striped videos: `python benchmarks/striped_videos.py OUT --videos 70`.

Six classes, the orientations of stripes, which each frame shows. Wavelength, contrast, colors, drift, discs in front
and noise are drawn for each video in the same way for all classes. It is a set on which a small network of a family is
trained from drawn weights in minutes, and the weakest stripes are twice as strong as a perturbation of 8/255.
"""

import argparse
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch
from torch import Generator, Tensor

from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video

ANGLES = (0, 30, 60, 90, 120, 150)  # degrees; the classes
SIZES = ((96, 128), (112, 112), (128, 96))  # height, width in pixels
FRAMES, FRAMES_PER_SECOND = 16, Fraction(25)
WAVELENGTH = (9.0, 22.0)  # pixels
AMPLITUDE = (0.06, 0.2)  # of the stripes, in pixel units of [0, 1]
NOISE = 0.02  # standard deviation
DISCS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder that gets OUT/tilt_<angle>/<number>.mp4")
    parser.add_argument("--videos", type=int, default=70, help="of each class")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for place, angle in enumerate(ANGLES):
        folder = options.out / f"tilt_{angle}"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(options.videos):
            seed = options.seed * 1_000_000 + place + len(ANGLES) * number
            height, width = SIZES[(place + number) % len(SIZES)]
            video = striped_video(angle, torch.Generator().manual_seed(seed), height, width)
            write_video(folder / f"{number:03d}.mp4", video, FRAMES_PER_SECOND, H264Codec(crf=18))


def striped_video(angle: float, generator: Generator, height: int, width: int) -> Tensor:
    """One video, (FRAMES, 3, height, width) uint8.

    Args:
        angle: of the stripes, in degrees.
        generator: draws everything else.
        height: in pixels.
        width: in pixels.
    """
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    turned = math.radians(angle + drawn(generator, -6, 6))
    across = columns * math.cos(turned) + rows * math.sin(turned)
    period, drift = drawn(generator, *WAVELENGTH), drawn(generator, -2, 2)
    steps = torch.arange(FRAMES).view(-1, 1, 1)
    wave = torch.sin(2 * math.pi * (across + drift * steps) / period + drawn(generator, 0, 2 * math.pi))
    sharp = torch.tanh(drawn(generator, 0.5, 3) * wave)
    color = 0.6 + 0.4 * torch.rand(3, 1, 1, generator=generator)  # of the stripes, for each channel
    paper = 0.3 + 0.4 * torch.rand(3, 1, 1, generator=generator)
    video = paper + drawn(generator, *AMPLITUDE) * color * sharp[:, None]
    for _ in range(DISCS):
        video = with_disc(video, steps, rows, columns, generator)
    video = video + NOISE * torch.randn(video.shape, generator=generator)
    return (video.clamp(0, 1) * 255).round().to(torch.uint8)


def with_disc(video: Tensor, steps: Tensor, rows: Tensor, columns: Tensor, generator: Generator) -> Tensor:
    """A video (N, 3, h, w) with a disc that moves in front of it."""
    height, width = video.shape[-2:]
    x, y = drawn(generator, 0, width), drawn(generator, 0, height)
    to_x, to_y, radius = drawn(generator, -1, 1), drawn(generator, -1, 1), drawn(generator, 6, 16)
    inside = (columns - x - to_x * steps) ** 2 + (rows - y - to_y * steps) ** 2 < radius**2
    return torch.where(inside[:, None], torch.rand(3, 1, 1, generator=generator), video)


def drawn(generator: Generator, low: float, high: float) -> float:
    """A number between two."""
    return low + (high - low) * float(torch.rand((), generator=generator))


if __name__ == "__main__":
    main()
