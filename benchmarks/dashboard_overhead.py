"""What watching costs the run that is watched, and what a run pays for writing its use of the machine and its pictures.

    python benchmarks/dashboard_overhead.py --out benchmarks/results/dashboard_overhead.json

The same `lsap generate` (fixed steps) is run in turns, unwatched and with a dashboard on it in a pseudo terminal; what
counts is the run's own processor time, the seconds of learning that it records, and the seconds a step once the
dashboard has been opened, which itself takes about a second of a core.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dashboard_speed import dashboard

from lsap_cli.demo.videos import write_dataset
from lsap_cli.runs.reading import EVENTS_FILE

OPENING_SECONDS = 15.0  # of learning that are left out of the seconds a step


def main() -> None:
    """Runs the turns and writes one JSON document."""
    parser = argparse.ArgumentParser(description="Measure what a watched run pays.")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--turns", type=int, default=4, help="pairs of runs")
    parser.add_argument("--steps", type=int, default=60, help="of learning, each")
    parser.add_argument("--model", default="demo", help="of the runs")
    parser.add_argument("--videos", type=Path, help="to learn from; by default some that are drawn")
    parser.add_argument("--batch", type=int, default=4, help="videos of a step")
    arguments = parser.parse_args()
    turns: list[dict[str, Any]] = []
    with TemporaryDirectory() as name:
        root = Path(name)
        videos = arguments.videos or root / "videos"
        if not arguments.videos:
            write_dataset(videos, 1, 41)
        numbers = f"--steps {arguments.steps} --batch {arguments.batch}".split()
        what = [str(videos), "--model", arguments.model, *numbers]
        for turn in range(arguments.turns):
            order = (False, True) if turn % 2 == 0 else (True, False)
            for watched in order:
                turns.append(one_run(root, f"{turn}-{watched}", watched, what))
                print(turns[-1], file=sys.stderr)
    found: dict[str, Any] = {
        "schema": "lsap.benchmark/1",
        "model": Path(arguments.model).parent.name or arguments.model,  # of a card its folder: no path of this machine
        "batch": arguments.batch,
        "steps": arguments.steps,
        "turns": turns,
    }
    for key in ("processor_seconds", "learn_seconds", "seconds_a_step"):
        alone, with_it = (
            statistics.median(one[key] for one in turns if one["watched"] is watched) for watched in (False, True)
        )
        found[key] = {"alone": alone, "watched": with_it, "ratio": with_it / alone}
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def one_run(root: Path, name: str, watched: bool, what: list[str]) -> dict[str, Any]:
    folder = root / name
    places = ["--out", str(root / f"{name}.safetensors"), "--run", str(folder)]
    line = [sys.executable, "-m", "lsap_cli", "generate", *what, *places]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
    events = [json.loads(line) for line in (folder / EVENTS_FILE).read_text(encoding="utf-8").splitlines()]
    steps = [(event["time"], event["number"]) for event in events if event["kind"] == "step"]
    late = [one for one in steps if one[0] - steps[0][0] > OPENING_SECONDS]
    (first, low), (last, high) = late[0], late[-1]
    return float((last - first) / (high - low))


if __name__ == "__main__":
    main()
