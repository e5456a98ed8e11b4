"""Short videos of eight motion classes, which no single frame distinguishes.

Every video shows the same kind of scene (textured things, small distractors, haze, a shaking camera, noise).
In its middle frame the class has no part at all, and a class is its reverse class played backwards.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video

LABELS = ("left", "right", "up", "down", "clockwise", "counter_clockwise", "grow", "shrink")
REVERSE_OF = {"right": "left", "down": "up", "counter_clockwise": "clockwise", "shrink": "grow"}
SIZES = ((120, 160), (128, 128), (144, 112))  # height, width in pixels
FRAMES_PER_VIDEO = 40
FRAMES_PER_SECOND = Fraction(25)

SMALLEST, LARGEST = 0.11, 0.34  # radius of a thing, in units of the video's shorter side
MARGIN = 0.22  # how far outside the picture a thing turns up again, in the same units
SHAKE = 0.012  # amplitude of the camera's shake, in the same units
# Steps of a low-discrepancy sequence in three dimensions (x, y, log radius): things keep their distance.
SPREAD = (0.8191725, 0.6710436, 0.5497005)


@dataclass(frozen=True)
class _Motion:
    """What the class changes per frame: position in units of the shorter side, radians, log radius."""

    x: float = 0.0
    y: float = 0.0
    angle: float = 0.0
    log_radius: float = 0.0


def make_video(label: str, generator: torch.Generator, frames: int, height: int, width: int) -> Tensor:
    """Makes one video of a class.

    Args:
        label: one of `LABELS`.
        generator: draws everything that the class does not say; the same draws for every class.
        frames: how many frames.
        height: in pixels.
        width: in pixels.

    Returns:
        (frames, 3, height, width) uint8. With the same generator state, `right` is `left` played backwards
        (as with the other pairs); the middle one of an odd number of frames is the same for all classes.
    """
    if label not in LABELS:
        raise ValueError(f"the demo has no class {label!r}; it has {', '.join(LABELS)}")
    forward = REVERSE_OF.get(label, label)
    video = _render(forward, generator, frames, height, width)
    return video if forward == label else video.flip(0)


def write_dataset(
    folder: Path,
    videos_per_class: int,
    seed: int,
    on_video: Callable[[Path], None] | None = None,
) -> list[Path]:
    """Writes `folder/<label>/<nnn>.mp4`, as many for every class, H.264 in sizes that take turns.

    Args:
        folder: made when it is not there.
        videos_per_class: how many.
        seed: other seeds give other videos.
        on_video: called with each path once it is written.

    Returns:
        The paths, class by class.
    """
    paths = []
    for place, label in enumerate(LABELS):
        for number in range(videos_per_class):
            generator = torch.Generator().manual_seed(video_seed(seed, place + len(LABELS) * number))
            height, width = SIZES[(place + number) % len(SIZES)]
            path = folder / label / f"{number:03d}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            video = make_video(label, generator, FRAMES_PER_VIDEO, height, width)
            write_video(path, video, FRAMES_PER_SECOND, H264Codec(crf=18))
            paths.append(path)
            if on_video is not None:
                on_video(path)
    return paths


def video_seed(seed: int, number: int) -> int:
    """The seed of video `number` (below a million) of the data set `seed`; no two data sets share a video."""
    return seed * 1_000_000 + number


def _render(label: str, generator: torch.Generator, frames: int, height: int, width: int) -> Tensor:
    side = min(height, width)
    times = torch.arange(frames) - (frames - 1) / 2
    motion = _draw_motion(label, generator)
    shake = _draw_shake(times, generator) * SHAKE * side
    ink, paper = _draw_colors(generator)
    canvas = _draw_background(shake, paper, height, width, generator)
    _draw_specks(canvas, times, shake, generator)
    count = int(_uniform(generator, 4, 7))
    start = torch.rand(3, generator=generator)
    for number in range(count):
        phases = start + number * torch.tensor(SPREAD)
        _draw_thing(canvas, phases, motion, times, shake, ink[number % len(ink)], generator)
    haze = (paper[0] + paper[1]).view(3, 1, 1) / 2
    canvas = haze + _uniform(generator, 0.4, 0.65) * (canvas - haze)
    gain = 1 + 0.015 * torch.randn(frames, 1, 1, 1, generator=generator)
    noise = _uniform(generator, 0.006, 0.014) * torch.randn(canvas.shape, generator=generator)
    return ((canvas * gain + noise).clamp(0, 1) * 255).round().to(torch.uint8)


def _draw_motion(label: str, generator: torch.Generator) -> _Motion:
    """Draws a speed, in the same way for every class."""
    speed = _uniform(generator, 0.7, 1.3)
    return {
        "left": _Motion(x=-0.012 * speed),
        "up": _Motion(y=-0.012 * speed),
        "clockwise": _Motion(angle=math.radians(4.0) * speed),
        "grow": _Motion(log_radius=0.022 * speed),
    }[label]


def _draw_shake(times: Tensor, generator: torch.Generator) -> Tensor:
    """Draws the camera's offsets: (frames, 2) x and y, a sum of a few sines of about unit amplitude."""
    frequencies = 0.1 + 0.8 * torch.rand(2, 3, generator=generator)  # radians per frame
    phases = 2 * math.pi * torch.rand(2, 3, generator=generator)
    return torch.sin(times[:, None, None] * frequencies + phases).sum(-1) / math.sqrt(3)


