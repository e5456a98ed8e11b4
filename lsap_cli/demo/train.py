"""Makes the demo's weights again: `python -m lsap_cli.demo.train --out DIR`.

Renders videos, trains the network on clips of them in the ordinary way, and prints its accuracy on others.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from lsap_cli.demo.network import MotionNetwork
from lsap_cli.demo.videos import (
    FRAMES_PER_SECOND,
    FRAMES_PER_VIDEO,
    LABELS,
    SIZES,
    make_video,
    video_seed,
)
from perturbations.samplers import Dense, RandomFrames, Sampler, Uniform

SIZE = (80, 80)  # as in model.toml, like the next three
CLIP_FRAMES = 16
MEAN = 0.45
STD = 0.225
SAMPLERS: tuple[Sampler, ...] = (Uniform(), Dense(1), Dense(2), RandomFrames())
TIMES = torch.arange(FRAMES_PER_VIDEO) * 1000 // FRAMES_PER_SECOND.numerator  # milliseconds

# What mirroring, transposing or reversing a clip makes of each class: indices into LABELS.
MIRRORED = (1, 0, 2, 3, 5, 4, 6, 7)
FLIPPED = (0, 1, 3, 2, 5, 4, 6, 7)
TRANSPOSED = (2, 3, 0, 1, 5, 4, 6, 7)
REVERSED = (1, 0, 3, 2, 5, 4, 7, 6)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m lsap_cli.demo.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets weights.safetensors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--videos", type=int, default=960, help="how many videos to train on")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--test-videos", type=int, default=200, help="how many unseen videos to measure on")
    options = parser.parse_args(arguments)
    if options.steps < 6:
        parser.error(f"--steps is {options.steps}; the schedule needs at least 6")
    options.out.mkdir(parents=True, exist_ok=True)

    network = train(options.seed, options.videos, options.steps, options.batch)
    save_file(network.state_dict(), options.out / "weights.safetensors")
    videos, labels = make_pool(options.seed + 1, options.test_videos)
    indices = Uniform().choose(TIMES, CLIP_FRAMES, 1, torch.Generator())[0]
    right = predict(network, videos, indices) == labels
    for number, label in enumerate(LABELS):
        own = right[labels == number]
        print(f"{label:18} {int(own.sum())}/{len(own)}")
    print(f"{'all':18} {int(right.sum())}/{len(right)}")


def train(seed: int, video_count: int, steps: int, batch: int) -> MotionNetwork:
    """Trains a network; the same seed gives the same weights on one machine.

    Args:
        seed: of the videos, the first weights and the clips.
        video_count: how many videos to render, the classes in turns.
        steps: how many updates.
        batch: clips per update.

    Returns:
        The network, in evaluation mode.
    """
    videos, labels = make_pool(seed, video_count)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # layers draw their first weights from the global generator
        network = MotionNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.2)
    began = time.monotonic()
    for step in range(1, steps + 1):
        clips, targets = draw_batch(videos, labels, batch, generator)
        loss = cross_entropy(network(clips), targets, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            seconds = time.monotonic() - began
            print(f"step {step}/{steps}  loss {loss.item():.3f}  {seconds:.0f} s", file=sys.stderr)
    return network.eval()


def make_pool(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Renders videos at the network's size.

    Returns:
        (count, frames, 3, height, width) uint8, and (count,) class indices: the classes in turns.
    """
    videos = torch.empty(count, FRAMES_PER_VIDEO, 3, *SIZE, dtype=torch.uint8)
    labels = torch.arange(count) % len(LABELS)
    for number in range(count):
        generator = torch.Generator().manual_seed(video_seed(seed, number))
        height, width = SIZES[number // len(LABELS) % len(SIZES)]
        label = LABELS[number % len(LABELS)]
        video = make_video(label, generator, FRAMES_PER_VIDEO, height, width)
        videos[number] = interpolate(video, SIZE, mode="bilinear", antialias=True)
    return videos, labels


def draw_batch(videos: Tensor, labels: Tensor, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws clips of random videos, at random times, mirrored, transposed and reversed at random.

    Returns:
        (batch, clip frames, 3, height, width) normalized, and (batch,) the classes that they have now.
    """
    numbers = torch.randint(len(videos), (batch,), generator=generator)
    turns = torch.rand(batch, 4, generator=generator) < 0.5
    clips, targets = [], []
    for number, (mirror, flip, transpose, reverse) in zip(numbers.tolist(), turns.tolist(), strict=True):
        clip = videos[number, draw_indices(generator)]
        target = int(labels[number])
        if mirror:
            clip, target = clip.flip(-1), MIRRORED[target]
        if flip:
            clip, target = clip.flip(-2), FLIPPED[target]
        if transpose:
            clip, target = clip.transpose(-1, -2), TRANSPOSED[target]
        if reverse:
            clip, target = clip.flip(0), REVERSED[target]
        clips.append(clip)
        targets.append(target)
    return normalize(torch.stack(clips)), torch.tensor(targets)


def draw_indices(generator: torch.Generator) -> Tensor:
    """Draws the frames of a clip (clip frames,), with any of the samplers at any phase."""
    sampler = SAMPLERS[int(torch.randint(len(SAMPLERS), (), generator=generator))]
    return sampler.draw(TIMES, CLIP_FRAMES, generator)


def normalize(clips: Tensor) -> Tensor:
    """Clips (..., 3, H, W) uint8 as the network takes them."""
    return (clips.float() / 255 - MEAN) / STD


def predict(network: nn.Module, videos: Tensor, indices: Tensor) -> Tensor:
    """Class indices (N,) of the clips that `indices` (T,) picks from videos (N, frames, 3, H, W) uint8."""
    with torch.no_grad():
        logits = [network(normalize(part[:, indices])) for part in torch.split(videos, 16)]
    return torch.cat(logits).argmax(1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
