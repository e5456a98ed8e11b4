"""What a perturbation does to unseen videos, over several folds: generate, (apply,) defend, as a user types them.

    python benchmarks/whole_way.py --model model.toml --videos clips.csv --work work/ --out rows.json \\
        [--codec h264:crf=23] [--only-fold 0] -- --steps 600 --epsilon 8/255

The videos are dealt into folds by recording, in an order that `--deal` seeds; each fold is judged by what is learned
from all others. What follows `--` goes to `lsap generate`. Without `--codec` the pattern is added in memory, in whole
levels at the videos' own size; with it, files are written and judged. Rows that are in `--out` already are kept, and a
fold that is among them is not run again.

Time to a fooling rate, beside an earlier commit, in turns fold by fold:

    python benchmarks/whole_way.py --model model.toml --videos clips.csv --work work/ --out rows.json --base b5f3024 \\
        --curve 10 20 40 60 90 120 180 300 --level 0.85 -- --time-budget 600s --epsilon 8/255

`--curve` copies what is learned at these seconds of learning and judges the copies as the final pattern is judged. The
clock of a machine that others use says little: `--clock steps` or `--clock cpu` (the process's own seconds) marks the
same moments in steps or CPU seconds.
"""

import argparse
import csv
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from side_by_side import BASE, checked_out, python_of

from lsap_cli.datasets.base import Video

SAMPLERS = ("rate:fps=5", "uniform", "segments", "dense:stride=2", "random")
WORST_OF = SAMPLERS[:4]  # the samplers of the goals
CLOCKS = ("seconds", "steps", "cpu")
POLL = 0.2  # seconds from one look at the state of a run to the next
PRESENT = "."


def main() -> None:
    options = arguments()
    result: dict[str, Any] = {"rows": []}
    if options.out.exists():
        result = json.loads(options.out.read_text())
    result |= {
        "command": "benchmarks/whole_way.py", "samplers": SAMPLERS, "torch": torch.__version__,
        "platform": platform.platform(),
    }  # fmt: skip
    asked = {"name": options.name, "generate": options.generate, "codec": options.codec}
    asked |= {"deal": options.deal, "folds": options.folds}
    versions = [PRESENT] if options.base is None else [options.base, PRESENT]
    numbers = range(options.folds) if options.only_fold is None else [options.only_fold]
    for fold, version in [(fold, version) for fold in numbers for version in versions]:
        made = asked | {"fold": fold, "version": version}
        if any(made.items() <= row.items() for row in result["rows"]):
            continue
        row = made | one_fold(options, fold, version)
        print(json.dumps(row), flush=True)
        if options.out.exists():  # another process may have written its fold meanwhile
            result["rows"] = json.loads(options.out.read_text())["rows"]
        result["rows"] = [*result["rows"], row]
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    for version in versions:
        rows = [row for row in result["rows"] if (asked | {"version": version}).items() <= row.items()]
        print(f"version {version}")
        print_totals(rows)
        if options.curve:
            print_times(rows, options.level, options.clock)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--videos", type=Path, required=True, help="a CSV list (path,label)")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--only-fold", type=int)
    parser.add_argument(
        "--deal", type=int, default=0, help="seed of the order in which recordings are dealt into folds"
    )
    parser.add_argument("--codec", help="write files with this codec and judge them (default: added in memory)")
    parser.add_argument(
        "--base", nargs="?", const=BASE, help=f"also run this commit, in turns (without a value: {BASE})"
    )
    parser.add_argument("--curve", type=float, nargs="+", default=[], help="moments of learning that are judged, too")
    parser.add_argument("--clock", choices=CLOCKS, default="seconds", help="of --curve")
    parser.add_argument("--level", type=float, default=0.85, help="rate, worst of four samplers, whose time is told")
    parser.add_argument("--name", default="defaults", help="what these rows are called")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("generate", nargs="*", help="options of lsap generate, after --")
    return parser.parse_args()


def one_fold(options: argparse.Namespace, fold: int, version: str) -> dict[str, Any]:
    """Learns and judges; what came of it."""
    work = options.work / f"{options.name}-{options.deal}-{fold}-{version.replace('.', 'present')}"
    shutil.rmtree(work, ignore_errors=True)
    fit, test = (write_part(options, fold, work / part, part == "test") for part in ("fit", "test"))
    pattern = work / "r.safetensors"
    command = program(options, version)
    words = ["generate", fit, "--model", options.model, "--out", pattern, *options.generate]
    start = time.monotonic()
    learned, moments = learn(command, words, work / "generate", options)
    row: dict[str, Any] = {"steps": learned["steps"], "generate_seconds": round(time.monotonic() - start)}
    row |= {"threads": torch.get_num_threads()} | judged(options, command, pattern, test)
    for moment in moments:
        copy = work / f"r-{moment['mark']:g}.safetensors"
        write_moment(pattern, Path(moment.pop("state")), copy)
        moment |= judged(options, command, copy, test)
    return row | ({"curve": moments, "clock": options.clock} if moments else {})


def program(options: argparse.Namespace, version: str) -> list[str]:
    """The first words of a command of a version of lsap."""
    if options.base is None:
        return [sys.executable, "-m", "lsap_cli"]
    python = python_of(checked_out(version, options.work), options.work)
    return [str(python), str(python.with_name("lsap"))]  # with -m, the present folder would come before its own tree


