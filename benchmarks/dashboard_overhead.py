"""What watching costs the run that is watched, and what a run pays for writing its use of the machine and its pictures.

    python benchmarks/dashboard_overhead.py --out benchmarks/results/dashboard_overhead.json

The same `lsap generate` (demo model, fixed steps) is run in turns, unwatched and with a dashboard on it in a pseudo
terminal; what counts is the run's own processor time, and the seconds of learning that it records.
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


def main() -> None:
    """Runs the turns and writes one JSON document."""
    parser = argparse.ArgumentParser(description="Measure what a watched run pays.")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--turns", type=int, default=4, help="pairs of runs")
    parser.add_argument("--steps", type=int, default=60, help="of learning, each")
    arguments = parser.parse_args()
    turns: list[dict[str, Any]] = []
    with TemporaryDirectory() as name:
        root = Path(name)
        write_dataset(root / "videos", 1, 41)
        for turn in range(arguments.turns):
            order = (False, True) if turn % 2 == 0 else (True, False)
            for watched in order:
                turns.append(one_run(root, f"{turn}-{watched}", watched, arguments.steps))
                print(turns[-1], file=sys.stderr)
    found: dict[str, Any] = {"schema": "lsap.benchmark/1", "turns": turns}
    for key in ("processor_seconds", "learn_seconds"):
        alone, with_it = (
            statistics.median(one[key] for one in turns if one["watched"] is watched) for watched in (False, True)
        )
        found[key] = {"alone": alone, "watched": with_it, "ratio": with_it / alone}
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def one_run(root: Path, name: str, watched: bool, steps: int) -> dict[str, Any]:
    folder = root / name
    words = ["generate", str(root / "videos"), "--model", "demo", "--steps", str(steps), "--batch", "4"]
    line = [sys.executable, "-m", "lsap_cli", *words, "--out", str(root / f"{name}.safetensors"), "--run", str(folder)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = threading.Event()
    usage: list[Any] = []

    def wait() -> None:
        usage.append(os.wait4(process.pid, 0)[2])
        done.set()

    threading.Thread(target=wait).start()
    if watched:
        while not (folder / "run.json").exists() and not done.wait(0.05):
            pass
        with dashboard(folder) as terminal:
            while not done.is_set():
                terminal.read(0.2)
    done.wait()
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {
        "watched": watched, "processor_seconds": usage[0].ru_utime + usage[0].ru_stime,
        "learn_seconds": results["learn_seconds"], "load": os.getloadavg()[0],
    }  # fmt: skip


if __name__ == "__main__":
    main()
