"""Files that appear when they are complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import OutputContainer

from lsap_cli.video.stream_packets import MUXERS

REPRODUCIBLE = {"fflags": "+bitexact"}  # no random numbers in a file: the same video gives the same bytes


@contextmanager
def output_container(partial: Path, target: Path, options: dict[str, str]) -> Iterator[OutputContainer]:
    """A container that is written to `partial`, in the format of the target's suffix.

    Raises:
        OSError: naming the target, if it cannot be written.
    """
    try:
        with av.open(
            f"file:{partial}", "w", format=MUXERS[target.suffix], container_options=REPRODUCIBLE | options
        ) as out:
            yield out
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror or str(error), str(target)) from error


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes the target on success and vanishes on failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        if partial.is_file():
            with partial.open("rb") as written:
                os.fsync(written.fileno())
        partial.replace(target)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
