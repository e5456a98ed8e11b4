"""What watching costs the run that is watched, and what a run pays for writing its use of the machine and its pictures.

    python benchmarks/dashboard_overhead.py --out benchmarks/results/dashboard_overhead.json

The same `lsap generate` (fixed steps) is run in turns, unwatched and with a dashboard on it in a pseudo terminal; what
counts is the run's own processor time, the seconds of learning that it records, and the seconds a step once the
dashboard has been opened, which itself takes about a second of a core.

    python benchmarks/dashboard_overhead.py --within --steps 12500 --out within.json
    python benchmarks/dashboard_overhead.py --within --steps 20000 --stretch 10 --out short_stretches.json

Runs differ by more than watching adds. So one run can be enough: the dashboard on it is stopped and continued by turns,
and the seconds a step of each stretch are compared with those of its two neighbors. On continuing, the dashboard makes
up for what it missed, so this rather overstates what watching costs.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dashboard_speed import dashboard

from lsap_cli.demo.videos import write_dataset
from lsap_cli.runs.reading import EVENTS_FILE

OPENING_SECONDS = 15.0  # of learning that are left out of the seconds a step
RESAMPLES = 10_000  # of the pairs, for their interval


def main() -> None:
    """Runs the turns and writes one JSON document."""
    parser = argparse.ArgumentParser(description="Measure what a watched run pays.")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--turns", type=int, default=4, help="pairs of runs")
    parser.add_argument("--steps", type=int, default=60, help="of learning, each")
    parser.add_argument("--model", default="demo", help="of the runs")
    parser.add_argument("--videos", type=Path, help="to learn from; by default some that are drawn")
    parser.add_argument("--batch", type=int, default=4, help="videos of a step")
    parser.add_argument("--within", action="store_true", help="one run, watched by turns")
    parser.add_argument("--stretch", type=float, default=60.0, help="seconds of a turn within one run")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        root = Path(name)
        videos = arguments.videos or root / "videos"
        if not arguments.videos:
            write_dataset(videos, 1, 41)
        numbers = f"--steps {arguments.steps} --batch {arguments.batch}".split()
        what = [str(videos), "--model", arguments.model, *numbers]
        found: dict[str, Any] = {
            "schema": "lsap.benchmark/1",
            # of a card its folder: no path of this machine
            "model": Path(arguments.model).parent.name or arguments.model,
            "batch": arguments.batch,
            "steps": arguments.steps,
        }
        if arguments.within:
            found |= watched_by_turns(root, what, arguments.stretch)
        else:
            found |= in_turns(root, what, arguments.turns)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def in_turns(root: Path, what: list[str], count: int) -> dict[str, Any]:
    """Runs that are watched and runs that are not."""
    turns: list[dict[str, Any]] = []
    for turn in range(count):
        order = (False, True) if turn % 2 == 0 else (True, False)
        for watched in order:
            turns.append(one_run(root, f"{turn}-{watched}", watched, what))
            print(turns[-1], file=sys.stderr)
    found: dict[str, Any] = {"turns": turns}
    for key in ("processor_seconds", "learn_seconds", "seconds_a_step"):
        alone, with_it = (
            statistics.median(one[key] for one in turns if one["watched"] is watched) for watched in (False, True)
        )
        found[key] = {"alone": alone, "watched": with_it, "ratio": with_it / alone}
    return found


def watched_by_turns(root: Path, what: list[str], stretch: float) -> dict[str, Any]:
    """One run, and a dashboard on it that works and is stopped by turns."""
    folder = root / "run"
    process = begin(root, folder, what)
    while not (folder / EVENTS_FILE).exists() and process.poll() is None:
        time.sleep(0.05)
    stretches: list[tuple[bool, float, float, float]] = []  # watched, from, to, processor seconds of the dashboard
    with dashboard(folder) as terminal:
        while process.poll() is None and not learning_for(folder, OPENING_SECONDS):
            terminal.read(1.0)
        opening, watched = terminal.processor_seconds(), True
        while process.poll() is None:
            start, before = time.time(), terminal.processor_seconds()
            while time.time() - start < stretch and process.poll() is None:
                terminal.read(0.5)
            stretches.append((watched, start, time.time(), terminal.processor_seconds() - before))
            watched = not watched
            terminal.process.send_signal(signal.SIGCONT if watched else signal.SIGSTOP)
        terminal.process.send_signal(signal.SIGCONT)
    steps = steps_of(folder)
    rates: list[tuple[bool, float]] = []
    for watched, start, end, _ in stretches:
        rate = pace(steps, start, end, stretch)
        if rate is not None:
            rates.append((watched, rate))
    ratios = [
        now / beside if watched else beside / now
        for (watched, now), beside in (
            (rates[at], (rates[at - 1][1] + rates[at + 1][1]) / 2) for at in range(1, len(rates) - 1)
        )
    ]
    draw = random.Random(0)
    means = sorted(statistics.fmean(draw.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return {
        "stretch_seconds": stretch,
        "seconds_a_step": {
            "watched": [round(rate, 5) for watched, rate in rates if watched],
            "alone": [round(rate, 5) for watched, rate in rates if not watched],
        },
        "ratio": {
            "mean": statistics.fmean(ratios), "median": statistics.median(ratios), "pairs": len(ratios),
            "low": means[int(0.025 * RESAMPLES)], "high": means[int(0.975 * RESAMPLES)],
        },
        "dashboard_processor_seconds_until_open": opening,
        "dashboard_share_of_a_core": statistics.fmean(
            used / (end - start) for watched, start, end, used in stretches if watched
        ),
    }  # fmt: skip


def begin(root: Path, folder: Path, what: list[str]) -> subprocess.Popen[bytes]:
    places = ["--out", str(root / f"{folder.name}.safetensors"), "--run", str(folder)]
    line = [sys.executable, "-m", "lsap_cli", "generate", *what, *places]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def steps_of(folder: Path) -> list[tuple[float, int]]:
    """When each step ended, and its number."""
    events = [json.loads(line) for line in (folder / EVENTS_FILE).read_text(encoding="utf-8").splitlines()]
    return [(event["time"], event["number"]) for event in events if event["kind"] == "step"]


def learning_for(folder: Path, seconds: float) -> bool:
    steps = steps_of(folder)
    return bool(steps) and time.time() - steps[0][0] > seconds


def pace(steps: list[tuple[float, int]], start: float, end: float, stretch: float) -> float | None:
    """Seconds a step in a whole stretch of learning, without its pauses for verification; None of other stretches."""
    inside = [moment for moment, _ in steps if start <= moment <= end]
    if len(inside) < 10 or end - start < stretch or inside[-1] - inside[0] < 0.8 * stretch:
        return None
    gaps = [after - before for before, after in pairwise(inside)]
    longest = 5 * statistics.median(gaps)
    return statistics.fmean(gap for gap in gaps if gap < longest)


def one_run(root: Path, name: str, watched: bool, what: list[str]) -> dict[str, Any]:
    folder = root / name
    process = begin(root, folder, what)
    done = threading.Event()
    usage: list[Any] = []

    def wait() -> None:
        usage.append(os.wait4(process.pid, 0)[2])
        done.set()

    threading.Thread(target=wait).start()
    own = 0.0
    if watched:
        while not (folder / "run.json").exists() and not done.wait(0.05):
            pass
        with dashboard(folder) as terminal:
            while not done.is_set():
                terminal.read(0.2)
                own = terminal.processor_seconds()
    done.wait()
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {
        "watched": watched, "processor_seconds": usage[0].ru_utime + usage[0].ru_stime,
        "learn_seconds": results["learn_seconds"], "seconds_a_step": seconds_a_step(folder),
        "dashboard_processor_seconds": own, "load": os.getloadavg()[0],
    }  # fmt: skip


def seconds_a_step(folder: Path) -> float:
    """From OPENING_SECONDS after the first step to the last one."""
    steps = steps_of(folder)
    late = [one for one in steps if one[0] - steps[0][0] > OPENING_SECONDS]
    (first, low), (last, high) = late[0], late[-1]
    return float((last - first) / (high - low))


if __name__ == "__main__":
    main()
