"""What `--cluster` brings and costs on one machine: two workers beside one, and the driver's time for a task.

    python benchmarks/cluster_speed.py --work /tmp/cluster --results cluster_speed.json [--part apply] [--part matrix]
        [--part driver] [--files 24] [--frames 240] [--tasks 10000] [--videos FOLDER --model model.toml]

`apply` and `matrix`: the same command with `--cluster local:1` and `local:2`, the first also held to one core, as a
worker with one processor of its own is (encoders and decoders have threads, so a worker alone on a machine takes more
than one core). Seconds go from the moment that Ray is ready to the last file or video; Ray's start stands beside them.
`driver`: so many tasks, each of which reads the header of a tiny video, in one session of two workers; the processor
and wall-clock time of the driver's process for each, first with four tasks sent at a time, then with 3,200, as on 100
nodes of 16 workers.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from many_videos import make_perturbation, make_videos

from lsap_cli.applying.cluster_files import ClusterFiles
from lsap_cli.applying.tasks import InspectSource
from lsap_cli.cluster.pool import QUEUED_PER_WORKER, ClusterPool
from lsap_cli.cluster.session import ClusterSession
from lsap_cli.cluster.settings import ClusterSettings
from lsap_cli.cluster.work import WorkFailure, WorkOutcome
from lsap_cli.runs import Run
from lsap_cli.video.codecs import Ffv1Codec, H264Codec
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.walking import find_media
from lsap_cli.video.writing import write_video

PARTS = ("apply", "matrix", "driver")
WAYS = {"one worker on one core": (1, True), "one worker": (1, False), "two workers": (2, False)}
LSAP = [sys.executable, "-m", "lsap_cli"]
LARGE = 1600  # workers: 100 nodes of 16
MATRIX = ("none", "jpeg:quality=75", "temporal-median:window=3", "spatial-median", "bilateral")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--videos", type=Path, help="of the matrix (default: made here)")
    parser.add_argument("--model", default="demo", help="of the matrix")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = json.loads(options.results.read_text()) if options.results.exists() else {}
    found |= {"cores": os.cpu_count(), "platform": platform.platform(), "torch": torch.__version__}
    make_perturbation(options.work / "r.safetensors")
    parts: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "apply": spread_apply,
        "matrix": spread_matrix,
        "driver": driver_time,
    }
    for part in options.part or PARTS:
        found[part] = parts[part](options) | {"load_average": [round(one, 1) for one in os.getloadavg()]}
        options.results.write_text(json.dumps(found, indent=1) + "\n")
        print(json.dumps({part: found[part]}, indent=1), flush=True)


def spread_apply(options: argparse.Namespace) -> dict[str, Any]:
    videos = moving_videos(options.work / "moving", options.files, options.frames)

    def command() -> list[str]:
        out = Path(tempfile.mkdtemp(dir=options.work, prefix="out-"))
        return ["apply", str(options.work / "r.safetensors"), str(videos), str(out)]

    return compared(options, command, '"kind":"file"') | {"files": options.files, "frames_a_file": options.frames}


def spread_matrix(options: argparse.Namespace) -> dict[str, Any]:
    videos = options.videos or moving_videos(options.work / "moving", options.files, options.frames)
    chosen = [word for spec in MATRIX for word in ("--defense", spec)]

    def command() -> list[str]:
        given = ["--model", options.model, "--perturbation", str(options.work / "r.safetensors"), "--device", "cpu"]
        return ["defend", str(videos), *given, *chosen]

    return compared(options, command, '"kind":"video"') | {"model": options.model, "defenses": MATRIX}


def compared(options: argparse.Namespace, command: Callable[[], list[str]], done: str) -> dict[str, Any]:
    """The command in each way, in turns."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    starts = []
    for _ in range(options.rounds):
        for way, (workers, one_core) in WAYS.items():
            run = Path(tempfile.mkdtemp(dir=options.work, prefix="run-")) / "run"
            held = ["taskset", "-c", "0"] if one_core else []
            given = [*command(), "--cluster", f"local:{workers}", "--run", str(run), "--quiet"]
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            subprocess.run([*held, *LSAP, *given], check=True, stdout=subprocess.DEVNULL, env=environment)
            ready, last, start = times_of(run / "events.jsonl", done)
            seconds[way].append(last - ready)
            starts.append(start)
            print(f"{way}: {last - ready:.1f} s, Ray's start {start:.1f} s", flush=True)
    medians = {way: round(statistics.median(one), 2) for way, one in seconds.items()}
    return {
        "seconds": medians,
        "times_one_worker_on_one_core": round(medians["one worker on one core"] / medians["two workers"], 2),
        "times_one_worker": round(medians["one worker"] / medians["two workers"], 2),
        "seconds_of_rays_start": round(statistics.median(starts), 1),
        "rounds": options.rounds,
    }


def times_of(events: Path, done: str) -> tuple[float, float, float]:
    """When Ray was ready, when the last file or video was done, and how long Ray took to start."""
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    ready = next(one for one in lines if one.get("start_seconds") is not None)
    kind = done.split('"')[3]
    last = max(one["time"] for one in lines if one["kind"] == kind)
    return ready["time"], last, ready["start_seconds"]


def moving_videos(folder: Path, count: int, frames: int) -> Path:
    """Videos of 320 x 240 whose noise moves, so that they cost an encoder what real ones do."""
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        path = folder / f"{number:03d}-{frames}.mkv"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        still = torch.randint(0, 256, (3, 60, 80), dtype=torch.uint8, generator=generator)
        picture = still.repeat_interleave(4, 1).repeat_interleave(4, 2)
        moved = torch.stack([picture.roll((shift, 2 * shift), (1, 2)) for shift in range(frames)])
        write_video(path, moved, Fraction(25), H264Codec())
    return folder


def driver_time(options: argparse.Namespace) -> dict[str, Any]:
    """The driver's own time for a task."""
    videos = find_media(make_videos(options.work, options.tasks))
    tasks = [InspectSource(path, Ffv1Codec()) for path in videos]
    found: dict[str, Any] = {"tasks": len(tasks)}
    folder = Path(tempfile.mkdtemp(dir=options.work, prefix="run-"))
    with (
        Run(folder / "run", "apply", {}, []) as run,
        ClusterSession(ClusterSettings("local:2"), run, threads=1) as session,
    ):
        pool = ClusterFiles(ClusterPool(session, memory_limit()), {})
        for _ in pool.work(tasks[:20]):  # starts both workers
            pass
        for name, workers in (("4 in flight", None), (f"{QUEUED_PER_WORKER * LARGE} in flight", LARGE)):
            node = next(iter(session.nodes._nodes.values()))  # the only one
            node.workers = workers or node.workers
            wall, processor, failed = time.monotonic(), time.process_time(), 0
            for step in pool.work(tasks):
                failed += isinstance(step, WorkOutcome) and isinstance(step.result, WorkFailure)
            found[name] = {
                "driver_processor_milliseconds_a_task": round(1000 * (time.process_time() - processor) / len(tasks), 3),
                "wall_milliseconds_a_task": round(1000 * (time.monotonic() - wall) / len(tasks), 3),
                "failed": failed,
            }
            print(json.dumps({name: found[name]}), flush=True)
    return found


if __name__ == "__main__":
    main()
