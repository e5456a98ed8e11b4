"""How much of each kind of pattern passes each defense.

    python benchmarks/null_spaces.py [--defense jpeg h264:crf=23 ...] [--motion 0 1 2] [--clips a.mp4 b.mp4 ...]

Prints a Markdown table for each kind of scene. A cell is the share of the pattern that is left in the defended video,
<defended with - defended without, pattern> / <pattern, pattern>: 1 where all of it passes, 0 where nothing does, above
1 where it is made larger.

Scenes are generated (soft structure at three sizes) or, with `--clips`, natural: the clip's first frame, over which the
camera pans by `--motion` pixels a frame, and the clip as it is (its motion, its noise); a cell is then the mean over
the clips. Motion matters because a codec that predicts a frame from the one before keeps what moves with the scene, or
with its parity. Patterns have 8/255 and are gray. Scenes are of 176 x 144, within [0.1, 0.9], so that nothing is
cut. A defense that is fitted on many videos is fitted without the pattern: its row does not show what it takes off.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from defenses import DEFENSES, Defense
from defenses.testing.videos import fit_on_tiny_videos
from lsap_cli.specs import build_defense
from lsap_cli.video.reading import read_frames

FRAMES, HEIGHT, WIDTH = 32, 144, 176
EPSILON = 8 / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--defense", nargs="+", default=[*DEFENSES], metavar="SPEC")
    parser.add_argument("--motion", nargs="+", type=int, default=[0, 1, 2], metavar="PIXELS")
    parser.add_argument("--clips", nargs="+", type=Path, default=[], metavar="VIDEO")
    options = parser.parse_args()
    torch.set_num_threads(1)
    defenses = {spec: fit_on_tiny_videos(build_defense(spec)) for spec in options.defense}
    for name, scenes in make_scenes(options.motion, options.clips).items():
        print(f"\n{name}\n\n| defense | {' | '.join(PATTERNS)} |")
        print("|---|" + "---:|" * len(PATTERNS))
        for spec, defense in defenses.items():
            shares = torch.tensor([passing_shares(defense, scene) for scene in scenes]).mean(0)
            print(f"| `{spec}` | {' | '.join(f'{share:.2f}' for share in shares.tolist())} |", flush=True)


def make_scenes(motions: Sequence[int], clips: Sequence[Path]) -> dict[str, list[Tensor]]:
    """Videos of each kind, by a name for people: (FRAMES, 3, HEIGHT, WIDTH) each."""
    if not clips:
        return {f"generated scene, moves by {motion} pixels a frame": [make_moving_scene(motion)] for motion in motions}
    videos = [read_clip(path) for path in clips]
    scenes = {
        f"pan of {motion} pixels a frame over the first frames of {len(videos)} clips": [
            pan(video[0], motion) for video in videos
        ]
        for motion in motions
    }
    return scenes | {f"{len(videos)} clips as they are": [fitted(video) for video in videos]}


def read_clip(path: Path) -> Tensor:
    """A clip's first frames: (FRAMES, 3, H, W) within [0.1, 0.9]."""
    frames = [frame.pixels for frame in islice(read_frames(path, "one"), FRAMES)]
    if len(frames) < FRAMES:
        raise SystemExit(f"{path} has {len(frames)} frames; {FRAMES} are needed")
    return torch.stack(frames) / 255 * 0.8 + 0.1


def fitted(video: Tensor) -> Tensor:
    """A video's middle, in whole levels: (FRAMES, 3, HEIGHT, WIDTH)."""
    scale = max(HEIGHT / video.shape[2], WIDTH / video.shape[3])
    size = max(HEIGHT, round(video.shape[2] * scale)), max(WIDTH, round(video.shape[3] * scale))
    small = interpolate(video, size, mode="bilinear", antialias=True)
    top, left = (size[0] - HEIGHT) // 2, (size[1] - WIDTH) // 2
    return small[..., top : top + HEIGHT, left : left + WIDTH].mul(255).round() / 255


def pan(picture: Tensor, motion: int) -> Tensor:
    """A camera that moves over a (3, H, W) picture, which is made large enough: (FRAMES, 3, HEIGHT, WIDTH)."""
    width = WIDTH + motion * (FRAMES - 1)
    scale = max(HEIGHT / picture.shape[1], width / picture.shape[2])
    size = max(HEIGHT, round(picture.shape[1] * scale)), max(width, round(picture.shape[2] * scale))
    scene = interpolate(picture[None], size, mode="bilinear", antialias=True)[0, :, :HEIGHT].mul(255).round() / 255
    return torch.stack([scene[..., motion * number : motion * number + WIDTH] for number in range(FRAMES)])


def passing_shares(defense: Defense, video: Tensor) -> list[float]:
    """The share of each pattern that is left behind a defense."""
    plain = defense(video)
    return [passing_share(defense, video, plain, make()) for make in PATTERNS.values()]


def passing_share(defense: Defense, video: Tensor, plain: Tensor, pattern: Tensor) -> float:
    """The share of a pattern (FRAMES, 1, H, W), added to a video within [0.1, 0.9], that is left behind a defense.

    Args:
        defense: with fixed randomness.
        video: without the pattern.
        plain: the same, defended.
        pattern: that is added.
    """
    passed = defense(video + pattern) - plain
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


def stripes(axis: int, side: int = 1) -> Tensor:
    """Stripes of some pixels, along rows (0) or columns (1)."""
    places = torch.arange(HEIGHT)[:, None] if axis == 0 else torch.arange(WIDTH)[None]
    return (1.0 - 2 * (places // side % 2)).expand(HEIGHT, WIDTH)


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
    "row stripes, flicker": lambda: flickering(stripes(0)),
    "stripes of 3 rows": lambda: constant_in_time(stripes(0, 3)),
    "stripes of 3 rows, flicker": lambda: flickering(stripes(0, 3)),
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
