"""The plan of an output folder: paths, free space, permission to write."""

import fcntl
import os
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

from lsap_cli.applying.tasks import SourceFacts
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.results.manifest import MANIFEST_FILE
from lsap_cli.video.codecs import Codec

LOCK = ".lock"
STAGING = ".partial"  # what is being written; on the same file system as its place


@dataclass(frozen=True)
class PlannedCopy:
    """One file to write."""

    video: Video
    output: str  # its path in the output folder
    facts: SourceFacts
    number: int

    def staged(self, out: Path) -> Path:
        """Where it is written before it is complete."""
        return out / STAGING / f"{self.number}{PurePosixPath(self.output).suffix}"


class OutputNames:
    """Gives each source a file of its own, also where upper and lower case are one.

    Args:
        videos: all of them: their folders are taken, too.
        kept: the outputs of earlier entries by their source.
    """

    def __init__(self, videos: Iterable[Video], kept: Mapping[str, str]) -> None:
        self._kept = kept
        self._taken = {_same(output) for output in kept.values()}
        for video in videos:
            self._taken.update(_same(str(folder)) for folder in PurePosixPath(video.name).parents)

    def choose(self, video: Video, suffix: str) -> str:
        """`a.avi` beside `a.mp4` become `a.mkv` and `a.mp4.mkv`."""
        if video.name in self._kept and PurePosixPath(self._kept[video.name]).suffix == suffix:
            return self._kept[video.name]
        name = PurePosixPath(video.name)
        target, number = name.with_suffix(suffix) if suffix else name, 1  # a folder of pictures keeps its name
        while _same(str(target)) in self._taken:
            target = name.with_name(name.name + (suffix if number == 1 else f".{number}{suffix}"))
            number += 1
        self._taken.add(_same(str(target)))
        return str(target)


def name_problem(copy: PlannedCopy, out: Path) -> str | None:
    """Why a copy cannot have its name; None: it can."""
    name, longest = PurePosixPath(copy.output).name, os.pathconf(out, "PC_NAME_MAX")
    size = len(os.fsencode(name))
    if size > longest:
        return f"its copy's name would have {size} bytes, and {longest} are the most here; give it a shorter name"
    if len(os.fsencode(out / copy.output)) >= os.pathconf(out, "PC_PATH_MAX"):
        return "its copy's path would be too long here; give an output folder with a shorter path"
    return None


def check_folders(videos: Path, out: Path, resume: bool) -> None:
    """Makes the output folder, or refuses it.

    Raises:
        LsapError: if it holds other things, lies among the videos, or cannot be made.
    """
    if videos.is_dir() and out.resolve().is_relative_to(videos.resolve()):
        raise LsapError(
            f"the output folder {out} lies inside of {videos}; give one outside, so that no output is read as input"
        )
    if out.exists() and not out.is_dir():
        raise LsapError(f"the output {out} is not a folder; give a new one")
    try:
        out.mkdir(parents=True, exist_ok=True)
        holds = {path.name for path in out.iterdir()} - {LOCK}
    except OSError as error:
        raise LsapError(f"the output folder {out} cannot be used ({error.strerror})", 1) from None
    if holds and not resume and not _is_locked(out):
        hint = "; go on in it with --resume" if MANIFEST_FILE in holds else ""
        raise LsapError(f"the output folder {out} is not empty; give a new one, so that nothing in it is lost{hint}")
    if holds and resume and not holds & {MANIFEST_FILE, STAGING}:
        raise LsapError(f"--resume: the output folder {out} is not one that lsap apply began; give a new one")


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Keeps other processes out of a folder; what an earlier one left half done there is removed.

    Raises:
        LsapError: if another one is at work, or the folder cannot be written.
    """
    with _opened_lock(out) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LsapError(
                f"another lsap process is writing into {out}; wait for it, or give another folder", 1
            ) from None
        shutil.rmtree(out / STAGING, ignore_errors=True)
        try:
            yield
        finally:
            shutil.rmtree(out / STAGING, ignore_errors=True)


def needed_bytes(facts: SourceFacts, codec: Codec) -> int:
    """About how large a written file becomes."""
    return int(facts.pixels * codec.bytes_a_pixel) + facts.source_bytes


def check_disk(copies: Iterable[PlannedCopy], codec: Codec, out: Path) -> None:
    """Refuses to begin what is not likely to fit.

    Raises:
        LsapError: if there is not enough room.
    """
    needed = sum(needed_bytes(copy.facts, codec) for copy in copies)
    free = shutil.disk_usage(out).free
    if needed > free:
        raise LsapError(
            f"{out} has {free / 2**20:.0f} MB left and about {needed / 2**20:.0f} MB are needed; free some, use "
            "another folder, or a lossy codec such as h264:crf=18", 1
        )  # fmt: skip


def place(staged: Path, target: Path) -> None:
    """Moves a complete file or folder of frames into its place, over an earlier one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    staged.replace(target)


def _opened_lock(out: Path) -> TextIO:
    try:
        return (out / LOCK).open("a")
    except OSError as error:
        raise LsapError(f"the output folder {out} cannot be written ({error.strerror})", 1) from None


def _is_locked(out: Path) -> bool:
    try:
        with (out / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _same(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
