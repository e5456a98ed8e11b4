"""Peak memory and open files of `lsap generate` over the number of videos, with a limit for frames in memory.

    python benchmarks/generate_memory.py [--videos 500 10000] [--memory 0.01] [--memory-limit GB] [--steps 5]
                                         [--decode-only]

The videos are hard links to a few that differ, in a temporary folder: 5 frames of 64 x 64. Memory should not grow with
their number; what grows a little is what is kept of each video beside its frames (name, hash, times). `peak_mb` counts
mapped frames that are on disk, `peak_anonymous_mb` does not.

With `--decode-only`, videos are decoded and held, and nothing is learned; `live_mb` is then what is still in use when
the C library has given back what is free: `lsap generate` lets it keep up to 1 GB of that for the next blocks.
"""

import argparse
import ctypes
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from threading import Thread

import torch

from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore
from lsap_cli.runs.memory import keep_memory
from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video

DIFFERENT = 50
FRAMES, SIZE = 5, 64


def main() -> None:
    options = arguments()
    if options.decode_inside:
        decode_inside(Path(options.decode_inside), options.memory)
        return
    if options.inside:
        inside(options.inside[0], options.inside[1:])
        return
    with tempfile.TemporaryDirectory(prefix="lsap-generate-memory-") as name:
        if options.decode_only:
            rows = [measure_decoding(Path(name), count, options.memory) for count in options.videos]
        else:
            rows = [measure(Path(name), count, options) for count in options.videos]
    about = {
        "command": "benchmarks/generate_memory.py",
        "memory_gb": options.memory,
        "memory_limit_gb": options.memory_limit,
        "steps": options.steps,
    }
    print(json.dumps(about | {"platform": platform.platform(), "torch": torch.__version__, "rows": rows}, indent=1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, nargs="+", default=[500, 10_000])
    parser.add_argument("--memory", type=float, default=0.01, help="GB of frames in memory")
    parser.add_argument("--memory-limit", type=float, help="GB of `lsap generate`'s own option")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--decode-only", action="store_true")
    parser.add_argument("--decode-inside", help=argparse.SUPPRESS)
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(root: Path, count: int, options: argparse.Namespace) -> dict[str, float]:
    """One run over `count` videos, in a process of its own."""
    videos, report = make_videos(root, count), root / f"{count}.json"
    limit = () if options.memory_limit is None else ("--memory-limit", options.memory_limit)
    words = (
        "generate", videos, "--model", "demo", "--memory", options.memory, *limit, "--steps", options.steps, "--quiet",
        "--out", root / f"{count}.safetensors", "--run", root / f"run-{count}",
    )  # fmt: skip
    command = [sys.executable, __file__, "--inside", str(report), *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {"videos": count, **json.loads(report.read_text())}


def measure_decoding(root: Path, count: int, memory: float) -> dict[str, float]:
    """Videos decoded and held, in a process of its own."""
    command = [sys.executable, __file__, "--memory", str(memory), "--decode-inside", str(make_videos(root, count))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return {"videos": count, **json.loads(done.stdout)}


def decode_inside(folder: Path, memory: float) -> None:
    """Decodes a folder as `lsap generate` does, and prints this process's anonymous memory before and after a trim."""
    keep_memory()
    videos = list_videos(folder, []).videos
    with FrameStore(load_classifier("demo").geometry.shrink, int(memory * 2**30)) as store:
        held = [stored for _, stored in store.load(videos)]
        before = anonymous_kilobytes()
        ctypes.CDLL(None).malloc_trim(0)
        assert len(held) == len(videos)
        print(json.dumps({"anonymous_mb": before / 1024, "live_mb": anonymous_kilobytes() / 1024}))


def make_videos(root: Path, count: int) -> Path:
    """Hard links to a few videos."""
    folder = root / f"videos-{count}"
    folder.mkdir()
    originals = []
    for number in range(min(DIFFERENT, count)):
        generator = torch.Generator().manual_seed(number)
        frames = torch.randint(0, 256, (FRAMES, 3, SIZE, SIZE), generator=generator).to(torch.uint8)
        originals.append(folder / f"v_it_g{number:02}_c0.mp4")
        write_video(originals[-1], frames, Fraction(25), H264Codec())
    for number in range(len(originals), count):
        original = originals[number % DIFFERENT]
        os.link(original, folder / f"{original.stem[:-1]}{number // DIFFERENT}.mp4")
    return folder


class PeakAnonymous(Thread):
    """The most memory that no file stands behind: frames on disk are mapped, and the system takes them back at will."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.kilobytes = 0

    def run(self) -> None:
        while True:
            self.kilobytes = max(self.kilobytes, anonymous_kilobytes())
            time.sleep(0.05)


def anonymous_kilobytes() -> int:
    """Of this process, now."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def inside(report: str, words: list[str]) -> None:
    """Runs lsap, then writes the figures of this process."""
    from lsap_cli.main import run

    sys.argv = ["lsap", *words]
    peak = PeakAnonymous()
    peak.start()
    try:
        run()
    except SystemExit as ended:
        figures = {
            "exit_code": ended.code,
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "peak_anonymous_mb": round(peak.kilobytes / 1024),
            "open_files": len(list(Path("/proc/self/fd").iterdir())),
        }
        Path(report).write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
