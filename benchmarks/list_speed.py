"""How long a long list of videos takes to be read and shown, in seconds of CPU.

    python benchmarks/list_speed.py [--rows 1000000] [--files 13320]

Prints the reading of a CSV list of `--rows` files, none of which is there, the whole of `lsap datasets show` on it, and
`lsap datasets show --all` on one of `--files` tiny files, whose headers are all read.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import torch

from lsap_cli.datasets.listing import list_videos
from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video

CLASSES = 101


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=13_320)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        long = write_list(Path(folder) / "long.csv", options.rows)
        start = time.process_time()
        videos = len(list_videos(long, [f"class{number:03d}" for number in range(CLASSES)]).videos)
        print(f"{videos} rows read: {time.process_time() - start:.1f} s of CPU")
        print(f"{options.rows} rows shown: {show_seconds(long):.1f} s of CPU")
        short = write_list(Path(folder) / "short.csv", options.files)
        write_files(short)
        start = time.monotonic()
        cpu = show_seconds(short, "--all")
        print(f"{options.files} files shown: {cpu:.1f} s of CPU, {time.monotonic() - start:.1f} s")


def write_list(path: Path, rows: int) -> Path:
    lines = (
        f"class{row % CLASSES:03d}/v_name_g{row // 4:06d}_c{row % 4:02d}.mp4,class{row % CLASSES:03d}\n"
        for row in range(rows)
    )
    path.write_text("path,label\n" + "".join(lines))
    return path


def write_files(source: Path) -> None:
    """The files of a list, all of them the same ten frames of 64 x 48."""
    first = source.parent / "first.mp4"
    write_video(first, torch.zeros(10, 3, 48, 64, dtype=torch.uint8), Fraction(25), H264Codec())
    for line in source.read_text().splitlines()[1:]:
        path = source.parent / line.partition(",")[0]
        path.parent.mkdir(exist_ok=True)
        path.hardlink_to(first)


def show_seconds(source: Path, *options: str) -> float:
    """Seconds of CPU of `lsap datasets show` in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-m", "lsap_cli", "datasets", "show", str(source), "--json", *options]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=False)  # 1: files are missing
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
