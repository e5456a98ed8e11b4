"""How fast `lsap apply` writes, beside the same pipeline without it, and how much memory it takes.

    python benchmarks/apply_speed.py --clips videos/ --work /tmp/speed --results results.json [--rounds 5] [--part P]

`throughput`: one file is decoded and encoded again in turn with the perturbation added to each frame, and with frames
that were perturbed before and wait in memory (the same decoding, the same encoding, no adding), then with the ffmpeg
program on the source; also written *and* proved. `workers`: several files with one worker and with two. `memory`: the
most that a working process holds for 10 seconds and for 10 minutes of video, and for many files. Figures are medians
over the rounds, which alternate between what is compared; processor time is given beside wall-clock time, since the
latter depends on what else the machine does.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import torch
from torch import Tensor

from lsap_cli.applying.adding import Adder
from lsap_cli.applying.settings import SSIM_SAMPLE
from lsap_cli.applying.video_copy import VideoCopy
from lsap_cli.specs import build
from lsap_cli.video.codecs import CODECS, Codec, H264Codec
from lsap_cli.video.reading import read_frames
from lsap_cli.video.walking import find_media
from lsap_cli.video.writing import container_suffix, transcode, write_video
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon
from perturbations.slot_cache import SlotCache

SIZES = {"320x240": (320, 240), "1280x720": (1280, 720)}
FRAMES = {"320x240": 120, "1280x720": 40}
LSAP = [sys.executable, "-c", "from lsap_cli.main import run; run()"]
PROGRAM = {  # the same settings for the ffmpeg program
    "ffv1": "-c:v ffv1 -level 3 -slices 4 -slicecrc 1 -pix_fmt bgr0",
    "x264rgb": "-c:v libx264rgb -qp 0 -preset ultrafast -pix_fmt rgb24",
    "h264": "-c:v libx264 -crf 18 -preset medium -pix_fmt yuv420p",
}
PARTS = ("throughput", "workers", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--part", action="append", choices=PARTS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    perturbation = make_perturbation(options.work / "r.safetensors")
    results: dict[str, Any] = json.loads(options.results.read_text()) if options.results.exists() else {}
    results |= {
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "av": av.__version__,
        "torch": torch.__version__,
    }
    for part in options.part or PARTS:
        results[part] = {
            "throughput": lambda: throughput(options.clips, options.work, perturbation, options.rounds),
            "workers": lambda: workers(options.clips, options.work, options.rounds),
            "memory": lambda: memory(options.work, options.minutes),
        }[part]()
        results[part]["load_average"] = [round(load, 1) for load in os.getloadavg()]
        options.results.write_text(json.dumps(results, indent=1) + "\n")
        print(json.dumps({part: results[part]}, indent=1), flush=True)


def throughput(clips: Path, work: Path, perturbation: Perturbation, rounds: int) -> dict[str, Any]:
    """Frames a second for each size and codec."""
    found: dict[str, Any] = {}
    for name, (width, height) in SIZES.items():
        source = first_frames(clips, work, width, height, FRAMES[name])
        for spec in PROGRAM:
            found[f"{name} {spec}"] = compare(source, work, perturbation, spec, rounds)
            print(json.dumps({f"{name} {spec}": found[f"{name} {spec}"]}), flush=True)
    return {"cases": found, "rounds": rounds}


def compare(source: Path, work: Path, perturbation: Perturbation, spec: str, rounds: int) -> dict[str, Any]:
    codec: Codec = build(spec, CODECS, "codec")
    target = work / f"copy{container_suffix(source, codec)}"
    clean = [frame.pixels for frame in read_frames(source)]
    levels = SlotCache(perturbation)  # its slots are made once for all files of a size
    adder = Adder(levels, None, len(clean))
    ready = [adder.perturbed(pixels, number) for number, pixels in enumerate(clean)]

    def waiting(_: Tensor, number: int) -> Tensor:
        return ready[number]

    def proved() -> None:
        copy = VideoCopy(target, codec, Adder(levels, None, len(clean)), "many", SSIM_SAMPLE, lambda _: None)
        copy.prove_file(source, source, copy.write_file(source, source))

    ways: dict[str, Callable[[], object]] = {
        "adding": lambda: transcode(source, target, codec, Adder(levels, None, len(clean)).perturbed),
        "ready": lambda: transcode(source, target, codec, waiting),
        "adding_and_proving": proved,
    }
    if shutil.which("ffmpeg"):
        command = program_command(source, target, spec)
        ways["ffmpeg_program_unperturbed"] = lambda: subprocess.run(command, check=True)
        ways["lsap_unperturbed"] = lambda: transcode(source, target, codec, lambda pixels, _: pixels)
    wall, cpu = timed(ways, rounds)
    frames = len(clean)
    return {
        "frames": frames,
        "frames_per_second": {way: round(frames / seconds, 1) for way, seconds in wall.items()},
        "cpu_milliseconds_per_frame": {way: round(1000 * seconds / frames, 2) for way, seconds in cpu.items()},
        "ratio_wall": round(wall["ready"] / wall["adding"], 3),
        "ratio_cpu": round(cpu["ready"] / cpu["adding"], 3),
        "ratio_with_proof_cpu": round(cpu["ready"] / cpu["adding_and_proving"], 3),
    }


def program_command(source: Path, target: Path, spec: str) -> list[str]:
    """The ffmpeg program's command line for the same codec and settings."""
    settings = PROGRAM[spec].split()
    return ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-c:a", "copy", *settings, str(target)]