def _draw_colors(generator: torch.Generator) -> tuple[list[tuple[Tensor, Tensor]], tuple[Tensor, Tensor]]:
    """Draws pairs of colors, each (3,) in [0, 1]: those of the things, and those of the background."""
    hue = _uniform(generator, 0, 1)
    ink = []
    for number in range(5):
        own = hue + 0.45 + 0.13 * number + _uniform(generator, -0.04, 0.04)
        light = _color(own, _uniform(generator, 0.35, 0.6), _uniform(generator, 0.7, 0.85))
        dark = _color(own + _uniform(generator, 0.05, 0.2), _uniform(generator, 0.5, 0.8), 0.4)
        ink.append((light, dark))
    value = _uniform(generator, 0.35, 0.75)
    paper = (_color(hue, 0.35, value + 0.15), _color(hue + 0.08, 0.45, value - 0.15))
    return ink, paper


def _color(hue: float, saturation: float, value: float) -> Tensor:
    """HSV to RGB: (3,) in [0, 1]; hue 1 is hue 0 again."""
    sectors = (torch.tensor([5.0, 3.0, 1.0]) + 6 * hue) % 6
    return value * (1 - saturation * torch.minimum(sectors, 4 - sectors).clamp(0, 1))


def _draw_background(
    shake: Tensor, paper: tuple[Tensor, Tensor], height: int, width: int, generator: torch.Generator
) -> Tensor:
    """Draws a cloudy texture of two colors under a shaking camera: (frames, 3, height, width)."""
    border = max(4, math.ceil(2 * SHAKE * min(height, width)))  # the shake stays within
    size = (height + 2 * border, width + 2 * border)
    clouds = torch.zeros(1, 1, *size)
    for cells, weight in ((3, 1.0), (7, 0.6), (18, 0.35), (48, 0.2)):
        grid = torch.randn(1, 1, cells, cells, generator=generator)
        clouds += weight * interpolate(grid, size, mode="bicubic", align_corners=True)
    mix = torch.sigmoid(1.2 * clouds[0])
    image = mix * paper[0].view(3, 1, 1) + (1 - mix) * paper[1].view(3, 1, 1)
    ys = torch.arange(height) + border + shake[:, 1, None]
    xs = torch.arange(width) + border + shake[:, 0, None]
    ys = ys / (size[0] - 1) * 2 - 1
    xs = xs / (size[1] - 1) * 2 - 1
    where = torch.stack((xs[:, None, :].expand(-1, height, -1), ys[:, :, None].expand(-1, -1, width)), dim=-1)
    return grid_sample(image.expand(len(shake), -1, -1, -1), where, align_corners=True)


def _draw_specks(canvas: Tensor, times: Tensor, shake: Tensor, generator: torch.Generator) -> None:
    """Draws distractors into the canvas: small dots that drift anywhere, and some that flicker."""
    height, width = canvas.shape[2:]
    side = min(height, width)
    for number in range(5):
        phases = torch.rand(2, generator=generator)
        direction = _uniform(generator, 0, 2 * math.pi)
        speed = _uniform(generator, 0, 0.012)
        radius = _uniform(generator, 0.02, 0.05) * side
        color = torch.rand(3, 1, 1, generator=generator) * 0.7 + 0.15
        flicker = torch.sin(times * _uniform(generator, 0.3, 1.5) + _uniform(generator, 0, 2 * math.pi))
        x = _wrapped(phases[0], times * speed * math.cos(direction), width, side)
        y = _wrapped(phases[1], times * speed * math.sin(direction), height, side)
        spot, dx, dy = _window(canvas, x - shake[:, 0], y - shake[:, 1], radius + 1)
        alpha = (radius - (dx * dx + dy * dy).sqrt() + 0.5).clamp(0, 1)
        if number >= 3:
            alpha = alpha * (flicker > 0).float()[:, None, None]
        spot += alpha[:, None] * (color - spot)


