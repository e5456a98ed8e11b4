"""How much of each kind of pattern passes each defense.

    python benchmarks/null_spaces.py [--defense jpeg h264:crf=23 ...] [--motion 0 1 2]

Prints a Markdown table for each motion. A cell is the share of the pattern that is left in the defended video,
<defended with - defended without, pattern> / <pattern, pattern>: 1 where all of it passes, 0 where nothing does, above
1 where it is made larger. The video is generated: soft structure at three sizes that moves by `--motion` pixels a
frame, because a codec that predicts a frame from the one before keeps what moves with the scene, or with its parity.
Patterns have 8/255 and are gray.
"""

import argparse
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from defenses import DEFENSES, Defense
from defenses.testing.videos import fit_on_tiny_videos
from lsap_cli.specs import build_defense

FRAMES, HEIGHT, WIDTH = 32, 144, 176
EPSILON = 8 / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--defense", nargs="+", default=[*DEFENSES], metavar="SPEC")
    parser.add_argument("--motion", nargs="+", type=int, default=[0, 1, 2], metavar="PIXELS")
    options = parser.parse_args()
    torch.set_num_threads(1)
    defenses = {spec: fit_on_tiny_videos(build_defense(spec)) for spec in options.defense}
    for motion in options.motion:
        video = make_moving_scene(motion)
        print(f"\nscene moves by {motion} pixels a frame\n\n| defense | {' | '.join(PATTERNS)} |")
        print("|---|" + "---:|" * len(PATTERNS))
        for spec, defense in defenses.items():
            shares = [passing_share(defense, video, make()) for make in PATTERNS.values()]
            print(f"| `{spec}` | {' | '.join(f'{share:.2f}' for share in shares)} |", flush=True)


def passing_share(defense: Defense, video: Tensor, pattern: Tensor) -> float:
    """The share of a pattern (FRAMES, 1, H, W), added to a video within [0.1, 0.9], that is left behind a defense."""
    passed = defense(video + pattern) - defense(video)
    return float((passed * pattern).sum() / (3 * pattern.square().sum()))


def make_moving_scene(motion: int) -> Tensor:
    """A scene that moves to the left: (FRAMES, 3, HEIGHT, WIDTH) in whole levels within [0.1, 0.9]."""
    generator = torch.Generator().manual_seed(0)
    scene = torch.full((1, 3, HEIGHT, WIDTH + motion * FRAMES), 0.5)
    for cells, strength in ((4, 0.12), (12, 0.08), (40, 0.05)):
        coarse = torch.randn(1, 3, cells, cells, generator=generator) * strength
        scene = scene + interpolate(coarse, scene.shape[2:], mode="bicubic")
    frames = [scene[0, :, :, motion * number : motion * number + WIDTH] for number in range(FRAMES)]
    return torch.stack(frames).clamp(0.1, 0.9).mul(255).round() / 255


def constant_in_time(frame: Tensor) -> Tensor:
    """The same (HEIGHT, WIDTH) signs in every frame, as a pattern."""
    return (EPSILON * frame).expand(FRAMES, 1, HEIGHT, WIDTH)


def alternating(frame: Tensor) -> Tensor:
    """The same signs, turned around in every second frame."""
    return constant_in_time(frame) * (1 - 2 * (torch.arange(FRAMES) % 2)).view(-1, 1, 1, 1)


def flickering(frame: Tensor) -> Tensor:
    """The same signs, turned around at random."""
    signs = torch.randint(0, 2, (FRAMES, 1, 1, 1), generator=torch.Generator().manual_seed(1)) * 2 - 1
    return constant_in_time(frame) * signs


def blocks(side: int) -> Tensor:
    """A checkerboard of squares."""
    rows, columns = torch.arange(HEIGHT) // side, torch.arange(WIDTH) // side
    return 1.0 - 2 * ((rows[:, None] + columns) % 2)


def stripes(axis: int) -> Tensor:
    """Stripes of a single pixel, along rows (0) or columns (1)."""
    places = torch.arange(HEIGHT)[:, None] if axis == 0 else torch.arange(WIDTH)[None]
    return (1.0 - 2 * (places % 2)).expand(HEIGHT, WIDTH)


def half_wave() -> Tensor:
    """The lowest frequency in both directions that has no mean."""
    down = torch.cos(torch.pi * (torch.arange(HEIGHT) + 0.5) / HEIGHT)
    return down[:, None] * torch.cos(torch.pi * (torch.arange(WIDTH) + 0.5) / WIDTH)


GRAY = torch.ones(HEIGHT, WIDTH)
PATTERNS: dict[str, Callable[[], Tensor]] = {
    "gray": lambda: constant_in_time(GRAY),
    "gray, alternating": lambda: alternating(GRAY),
    "gray, flicker": lambda: flickering(GRAY),
    "half wave": lambda: constant_in_time(half_wave()),
    "half wave, flicker": lambda: flickering(half_wave()),
    "row stripes": lambda: constant_in_time(stripes(0)),
    "column stripes": lambda: constant_in_time(stripes(1)),
    "checkerboard": lambda: constant_in_time(blocks(1)),
    "checkerboard, alternating": lambda: alternating(blocks(1)),
    "blocks of 2": lambda: constant_in_time(blocks(2)),
    "blocks of 4": lambda: constant_in_time(blocks(4)),
    "blocks of 8": lambda: constant_in_time(blocks(8)),
    "blocks of 16": lambda: constant_in_time(blocks(16)),
    "blocks of 8, flicker": lambda: flickering(blocks(8)),
}


if __name__ == "__main__":
    main()
