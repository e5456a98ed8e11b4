"""A study of 200 small cells on the demo: killed at random moments and resumed, against one that was not; and workers.

    python benchmarks/study_kills.py --kills 10 --out /tmp/kills

It exits with 1 where tables or records differ in anything but times.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lsap_cli.demo.videos import write_dataset

STUDY = """
[study]
title = "Two hundred small cells"
videos = "videos"
folds = 5
batch = 2

[grid]
attack = ["fgsm", "ifgsm", "cw", "sgd-uap", "lsap"]
budget = ["linf 8/255", "l2 4/255"]
steps = [{steps}]
seed = [0, 1, 2, 3]

[[table]]
name = "overall"
rows = ["budget", "attack"]

[[table]]
name = "seeds"
rows = ["attack"]
columns = ["seed"]
measures = ["MAP", "FR", "ACC"]
where = {{budget = "linf 8/255"}}

[[table]]
name = "times"
rows = ["attack"]
columns = ["budget"]
measures = ["seconds", "ms a step"]
"""
TIMED = ("times",)  # tables of times
TIMES = ("learn_seconds", "judge_seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--workers", type=int, default=1, help="of the killed study; the other has one")
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    write_dataset(given.out / "videos", 1, 31)
    (given.out / "study.toml").write_text(STUDY.format(steps=given.steps), encoding="utf-8")
    draw = random.Random(given.seed)
    cells = 5 * 2 * 4 * 5
    moments = sorted(draw.sample(range(cells - 1), given.kills))
    killed = given.out / "killed"
    for number, moment in enumerate(moments):
        begun = time.monotonic()
        left = kill_after(given.out, killed, moment, draw.random(), number > 0, given.workers)
        print(f"kill {number + 1}: after {left} of {cells} cells, {time.monotonic() - begun:.0f} s", flush=True)
    seconds: dict[str, float] = {"the last part of the killed one": run(given.out, killed, True, given.workers)}
    whole = given.out / "whole"
    seconds["the one that was not killed"] = run(given.out, whole, False, 1)
    for name, one in seconds.items():
        print(f"{name}: {one:.0f} s")
    different = differences(killed, whole)
    for name in different:
        print(f"DIFFERENT: {name}")
    print("tables and records are the same but for times" if not different else "they differ")
    return bool(different)


def command(folder: Path, out: Path, resume: bool, workers: int) -> list[str]:
    words = [sys.executable, "-c", "from lsap_cli.main import run; run()", "study", str(folder / "study.toml")]
    return [*words, "--run", str(out), "--workers", str(workers), "--quiet", *(["--resume"] if resume else [])]


def kill_after(folder: Path, out: Path, cells: int, extra: float, resume: bool, workers: int) -> int:
    """Starts or resumes the study, and kills it a random moment after so many cells are done."""
    process = subprocess.Popen(
        command(folder, out, resume, workers), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    while process.poll() is None and done(out) <= cells:
        time.sleep(0.02)
    time.sleep(0.5 * extra)
    if process.poll() is not None:
        message = process.stderr.read().decode() if process.stderr else ""
        raise SystemExit(f"the study ended before it was killed ({process.returncode}): {message}")
    process.send_signal(signal.SIGKILL)
    process.wait()
    return done(out)


def done(out: Path) -> int:
    return len(list((out / "cells").glob("*.json")))


def run(folder: Path, out: Path, resume: bool, workers: int) -> float:
    start = time.monotonic()
    subprocess.run(command(folder, out, resume, workers), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def differences(first: Path, second: Path) -> list[str]:
    """Files that are not the same but for times."""
    found = []
    names = sorted(path.name for path in (second / "tables").iterdir())
    if names != sorted(path.name for path in (first / "tables").iterdir()):
        found.append("the names of the tables")
    for name in names:
        timed = name.startswith((*TIMED, "cells"))
        if not timed and (first / "tables" / name).read_bytes() != (second / "tables" / name).read_bytes():
            found.append(f"tables/{name}")
    one, other = (
        [without_times(json.loads(line)) for line in (run / "records.jsonl").read_text().splitlines()]
        for run in (first, second)
    )
    return [*found, "records.jsonl"] if one != other else found


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in TIMES}


if __name__ == "__main__":
    sys.exit(main())
