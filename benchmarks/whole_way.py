"""What a perturbation does to unseen videos, over several folds: generate, (apply,) defend, as a user types them.

    python benchmarks/whole_way.py --model model.toml --videos clips.csv --work work/ --out rows.json \\
        [--codec h264:crf=23] [--only-fold 0] -- --steps 600 --epsilon 8/255

The videos are dealt into folds by recording, in an order that `--deal` seeds; each fold is judged by what is learned
from all others. What follows `--` goes to `lsap generate`. Without `--codec` the pattern is added in memory, in whole
levels at the videos' own size; with it, files are written and judged. Rows that are in `--out` already are kept, and a
fold that is among them is not run again.
"""

import argparse
import csv
import json
import platform
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lsap_cli.datasets.base import Video

SAMPLERS = ("rate:fps=5", "uniform", "segments", "dense:stride=2", "random")


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
    numbers = range(options.folds) if options.only_fold is None else [options.only_fold]
    for fold in numbers:
        made = asked | {"fold": fold}
        if any(made.items() <= row.items() for row in result["rows"]):
            continue
        row = made | one_fold(options, fold)
        print(json.dumps(row), flush=True)
        if options.out.exists():  # another process may have written its fold meanwhile
            result["rows"] = json.loads(options.out.read_text())["rows"]
        result["rows"] = [*result["rows"], row]
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    print_totals([row for row in result["rows"] if asked.items() <= row.items()])


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
    parser.add_argument("--name", default="defaults", help="what these rows are called")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("generate", nargs="*", help="options of lsap generate, after --")
    return parser.parse_args()


def one_fold(options: argparse.Namespace, fold: int) -> dict[str, Any]:
    """Learns and judges; what came of it."""
    work = options.work / f"{options.name}-{options.deal}-{fold}"
    shutil.rmtree(work, ignore_errors=True)
    fit, test = (write_part(options, fold, work / part, part == "test") for part in ("fit", "test"))
    pattern = work / "r.safetensors"
    start = time.monotonic()
    learned = lsap(work / "generate", "generate", fit, "--model", options.model, "--out", pattern, *options.generate)
    seconds = time.monotonic() - start
    given: list[object] = ["--perturbation", pattern]
    if options.codec is not None:
        lsap(work / "apply", "apply", pattern, test.parent, work / "written", "--codec", options.codec)
        given = ["--perturbed", work / "written"]
    samplers = [word for spec in SAMPLERS for word in ("--sampler", spec)]
    videos = test if options.codec is None else test.parent
    judged = lsap(work / "defend", "defend", videos, "--model", options.model, *given, *samplers, "--defense", "none")
    key = "fooling_rate" if judged["protocol"]["target"] is None else "success_rate"
    rows = [row for row in judged["rows"] if row["attack"] != "none"]
    return {
        "steps": learned["steps"],
        "generate_seconds": round(seconds),
        "threads": torch.get_num_threads(),
        key: {
            attack: {row["sampler"]: [row[key]["count"], row[key]["of"]] for row in rows if row["attack"] == attack}
            for attack in dict.fromkeys(row["attack"] for row in rows)
        },
    }


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


def lsap(run: Path, *words: object) -> dict[str, Any]:
    """What a command of lsap says in JSON."""
    command = [sys.executable, "-m", "lsap_cli", *map(str, words), "--run", str(run), "--quiet", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


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