def learn(
    command: Sequence[str], words: Sequence[object], run: Path, options: argparse.Namespace
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What `generate` says in JSON, and the states that were copied at the moments of the curve."""
    asked = [*command, *map(str, words), "--run", str(run), "--quiet", "--json"]
    left, moments = sorted(options.curve), []
    answer = run.with_suffix(".json")
    with answer.open("w") as file:
        process = subprocess.Popen(asked, stdout=file)
        while process.poll() is None:
            time.sleep(POLL)
            now = clock_of(run / "state.safetensors", process.pid) if left else None
            if now is None or now[options.clock] < left[0]:
                continue
            mark = [left.pop(0) for _ in range(sum(one <= now[options.clock] for one in left))][-1]
            copy = run.parent / f"state-{mark:g}.safetensors"
            shutil.copyfile(run / "state.safetensors", copy)
            moments.append({"mark": mark, "state": str(copy)} | now)
    if process.returncode:
        raise SystemExit(f"{' '.join(asked)} ended with {process.returncode}")
    found: dict[str, Any] = json.loads(answer.read_text())
    return found, moments


def clock_of(state: Path, process: int) -> dict[str, float] | None:
    """How far a run is: seconds of learning and steps, as its state says, and CPU seconds of the whole process."""
    try:
        with safe_open(state, framework="pt") as file:
            metadata = file.metadata()
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (OSError, SafetensorError):  # not there yet, or over
        return None
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return {"seconds": float(metadata["seconds"]), "steps": float(metadata["steps"]), "cpu": cpu}


def write_moment(final: Path, state: Path, out: Path) -> None:
    """A perturbation file of a state, with everything else as in the file of the run's end."""
    with safe_open(final, framework="pt") as file:
        metadata = file.metadata()
    with safe_open(state, framework="pt") as file:
        save_file({"delta": file.get_tensor("delta")}, out, metadata)


def judged(options: argparse.Namespace, command: Sequence[str], pattern: Path, test: Path) -> dict[str, Any]:
    """Rates of a perturbation on the fold's videos: counts and denominators by attack and sampler."""
    given: list[object] = ["--perturbation", pattern]
    if options.codec is not None:
        written = pattern.with_suffix("")
        lsap(command, written / "apply", "apply", pattern, test.parent, written / "out", "--codec", options.codec)
        given = ["--perturbed", written / "out"]
    samplers = [word for spec in SAMPLERS for word in ("--sampler", spec)]
    videos = test if options.codec is None else test.parent
    run = pattern.with_suffix(".defend")
    words = ["defend", videos, "--model", options.model, *given, *samplers, "--defense", "none"]
    found = lsap(command, run, *words)
    key = "fooling_rate" if found["protocol"]["target"] is None else "success_rate"
    rows = [row for row in found["rows"] if row["attack"] != "none"]
    names = {row["attack"]: "noise" if row["attack"] == "noise" else "perturbed" for row in rows}
    return {
        key: {
            names[attack]: {row["sampler"]: [row[key]["count"], row[key]["of"]] for row in rows
                            if row["attack"] == attack}
            for attack in names
        }
    }  # fmt: skip


def write_part(options: argparse.Namespace, fold: int, folder: Path, test: bool) -> Path:
    """Copies a fold's videos, or all others, with a list of them; where the list is."""
    with options.videos.open(newline="", encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    groups = sorted({group_of(row) for row in listed})
    random.Random(options.deal).shuffle(groups)  # an order that can be had again, not a secret
    chosen = set(groups[fold :: options.folds])
    rows = [row for row in listed if (group_of(row) in chosen) == test]
    for row in rows:
        place = folder / row["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(options.videos.parent / row["path"], place)
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "also_accepted"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "list.csv"


def group_of(row: dict[str, str]) -> str:
    return Video(Path(row["path"]), row["path"]).group


def lsap(command: Sequence[str], run: Path, *words: object) -> dict[str, Any]:
    """What a command of lsap says in JSON."""
    asked = [*command, *map(str, words), "--run", str(run), "--quiet", "--json"]
    done = subprocess.run(asked, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(asked)} ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def worst_rate(found: dict[str, Any]) -> float:
    """The lowest rate of the pattern over the samplers of the goals."""
    cells = found["fooling_rate" if "fooling_rate" in found else "success_rate"]["perturbed"]
    return min(float(cells[spec][0] / cells[spec][1]) for spec in WORST_OF)


def time_to(row: dict[str, Any], level: float, clock: str) -> float:
    """When a fold's curve reaches a level, straight lines between its moments; infinity: it does not."""
    before = (0.0, 0.0)
    for moment in row.get("curve", []):
        now = (moment[clock], worst_rate(moment))
        if now[1] >= level:
            return float(before[0] + (now[0] - before[0]) * (level - before[1]) / (now[1] - before[1]))
        before = now
    return float("inf")


def print_times(rows: Sequence[dict[str, Any]], level: float, clock: str) -> None:
    """The times to a level, by each clock, and their median over folds; and the worst rates at the end."""
    for one in (clock, *(other for other in CLOCKS if other != clock)):
        times = [time_to(row, level, one) for row in rows]
        if times:
            print(f"{one} to {level:g}: {[round(time, 1) for time in times]}, median {statistics.median(times):.1f}")
    print(f"worst of {', '.join(WORST_OF)} at the end: {[round(worst_rate(row), 3) for row in rows]}")


def print_totals(rows: Sequence[dict[str, Any]]) -> None:
    """Over all folds."""
    for key in ("fooling_rate", "success_rate"):
        counted = [row[key] for row in rows if key in row]
        for attack in dict.fromkeys(attack for one in counted for attack in one):
            cells = {
                spec: [sum(pair) for pair in zip(*(one[attack][spec] for one in counted), strict=True)]
                for spec in SAMPLERS
            }
            count, of = (sum(cell[part] for cell in cells.values()) for part in (0, 1))
            print(key, attack, cells, f"{count} of {of}")


if __name__ == "__main__":
    main()
