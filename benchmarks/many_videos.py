"""How `lsap apply` and `lsap defend` grow with the number of videos, on one machine and without a cluster.

    python benchmarks/many_videos.py --work /tmp/many --results many_videos.json [--videos 100 1000 10000]
        [--part apply] [--part defend]

The videos are small (64 x 48, 8 frames) and differ in their first frame. For each number of them: seconds until the
first one is done, seconds in all, and the most memory that the command's own process has held. Memory is flat if the
slope between the smallest and the largest number is some kilobytes a video, time is linear if milliseconds a video
fall or stay.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon

LSAP = [sys.executable, "-m", "lsap_cli"]
PARTS = ("apply", "defend")
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}  # threads that wait for each other measure what else runs
DONE = ('"kind":"file"', '"kind":"video"')  # the first of either ends the start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--videos", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of apply")
    parser.add_argument("--part", action="append", choices=PARTS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    perturbation = make_perturbation(options.work / "r.safetensors")
    found: dict[str, Any] = json.loads(options.results.read_text()) if options.results.exists() else {}
    found |= {"cores": os.cpu_count(), "platform": platform.platform(), "torch": torch.__version__}
    for part in options.part or PARTS:
        rows = []
        for count in options.videos:
            videos = make_videos(options.work, count)
            rows.append(measure(part, videos, perturbation, count, options))
            print(json.dumps({part: rows[-1]}), flush=True)
        found[part] = {"rows": rows, **growth(rows), "load_average": [round(one, 1) for one in os.getloadavg()]}
        options.results.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def make_perturbation(path: Path) -> Path:
    budget = Budget("linf", parse_epsilon("8/255"))
    delta = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 16 / 255 - 8 / 255
    Perturbation(delta, parse_binding("cyclic:2"), budget).save(path)
    return path


def make_videos(work: Path, count: int) -> Path:
    """A folder of small videos: files of their own, since equal ones would count as one."""
    folder = work / f"videos-{count}"
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        path = folder / f"part-{number // 1000:03d}" / f"{number:06d}.mkv"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            frames = torch.randint(0, 256, (1, 3, 6, 8), dtype=torch.uint8, generator=generator)
            frames = frames.repeat_interleave(8, 2).repeat_interleave(8, 3).expand(8, -1, -1, -1)
            write_video(path, frames, Fraction(25), H264Codec())
    return folder


def measure(
    part: str, videos: Path, perturbation: Path, count: int, options: argparse.Namespace
) -> dict[str, float | int]:
    """One command: its first result, its end, and its memory."""
    run = options.work / f"run-{part}-{count}-{time.time_ns()}"
    if part == "apply":
        out = options.work / f"out-{count}-{time.time_ns()}"
        command = ["apply", str(perturbation), str(videos), str(out), "--workers", str(options.workers)]
    else:
        command = ["defend", str(videos), "--model", "demo", "--perturbation", str(perturbation), "--defense", "none"]
    start, first, most = time.monotonic(), None, 0
    with (run.parent / f"{run.name}.err").open("w") as talk:
        process = subprocess.Popen(
            [*LSAP, *command, "--run", str(run), "--quiet"], stdout=subprocess.DEVNULL, stderr=talk, env=ONE_THREAD
        )
        while process.poll() is None:
            time.sleep(0.05 if first is None else 0.5)
            most = max(most, resident_bytes(process.pid))
            if first is None and any(word in text_of(run / "events.jsonl") for word in DONE):
                first = time.monotonic() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}; see {talk.name}")
    seconds = time.monotonic() - start
    return {
        "videos": count,
        "first_after_seconds": round(first or seconds, 1),
        "seconds": round(seconds, 1),
        "milliseconds_per_video": round(1000 * seconds / count, 2),
        "milliseconds_per_video_after_the_first": round(1000 * (seconds - (first or 0)) / count, 2),
        "memory_mb": round(most / 2**20),
    }


def growth(rows: list[dict[str, float | int]]) -> dict[str, float]:
    """Between the smallest and the largest number of videos: what each further video costs."""
    first, last = rows[0], rows[-1]
    more = max(last["videos"] - first["videos"], 1)
    return {
        "kilobytes_per_further_video": round((last["memory_mb"] - first["memory_mb"]) * 1024 / more, 2),
        "milliseconds_per_further_video": round(1000 * (last["seconds"] - first["seconds"]) / more, 2),
    }


def resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):  # it has just ended
        return 0


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    main()
