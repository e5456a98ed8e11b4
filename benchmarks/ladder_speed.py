"""An adaptive evaluation of two versions or two ways, in turns: seconds on the wall, and each cell's robust accuracy.

    python benchmarks/ladder_speed.py --clips clips/clips.csv --model model.toml --work /tmp/ladder --out ladder.json
        [--contenders base fast] [--defenses none jpeg:quality=75 ...] [--samplers rate:fps=5 uniform] [--steps 300]
        [--rounds 1] [--base-steps 30]

Contenders: `base`, the commit of `side_by_side.BASE` as it is; `full` and `fast`, the present tree with `--ladder`.
Recordings are dealt into fit and test clips (13 of 39), and one perturbation is learned from the fit clips by the base
commit, which both can read. A cell is a defense with a sampler. With `--base-steps` the base commit learns each
attacker with fewer steps, and the seconds of its learning are taken in proportion, those of all else as they are: a
whole run takes hours. That is said in the output, and it has no robust accuracies then. Processor seconds stand beside
those on the wall, which depend on what else the machine does.
"""

import argparse
import csv
import itertools
import json
import os
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from side_by_side import BASE, checked_out, python_of

from lsap_cli.datasets.base import Video

DEFENSES = ("none", "jpeg:quality=75", "temporal-median:window=3", "h264:crf=28", "resize-pad")
SAMPLERS = ("rate:fps=5", "uniform")
TEST_CLIPS = 13
WAYS = {"base": [], "full": ["--ladder", "full"], "fast": ["--ladder", "fast"]}
LEARNING = "learning"  # how the names of stages begin in which steps are made


def main() -> None:
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    fit, test = deal(options)
    given = learn_given(options, fit)
    found: dict[str, Any] = {
        "base": BASE, "steps": options.steps, "defenses": options.defenses, "samplers": options.samplers,
        "cores": os.cpu_count(), "rounds": [],
    }  # fmt: skip
    for number in range(options.rounds):
        order = options.contenders if number % 2 == 0 else options.contenders[::-1]
        found["rounds"].append({name: run_one(options, name, number, (fit, test, given)) for name in order})
        options.out.write_text(json.dumps(found, indent=1) + "\n")
    found["compared"] = [compared(one, options.contenders) for one in found["rounds"] if len(one) > 1]
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    for one in found["compared"]:
        print(json.dumps(one, indent=1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="a list of labelled clips")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--contenders", nargs="+", choices=list(WAYS), default=["base", "fast"])
    parser.add_argument("--defenses", nargs="+", default=list(DEFENSES))
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS))
    parser.add_argument("--steps", type=int, default=300, help="of an attacker, and of the given perturbation")
    parser.add_argument("--epsilon", default="8/255", help="of the given perturbation")
    parser.add_argument("--given", type=Path, help="a perturbation file, in place of one that is learned")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--deal", type=int, default=0, help="seed of the order in which recordings are dealt")
    parser.add_argument("--base-steps", type=int, help="of an attacker of the base commit: an estimate, not its run")
    return parser.parse_args()


