"""Frames a second of each defense as judges run it, on 8-bit frames, beside the way through floats.

    python benchmarks/defense_speed.py [--defense jpeg temporal-median ...] [--rounds 5] [--out FILE.json]

Both ways start from decoded 8-bit frames and end with 8-bit frames; they alternate, and the medians of all rounds are
compared. One thread, random frames of two sizes. A defense without an 8-bit way of its own has one column.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

from defenses import DEFENSES, Clip, Defense
from defenses.testing.videos import fit_on_tiny_videos
from lsap_cli.evaluation.frames import FloatCache, defended_levels
from lsap_cli.specs import build_defense

SIZES = ((240, 320, 32), (720, 1280, 8))  # height, width, frames


class ThroughFloats:
    """A defense without its 8-bit way."""

    def __init__(self, defense: Defense) -> None:
        self._defense = defense

    def __getattr__(self, name: str) -> object:
        return getattr(self._defense, name)

    def defend_levels(self, clip: Clip, indices: torch.Tensor) -> None:
        """There is none."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--defense", nargs="+", default=[*DEFENSES], metavar="SPEC")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print("| defense | size | floats, frames/s | 8-bit, frames/s | ratio |\n|---|---|---|---|---|")
    for spec in options.defense:
        defense = fit_on_tiny_videos(build_defense(spec))
        for height, width, count in SIZES:
            row = measured(spec, defense, (height, width, count), options.rounds)
            rows.append(row)
            own = "–" if row.levels is None else f"{row.levels:,.0f}"
            ratio = "–" if row.levels is None else f"{row.levels / row.floats:.1f}"
            print(f"| `{spec}` | {width}x{height} | {row.floats:,.0f} | {own} | {ratio} |", flush=True)
    if options.out:
        options.out.write_text(
            json.dumps({"schema": "lsap.benchmark/1", "rows": [one._asdict() for one in rows]}, indent=1) + "\n"
        )


class Speed(NamedTuple):
    """Frames a second of both ways; None: there is no 8-bit one."""

    spec: str
    height: int
    width: int
    floats: float
    levels: float | None


def measured(spec: str, defense: Defense, shape: tuple[int, int, int], rounds: int) -> Speed:
    """Times both ways by turns."""
    height, width, count = shape
    generator = torch.Generator().manual_seed(1)
    decoded = torch.randint(0, 256, (count, height, width, 3), generator=generator, dtype=torch.uint8)
    frames, indices = decoded.permute(0, 3, 1, 2), torch.arange(count)
    floats: Defense = ThroughFloats(defense)  # type: ignore[assignment]  # it gives all that the defense has

    def run(one: Defense) -> Callable[[], object]:
        return lambda: defended_levels(one, FloatCache(frames, indices), indices, count)

    own = defense.defend_levels(Clip(frames, indices, count), indices) is not None
    ways = {"floats": run(floats)} | ({"levels": run(defense)} if own else {})
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    speeds = {name: count / median(seconds) for name, seconds in taken.items()}
    return Speed(spec, height, width, speeds["floats"], speeds.get("levels"))


if __name__ == "__main__":
    main()
