"""A video is written as the same bytes, whatever the machine does beside it."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from lsap_cli.hashing import output_hash
from lsap_cli.video.codecs import CODECS, H264Codec
from lsap_cli.video.writing import write_video

LOSSY = [name for name, codec in CODECS.items() if not codec.lossless]

WRITE = """
import sys
from pathlib import Path
from tests.video.test_same_files import LOSSY, write_moving
for name in LOSSY:
    write_moving(Path(sys.argv[1]), name)
"""


def write_moving(folder: Path, name: str) -> Path:
    """16 frames of 256 x 192 in which a soft pattern moves: as many rows as four threads of an encoder need."""
    codec = CODECS[name]()
    scene = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(5))
    large = torch.nn.functional.interpolate(scene, (192, 256), mode="bicubic").clamp(0, 1)
    frames = [(large[0].roll((3 * number, 5 * number), (1, 2)) * 255).byte() for number in range(16)]
    path = folder / f"{name}{codec.suffixes[0]}"
    write_video(path, frames, Fraction(25), codec)
    return path


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to a core here")
def test_lossy_files_are_the_same_on_one_core_and_on_all(tmp_path: Path) -> None:
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("there is one core")
    for name in ("one", "all"):
        (tmp_path / name).mkdir()
    program = f"import os\nos.sched_setaffinity(0, {{{min(cores)}}})\n{WRITE}"
    subprocess.run([sys.executable, "-c", program, tmp_path / "one"], check=True)
    for name in LOSSY:
        written = write_moving(tmp_path / "all", name)
        assert output_hash(written) == output_hash(tmp_path / "one" / written.name), name


def test_the_same_frames_are_written_as_the_same_file_each_time(tmp_path: Path) -> None:
    hashes = {output_hash(write_moving(tmp_path, H264Codec.name)) for _ in range(8)}
    assert len(hashes) == 1
