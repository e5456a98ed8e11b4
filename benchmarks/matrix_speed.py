"""The matrix of `lsap defend` against that of commit b5f3024, both from checked-out trees, by turns.

    python benchmarks/matrix_speed.py --model model.toml --videos videos/ --out FILE.json [--count 6] [--rounds 3]
        [--commit b5f3024] [--predictions]

12 defenses x 3 samplers x (none, noise, perturbed) on a few videos, spread evenly over the list, as whole commands:
wall-clock and processor time of the process and its children, start and all. The earlier tree comes from `git
archive`, in a virtual environment of its own that borrows the packages of this one. The perturbation is noise in a
file that both trees read. One command of each tree warms the disk, and what this tree compiles, and is not counted.
`--predictions` also judges all videos once with each tree and counts predictions that differ, by defense.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from defend_cost import DEFENSES, SAMPLERS
from side_by_side import BASE, checked_out, python_of

from perturbations import Budget, Perturbation, parse_binding, parse_epsilon
from perturbations.controls import noise_like

TARGET = 0.35  # of the earlier tree's wall-clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--videos", type=Path, required=True, help="a folder of videos, one folder a label")
    parser.add_argument("--out", type=Path, required=True, help="a JSON file to write")
    parser.add_argument("--count", type=int, default=6, help="of videos that are timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--commit", default=BASE, help="of the earlier tree")
    parser.add_argument("--predictions", action="store_true", help="compare the predictions of all videos")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        work = Path(name)
        trees = {"earlier": checked_out(options.commit, work), "now": checked_out(".", work)}
        programs = {tree: [str(python_of(trees[tree], work)), "-m", "lsap_cli"] for tree in trees}
        perturbation = write_perturbation(work / "r.safetensors")
        common = ["--model", str(options.model.resolve()), "--perturbation", str(perturbation)]
        some = copy_videos(options.videos.resolve(), work / "some", options.count)
        found: dict[str, object] = {
            "schema": "lsap.benchmark/1",
            "earlier": options.commit,
            "platform": platform.platform(),
            "torch": torch.__version__,
            "cores": len(os.sched_getaffinity(0)),
            "defenses": DEFENSES,
            "samplers": SAMPLERS,
            "videos": sorted(path.name for path in some.rglob("*") if path.is_file()),
            "load_before": os.getloadavg(),
        }
        runs = timed_runs(programs, trees, [str(some), *common], work, options.rounds)
        found["runs"] = [one._asdict() for one in runs]
        walls = {tree: median(one.wall for one in runs if one.tree == tree) for tree in programs}
        cpus = {tree: median(one.processor for one in runs if one.tree == tree) for tree in programs}
        found |= {"wall": walls, "processor": cpus, "ratio": walls["now"] / walls["earlier"], "target": TARGET}
        found |= {"processor_ratio": cpus["now"] / cpus["earlier"], "load_after": os.getloadavg()}
        if options.predictions:
            found["predictions"] = compare(programs, trees, [str(options.videos.resolve()), *common], work)
        options.out.write_text(json.dumps(found, indent=1) + "\n")
        print(json.dumps({key: found[key] for key in ("wall", "processor", "ratio", "processor_ratio")}, indent=1))
        print(json.dumps(found.get("predictions"), indent=1))


def write_perturbation(path: Path) -> Path:
    """Noise of 8/255 that repeats every four frames: it costs what any pattern does."""
    empty = Perturbation(torch.zeros(4, 3, 172, 172), parse_binding("cyclic:4"), Budget("linf", parse_epsilon("8/255")))
    noise_like(empty, 1).save(path)
    return path


def copy_videos(videos: Path, folder: Path, count: int) -> Path:
    """A folder with a few of the videos, below their labels."""
    paths = sorted(
        path for path in videos.rglob("*") if path.is_file() and path.suffix not in (".csv", ".txt", ".json")
    )
    for path in (paths[number * len(paths) // count] for number in range(count)):
        copy = folder / path.relative_to(videos)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return folder


class TimedRun(NamedTuple):
    """One command of one tree, in seconds."""

    tree: str
    wall: float
    processor: float


def timed_runs(
    programs: dict[str, list[str]], trees: dict[str, Path], arguments: list[str], work: Path, rounds: int
) -> list[TimedRun]:
    """Each tree's command by turns, one after the other; the first of each is not counted."""
    made: list[TimedRun] = []
    for number in range(rounds + 1):
        for tree in (list(programs), list(reversed(programs)))[number % 2]:
            wall, processor = defend(programs[tree], trees[tree], arguments, work / "run")
            print(f"{tree}: {wall:.1f} s on the wall, {processor:.1f} s of processor", file=sys.stderr, flush=True)
            if number:
                made.append(TimedRun(tree, wall, processor))
    return made


def defend(program: list[str], tree: Path, arguments: list[str], run: Path) -> tuple[float, float]:
    """One command; what it wrote stays until the next."""
    shutil.rmtree(run, ignore_errors=True)
    lists = [part for spec in SAMPLERS for part in ("--sampler", spec)]
    lists += [part for spec in DEFENSES for part in ("--defense", spec)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [*program, "defend", *arguments, *lists, "--draws", "1", "--run", str(run), "--json"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(
    programs: dict[str, list[str]], trees: dict[str, Path], arguments: list[str], work: Path
) -> dict[str, object]:
    """Predictions of all videos with both trees: how many differ, by defense."""
    labels: dict[str, dict[tuple[str, ...], str]] = {}
    for tree, program in programs.items():
        defend(program, trees[tree], arguments, work / "run")
        records = map(json.loads, (work / "run" / "records.jsonl").read_text().splitlines())
        labels[tree] = {
            (one["video"], one["attack"], one["defense"], one["sampler"]): str(one["prediction"]) for one in records
        }
    assert labels["earlier"].keys() == labels["now"].keys(), "the trees judged other cells"
    differ = Counter(key[2] for key, label in labels["earlier"].items() if labels["now"][key] != label)
    return {"of": len(labels["now"]), "differ": sum(differ.values()), "by_defense": dict(differ)}


if __name__ == "__main__":
    main()