def deal(options: argparse.Namespace) -> tuple[Path, Path]:
    """Copies fit and test clips, no recording in both; where their lists are."""
    with options.clips.open(newline="", encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    groups: dict[str, list[dict[str, str]]] = {}
    for row in listed:
        groups.setdefault(Video(Path(row["path"]), row["path"]).group, []).append(row)
    names = sorted(groups)
    random.Random(options.deal).shuffle(names)  # an order that can be had again, not a secret
    test: list[dict[str, str]] = []
    fit: list[dict[str, str]] = []
    for name in names:
        (test if len(test) + len(groups[name]) <= TEST_CLIPS else fit).extend(groups[name])
    return copied(options, "fit", fit), copied(options, "test", test)


def copied(options: argparse.Namespace, part: str, rows: Sequence[dict[str, str]]) -> Path:
    folder = Path(options.work) / f"{part}-{options.deal}"
    for row in rows:
        place = folder / row["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(options.clips.parent / row["path"], place)
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "also_accepted"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{part}: {len(rows)} clips", flush=True)
    return folder / "list.csv"


def learn_given(options: argparse.Namespace, fit: Path) -> Path:
    """The perturbation whose budget attackers get, learned by the base commit."""
    if options.given:
        return Path(options.given)
    path = Path(options.work) / f"given-{options.deal}-{options.steps}.safetensors"
    if not path.exists():
        run = options.work / f"generate-{options.deal}-{options.steps}"
        shutil.rmtree(run, ignore_errors=True)
        words = ["generate", fit, "--model", options.model, "--out", path, "--steps", options.steps, "--run", run]
        words += ["--epsilon", options.epsilon]
        subprocess.run([*program(options, "base"), *map(str, words), "--quiet"], check=True)
    return path


def program(options: argparse.Namespace, contender: str) -> list[str]:
    tree = checked_out(BASE if contender == "base" else ".", options.work)
    return [str(python_of(tree, options.work).with_name("lsap"))]  # not -m, which would import from the current folder


def run_one(options: argparse.Namespace, contender: str, number: int, given: tuple[Path, Path, Path]) -> dict[str, Any]:
    """One whole `defend --adaptive`; of the base commit with fewer steps where that is asked for."""
    fit, test, perturbation = given
    steps = (contender == "base" and options.base_steps) or options.steps
    run = options.work / f"{contender}-{steps}-{number}"
    shutil.rmtree(run, ignore_errors=True)
    words = ["defend", test, "--model", options.model, "--perturbation", perturbation, "--adaptive", "--fit", fit]
    words += ["--steps", steps, "--run", run, *WAYS[contender], "--quiet", "--json"]
    words += [word for spec in options.defenses if spec != "none" for word in ("--defense", spec)]
    words += ["--defense", "none"] if options.defenses == ["none"] else []
    words += [word for spec in options.samplers for word in ("--sampler", spec)]
    command = [*program(options, contender), *map(str, words)]
    print(f"{contender}: {' '.join(command)}", flush=True)
    begin, load, before = time.monotonic(), os.getloadavg(), processor_seconds()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - begin
    if done.returncode:
        raise SystemExit(f"{contender} ended with {done.returncode}")
    results = json.loads(done.stdout)
    found: dict[str, Any] = {
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor_seconds() - before, 1),
        "load_average": [round(one, 1) for one in (*load, *os.getloadavg())],
    }
    if steps == options.steps:
        found |= {"cells": cells(results), "right_under_p": bounds(results), "stopped": stops(results)}
    else:
        found = scaled(found, learning_share(run), options.steps / steps)
    print(json.dumps({contender: found}), flush=True)
    return found


def learning_share(run: Path) -> float:
    """Of a run's seconds, the share that was spent on the steps of attackers."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    stages = [one for one in events if one["kind"] in ("stage", "end")]
    learning = sum(
        after["time"] - stage["time"]
        for stage, after in itertools.pairwise(stages)
        if stage["kind"] == "stage" and stage["name"].startswith(LEARNING)
    )
    return float(learning / (events[-1]["time"] - events[0]["time"]))


def scaled(found: dict[str, Any], share: float, factor: float) -> dict[str, Any]:
    """What a run with so many times the steps would take: its learning in proportion, all else as it was."""
    return {
        "estimated": f"from a run with {1 / factor:.3g} of the steps; its learning was {share:.3f} of its seconds",
        "of_the_short_run": found,
    } | {
        name: round(found[name] * (1 - share + share * factor), 1) for name in ("seconds", "processor_seconds")
    }  # fmt: skip


def processor_seconds() -> float:
    """Of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cells(results: dict[str, Any]) -> dict[str, list[int]]:
    """Right predictions under the worst attacker, and of how many."""
    return {
        f"{ladder['defense']} | {worst['sampler']}": [worst["accuracy"]["count"], worst["accuracy"]["of"]]
        for ladder in results["ladder"]
        for worst in ladder["robust"]
    }


def bounds(results: dict[str, Any]) -> dict[str, int]:
    """Right predictions under a pattern of its own for each video."""
    return {
        f"{ladder['defense']} | {one['sampler']}": one["accuracy"]["count"]
        for ladder in results["ladder"]
        for one in ladder.get("per_video", ())
    }


def stops(results: dict[str, Any]) -> dict[str, str]:
    """Why each attacker stopped, after how many steps and seconds."""
    return {
        rung["attack"]: f"{rung['effort']['stopped']}, {rung['effort']['steps']} steps, {rung['effort']['seconds']} s"
        for ladder in results["ladder"]
        for rung in ladder["rungs"]
        if "effort" in rung and rung["role"] != "transfer"
    }


def compared(found: dict[str, Any], contenders: Sequence[str]) -> dict[str, Any]:
    """The last contender beside the first one."""
    first, last = found[contenders[0]], found[contenders[-1]]
    result: dict[str, Any] = {
        "what": f"{contenders[-1]} beside {contenders[0]}",
        "seconds": round(last["seconds"] / first["seconds"], 3),
        "processor_seconds": round(last["processor_seconds"] / first["processor_seconds"], 3),
    }
    if "cells" not in first:
        return result | {"note": f"the seconds of {contenders[0]} are an estimate, and it has no robust accuracies"}
    higher = {cell: last["cells"][cell][0] - count for cell, (count, _) in first["cells"].items()}
    return result | {
        "videos_more_right_by_cell": higher,
        "largest": max(higher.values()),
        "sum": sum(higher.values()),
    }


if __name__ == "__main__":
    main()
