"""A small world for the commands: demo videos to learn from, others to test on, and the program itself."""

import contextlib
import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from lsap_cli.demo.videos import FRAMES_PER_SECOND, LABELS, make_video, video_seed
from lsap_cli.main import run
from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video

FRAMES, HEIGHT, WIDTH = 24, 64, 80
SCRIPT = "import sys; from lsap_cli.main import run; run()"


@dataclass(frozen=True)
class World:
    learn: Path
    test: Path


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Lsap = Callable[..., Outcome]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("world")
    write_small_videos(root / "learn", 41)
    write_small_videos(root / "test", 42)
    return World(root / "learn", root / "test")


@pytest.fixture(scope="session")
def few_videos(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three videos to learn from, three others to judge."""
    root = tmp_path_factory.mktemp("few")
    for source, name in ((world.learn, "learn"), (world.test, "test")):
        for path in sorted(source.rglob("*.mp4"))[:3]:
            to = root / name / path.relative_to(source)
            to.parent.mkdir(parents=True)
            shutil.copy(path, to)
    return World(root / "learn", root / "test")


def write_small_videos(folder: Path, seed: int) -> None:
    """A video of each of the demo's classes, a sixth as large as the demo's own."""
    for place, label in enumerate(LABELS):
        generator = torch.Generator().manual_seed(video_seed(seed, place))
        path = folder / label / "000.mp4"
        path.parent.mkdir(parents=True)
        write_video(path, make_video(label, generator, FRAMES, HEIGHT, WIDTH), FRAMES_PER_SECOND, H264Codec(crf=18))


@pytest.fixture(scope="session")
def lsap() -> Lsap:
    """The program in this process: what it prints, and its exit code. To import torch anew takes seconds."""

    def call(*words: object, cwd: Path | None = None) -> Outcome:
        out, err, argv = io.StringIO(), io.StringIO(), sys.argv
        sys.argv = ["lsap", *map(str, words)]
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                contextlib.chdir(cwd or Path.cwd()),
                pytest.raises(SystemExit) as ended,
            ):
                run()
        finally:
            sys.argv = argv
        return Outcome(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def lsap_process() -> Lsap:
    """The program in a process of its own, as a user starts it."""

    def call(*words: object, cwd: Path | None = None) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *map(str, words)],
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=300,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def perturbation(world: World, lsap: Lsap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A perturbation that was learned for a few steps."""
    folder = tmp_path_factory.mktemp("learned")
    out = folder / "r.safetensors"
    outcome = lsap("generate", world.learn, "--model", "demo", "--steps", 12, "--out", out, "--run", folder / "run")
    assert outcome.code == 0, outcome.err
    assert "Where the effect goes" in outcome.out
    return out