def _draw_thing(
    canvas: Tensor,
    phases: Tensor,
    motion: _Motion,
    times: Tensor,
    shake: Tensor,
    colors: tuple[Tensor, Tensor],
    generator: torch.Generator,
) -> None:
    """Draws one textured thing into the canvas: the one that the class moves.

    Args:
        canvas: (frames, 3, H, W), changed in place.
        phases: (3,) where x, y and log radius are in their cycles when the time is 0, in turns.
        motion: what the class changes per frame.
        times: (frames,) in frames, 0 in the middle of the video.
        shake: (frames, 2) in pixels.
        colors: light and dark, (3,) each.
        generator: draws the form and the texture.
    """
    height, width = canvas.shape[2:]
    side = min(height, width)
    x = _wrapped(phases[0], times * motion.x, width, side) - shake[:, 0]
    y = _wrapped(phases[1], times * motion.y, height, side) - shake[:, 1]
    span = math.log(LARGEST / SMALLEST)
    cycle = (phases[2] + times * motion.log_radius / span) % 1
    radius = (SMALLEST * torch.exp(cycle * span) * side)[:, None, None]
    presence = (torch.minimum(cycle, 1 - cycle) / 0.12).clamp(0, 1)[:, None, None]
    angle = (_uniform(generator, 0, 2 * math.pi) + times * motion.angle)[:, None, None]

    canvas, dx, dy = _window(canvas, x, y, 1.25 * radius.flatten())
    u = (torch.cos(angle) * dx + torch.sin(angle) * dy) / radius
    v = (torch.cos(angle) * dy - torch.sin(angle) * dx) / radius
    distance = (u * u + v * v).sqrt()

    lobes = int(_uniform(generator, 2, 6))
    outline = 1 - _uniform(generator, 0, 0.22) * (0.5 + 0.5 * torch.cos(lobes * torch.atan2(v, u)))
    inside = (outline - distance) * radius  # pixels from the edge
    shadow = 0.35 * presence * ((outline - distance) / 0.25 + 1).clamp(0, 1)
    canvas *= 1 - shadow[:, None]
    alpha = presence * (inside + 0.5).clamp(0, 1)

    mix = torch.sigmoid(4 * _texture(u, v, generator) + 0.8 * u)
    light = 1.12 - 0.18 * (dx + dy) / radius - 0.25 * distance.clamp_max(1) ** 4
    for channel in range(3):
        color = (colors[1][channel] + mix * (colors[0][channel] - colors[1][channel])) * light
        canvas[:, channel] += alpha * (color - canvas[:, channel])


def _texture(u: Tensor, v: Tensor, generator: torch.Generator) -> Tensor:
    """Draws stripes, checks or blotches over coordinates in units of the radius: about -1 to 1."""
    kind = int(_uniform(generator, 0, 3))
    wave = torch.rand(4, generator=generator)
    frequency = 3 + 3 * float(wave[0])
    turns = 2 * math.pi * wave
    if kind == 0:
        return torch.sin(frequency * u + turns[1])
    if kind == 1:
        return 1.6 * torch.sin(frequency * u + turns[1]) * torch.sin(frequency * v + turns[2])
    return (
        torch.sin(frequency * u + turns[1])
        + torch.sin(frequency * (0.5 * u + 0.87 * v) + turns[2])
        + torch.sin(frequency * (0.5 * u - 0.87 * v) + turns[3])
    ) / 1.5


def _wrapped(phase: Tensor, path: Tensor, length: int, side: int) -> Tensor:
    """Pixel coordinates, along one axis, of what leaves at one end and comes back at the other.

    Args:
        phase: () where it is at time 0, in turns.
        path: (frames,) how far it has gone, in units of the shorter side.
        length: the picture's length along the axis in pixels.
        side: the shorter side in pixels.
    """
    margin = MARGIN * side
    cycle = length + 2 * margin
    return (phase + path * side / cycle) % 1 * cycle - margin


def _window(canvas: Tensor, x: Tensor, y: Tensor, reach: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """Cuts out the part of the picture that something moves in.

    Args:
        canvas: (frames, 3, H, W).
        x: (frames,) its center in pixels.
        y: (frames,) likewise.
        reach: (frames,) or one number, how far from its center it is seen, in pixels.

    Returns:
        A view of the canvas (frames, 3, h, w), and the pixels' distances to the center, (frames, 1, w) to the
        right and (frames, h, 1) down.
    """
    columns = torch.arange(canvas.shape[3])
    rows = torch.arange(canvas.shape[2])
    columns = columns[(columns >= (x - reach).min()) & (columns <= (x + reach).max())]
    rows = rows[(rows >= (y - reach).min()) & (rows <= (y + reach).max())]
    view = canvas.narrow(3, int(columns[0]), len(columns)) if len(columns) else canvas[..., :0]
    view = view.narrow(2, int(rows[0]), len(rows)) if len(rows) else view[..., :0, :]
    return view, columns - x[:, None, None], rows[:, None] - y[:, None, None]


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))
