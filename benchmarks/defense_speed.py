"""Frames a second of each defense as judges run it, on 8-bit frames, beside a bare function and the way through floats.

    python benchmarks/defense_speed.py [--defense jpeg temporal-median ...] [--rounds 7] [--out FILE.json]

The bare function is the fastest that is known to give the same levels (`benchmarks/bare_defenses.py`), called in a loop
on frames that lie ready. All ways start from decoded 8-bit frames and end with 8-bit frames. The 8-bit way and the bare
function alternate, and medians of processor time are compared, so that other work on the machine counts little. One
thread.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from bare_defenses import bare_function
from torch import Tensor
from torch.nn.functional import interpolate

from defenses import DEFENSES, Clip, Defense
from defenses.pixels import floats_of, rounded_levels
from defenses.testing.videos import fit_on_tiny_videos
from lsap_cli.runs.memory import keep_memory
from lsap_cli.specs import build_defense

SIZES = ((240, 320, 64), (720, 1280, 8))  # height, width, frames


class Speed(NamedTuple):
    """Frames a second; `bare` is None where no function is known but the defense's own."""

    spec: str
    height: int
    width: int
    floats: float
    levels: float
    bare: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--defense", nargs="+", default=[*DEFENSES], metavar="SPEC")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()  # as `lsap defend` does
    rows: list[Speed] = []
    print("| defense | size | floats | 8-bit | bare function | of bare |\n|---|---|---|---|---|---|")
    for spec in options.defense:
        defense = fit_on_tiny_videos(build_defense(spec))
        for height, width, count in SIZES:
            row = measured(spec, defense, make_frames(height, width, count), options.rounds)
            rows.append(row)
            bare, share = ("–", "–") if row.bare is None else (f"{row.bare:,.0f}", f"{row.levels / row.bare:.2f}")
            print(
                f"| `{spec}` | {width}x{height} | {row.floats:,.0f} | {row.levels:,.0f} | {bare} | {share} |",
                flush=True,
            )
            if options.out:  # after each row, so that a run that is stopped leaves what it has
                write(options.out, options.rounds, rows)


def write(path: Path, rounds: int, rows: list[Speed]) -> None:
    """The rows so far."""
    found = {"schema": "lsap.benchmark/1", "platform": platform.platform(), "rounds": rounds, "load": os.getloadavg()}
    path.write_text(json.dumps(found | {"rows": [one._asdict() for one in rows]}, indent=1) + "\n")


def make_frames(height: int, width: int, count: int) -> Tensor:
    """Soft shapes with some noise, as decoded frames lie in memory: (count, 3, height, width) uint8."""
    generator = torch.Generator().manual_seed(1)
    shapes = torch.rand(count, 3, height // 16, width // 16, generator=generator) * 255
    frames = interpolate(shapes, (height, width), mode="bilinear")
    frames += 4 * torch.randn(frames.shape, generator=generator)
    return frames.round_().clamp_(0, 255).byte().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def measured(spec: str, defense: Defense, frames: Tensor, rounds: int) -> Speed:
    """Times all ways by turns, after one round that warms up and compiles."""
    count, _, height, width = frames.shape
    indices = torch.arange(count)

    def through_floats() -> Tensor:
        return rounded_levels(defense.defend(Clip(floats_of(frames, indices), indices, count), indices))

    def on_bytes() -> Tensor:
        levels = defense.defend_levels(Clip(frames, indices, count), indices)
        return through_floats() if levels is None else levels

    bare = bare_function(defense, frames.permute(0, 2, 3, 1).numpy())
    both = alternated({"levels": on_bytes} | ({} if bare is None else {"bare": bare}), rounds)
    alone = alternated({"floats": through_floats}, max(1, rounds // 3))  # afterwards: its memory is given back at times
    speeds = {name: count / seconds for name, seconds in (both | alone).items()}
    return Speed(spec, height, width, speeds["floats"], speeds["levels"], speeds.get("bare"))


def alternated(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median of seconds of each, of all rounds but the first, which compiles."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            seconds = timed(way)
            if number:
                taken[name].append(seconds)
    return {name: median(seconds) for name, seconds in taken.items()}


def timed(way: Callable[[], object]) -> float:
    """Seconds of processor time of one call, after one that warms the caches; of several where one is short."""
    way()
    calls, start = 0, time.process_time()
    while not calls or time.process_time() - start < 0.01:
        way()
        calls += 1
    return (time.process_time() - start) / calls


if __name__ == "__main__":
    main()