def timed(ways: dict[str, Callable[[], object]], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Medians of wall-clock and of processor seconds (of this process and of its children), in turns."""
    wall: dict[str, list[float]] = {way: [] for way in ways}
    cpu: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, work in ways.items():
            start, used = time.perf_counter(), processor_seconds()
            work()
            if number:  # the first round warms up
                wall[way].append(time.perf_counter() - start)
                cpu[way].append(processor_seconds() - used)
    return medians(wall), medians(cpu)


def medians(times: dict[str, list[float]]) -> dict[str, float]:
    return {way: statistics.median(measured) for way, measured in times.items()}


def workers(clips: Path, work: Path, rounds: int) -> dict[str, Any]:
    """Seconds from the first file's beginning to the last one's end, with single-threaded codecs."""
    videos = work / "several"
    shutil.rmtree(videos, ignore_errors=True)
    videos.mkdir()
    source = first_frames(clips, work, 320, 240, 120)
    for number in range(8):
        shutil.copy(source, videos / f"{number}{source.suffix}")
    spent: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count, times in spent.items():
            times.append(applying_seconds(videos, work, count))
    one, two = (statistics.median(times) for times in spent.values())
    return {
        "files": 8,
        "one_worker_seconds": round(one, 2),
        "two_workers_seconds": round(two, 2),
        "ratio": round(one / two, 2),
    }


def applying_seconds(videos: Path, work: Path, count: int) -> float:
    out, run = work / "out", work / "runs" / f"{time.monotonic_ns()}"
    shutil.rmtree(out, ignore_errors=True)
    words = [
        "apply",
        work / "r.safetensors",
        videos,
        out,
        "--workers",
        count,
        "--threads",
        "one",
        "--run",
        run,
        "--quiet",
    ]
    subprocess.run([*LSAP, *map(str, words)], check=True)
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    start = next(event["time"] for event in events if event.get("name") == "applying")
    return float(max(event["time"] for event in events if event["kind"] == "file") - start)


def memory(work: Path, minutes: float) -> dict[str, Any]:
    """The most bytes that a process of its own holds for one short and one long video, and over 200 short ones."""
    peaks = {}
    for name, seconds in (("10 s", 10.0), (f"{minutes:g} min", 60 * minutes)):
        video = work / f"long-{seconds:g}.mp4"
        moving = (torch.roll(BASE, number, dims=2) for number in range(int(25 * seconds)))
        write_video(video, moving, Fraction(25), H264Codec(crf=30, preset="ultrafast"))
        peaks[name] = peak_megabytes(video, work, 1)
        peaks[f"{name}, frames"] = int(25 * seconds)
    short = work / "long-10.mp4"
    return {
        "megabytes": peaks | {"the first of 30 files": peaks["10 s"], "after 30 files": peak_megabytes(short, work, 30)}
    }


def peak_megabytes(video: Path, work: Path, times: int) -> int:
    """In a fresh process, so that nothing else is counted."""
    script = (
        "import resource, sys, pathlib, torch; torch.set_num_threads(1)\n"
        "from lsap_cli.applying.tasks import WriteCopy\n"
        "from lsap_cli.video.codecs import H264RgbCodec\n"
        "video, work = map(pathlib.Path, sys.argv[1:3])\n"
        "for number in range(int(sys.argv[3])):\n"
        "    task = WriteCopy(video, work / 'staged.mp4', H264RgbCodec(), work / 'r.safetensors', None, 'many')\n"
        "    task.run(lambda done: None)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(video), str(work), str(times)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def first_frames(clips: Path, work: Path, width: int, height: int, count: int) -> Path:
    """The first frames of the first clip of that size, copied packet by packet, without sound."""
    for clip in find_media(clips):
        with av.open(str(clip)) as source:
            stream = source.streams.video[0]
            if (stream.width, stream.height) != (width, height):
                continue
            target = work / f"{width}x{height}{clip.suffix}"
            with av.open(str(target), "w") as out:
                copy = out.add_stream_from_template(stream, opaque=True)
                for number, packet in enumerate(source.demux(stream)):
                    if number == count or packet.dts is None:
                        break
                    packet.stream = copy
                    out.mux(packet)
            return target
    raise SystemExit(f"no clip of {width} x {height} in {clips}")


def make_perturbation(path: Path) -> Perturbation:
    budget = Budget("linf", parse_epsilon("8/255"))
    noise = torch.randn(4, 3, 172, 172, generator=torch.Generator().manual_seed(1)) / 16
    perturbation = Perturbation(budget.project(noise), parse_binding("cyclic:4"), budget)
    perturbation.save(path)
    return perturbation


def processor_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


BASE = (
    torch.randint(0, 256, (3, 30, 40), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    .repeat_interleave(4, dim=1)
    .repeat_interleave(4, dim=2)
)


if __name__ == "__main__":
    main()
