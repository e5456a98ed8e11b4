"""How fast `lsap apply` writes and proves a copy, beside an earlier commit and beside the ffmpeg program.

    python benchmarks/copy_speed.py --clips videos/ --work /tmp/speed --results results.json [--rounds 5]

Six cells: two sizes and three codecs. Each figure is that of one file written and proved by one worker's code, without
the start of a process; the versions take turns. The ffmpeg program writes the same codec with the same settings from
the unperturbed source, and proves nothing.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import av
import torch
from apply_speed import FRAMES, PROGRAM, SIZES, first_frames, make_perturbation, program_command
from side_by_side import BASE, checked_out, in_turns, median_ratio, python_of

SCRIPT = """
import resource, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
try:
    from lsap_cli.applying.settings import SSIM_SAMPLE
    from lsap_cli.applying.tasks import WriteCopy
    more = {"ssim_every": SSIM_SAMPLE}
except ImportError:
    from lsap_cli.jobs.applying.tasks import Write as WriteCopy
    more = {}
from lsap_cli.specs import build
from lsap_cli.video.codecs import CODECS
from lsap_cli.video.writing import container_suffix

source, work, spec = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
codec = build(spec, CODECS, "codec")
for number in range(2):  # the first one warms up
    task = WriteCopy(source, work / f"copy{container_suffix(source, codec)}", codec, work / "r.safetensors", None,
                     "many", **more)
    used = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    done = task.run(lambda count: None)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
proof = getattr(done, "proof", None) or done.written
print(seconds, processor, int(proof.exact))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--base", default=BASE)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    make_perturbation(options.work / "r.safetensors")
    trees = {"base": checked_out(options.base, options.work), "now": checked_out(".", options.work)}
    pythons = {name: python_of(tree, options.work) for name, tree in trees.items()}
    results: dict[str, Any] = {
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "av": av.__version__,
        "base": options.base,
        "rounds": options.rounds,
        "cells": {},
    }
    for name, (width, height) in SIZES.items():
        source = first_frames(options.clips, options.work, width, height, FRAMES[name])
        with av.open(str(source)) as container:
            frames = sum(1 for packet in container.demux(video=0) if packet.size)
        for spec in PROGRAM:
            cell = compared(pythons, source, options.work, spec, options.rounds)
            results["cells"][f"{name} {spec}"] = {"frames": frames} | cell
            print(json.dumps({f"{name} {spec}": results["cells"][f"{name} {spec}"]}), flush=True)
            results["load_average"] = [round(load, 1) for load in os.getloadavg()]
            options.results.write_text(json.dumps(results, indent=1) + "\n")


def compared(pythons: dict[str, Path], source: Path, work: Path, spec: str, rounds: int) -> dict[str, Any]:
    processor: dict[str, list[float]] = {name: [] for name in pythons}

    def written(name: str) -> float:
        words = [str(pythons[name].absolute()), "-c", SCRIPT, str(source.absolute()), str(work.absolute()), spec]
        done = subprocess.run(words, check=True, capture_output=True, cwd=work)  # -c imports from the current folder
        seconds, used, exact = map(float, done.stdout.split())
        assert exact or spec == "h264"
        processor[name].append(used)
        return seconds

    def program() -> float:
        target = work / f"program{'.mkv' if spec == 'ffv1' else '.mp4'}"
        command = program_command(source, target, spec)
        start = time.perf_counter()
        subprocess.run(command, check=True)
        return time.perf_counter() - start

    measured = in_turns(
        {"base": lambda: written("base"), "now": lambda: written("now"), "ffmpeg_program": program}, rounds
    )
    return {
        "seconds": {name: round(statistics.median(seconds), 3) for name, seconds in measured.items()},
        "processor_seconds": {name: round(statistics.median(seconds), 3) for name, seconds in processor.items()},
        "throughput_to_base": round(median_ratio(measured, "base", "now"), 2),
        "throughput_to_ffmpeg_program": round(median_ratio(measured, "ffmpeg_program", "now"), 2),
    }


if __name__ == "__main__":
    main()
