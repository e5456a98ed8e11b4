"""What the working processes do with one file: look at it, write it and prove it."""

import resource
import shutil
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lsap_cli.applying.adding import Adder, Segment, needs_length
from lsap_cli.applying.proof import CopyProof
from lsap_cli.applying.video_copy import VideoCopy
from lsap_cli.cluster.work import Report
from lsap_cli.hashing import output_hash
from lsap_cli.video.codecs import Codec
from lsap_cli.video.media import Media, VideoPart, local_file, media_hash
from lsap_cli.video.memory_limit import slot_bytes
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.reading import count_frames, read_header
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.writing import container_suffix
from perturbations import Perturbation
from perturbations.slot_cache import SlotCache


@dataclass(frozen=True)
class SourceFacts:
    """The facts of a source's header."""

    suffix: str  # of the file to write
    pixels: int  # of all frames, as the header claims; 0 where it is missing
    frames: int
    source_bytes: int


@dataclass(frozen=True)
class FinishedCopy:
    """One file, written and proved; not yet in its place."""

    proof: CopyProof
    remarks: list[str]
    source_sha256: str
    output_sha256: str
    seconds: float
    memory_bytes: int  # the most that the process has held so far


@dataclass(frozen=True)
class InspectSource:
    """Looks at a source's header, and refuses what would lose something."""

    source: Media
    codec: Codec

    def run(self, report: Report) -> SourceFacts:
        """Raises `UnreadableVideo` where it cannot be used."""
        header = read_header(self.source)
        if isinstance(self.source, PictureSequence):
            size = sum(picture.path.stat().st_size for picture in self.source.pictures())
            return SourceFacts("", header.frames * header.width * header.height, header.frames, size)
        with local_file(self.source) as path:
            suffix = container_suffix(path, self.codec)
            size = path.stat().st_size
        frames = min(header.frames, size)  # a frame takes a byte at least, whatever the header claims
        if isinstance(self.source, VideoPart):
            size = size * frames // max(read_header(self.source.path).frames, frames, 1)
        return SourceFacts(suffix, frames * header.width * header.height, frames, size)


@dataclass(frozen=True)
class WriteCopy:
    """Writes one file with the perturbation in it, and decodes it again."""

    source: Media
    staged: Path  # where it is written; whoever asked moves it into its place
    codec: Codec
    perturbation: Path
    segment: Segment | None
    threads: DecoderThreads
    ssim_every: int = 1  # of frames, the distance between two whose similarity is measured

    def run(self, report: Report) -> FinishedCopy:
        """Raises `UnreadableVideo` or `OSError` where it cannot be written, or is not what was written."""
        start = time.perf_counter()
        try:
            return self._run(report, start)
        except BaseException:  # what could not be proved is not handed out
            remove(self.staged)
            raise

    def _run(self, report: Report, start: float) -> FinishedCopy:
        levels = _loaded(self.perturbation)
        count = count_frames(self.source, report) if needs_length(levels.perturbation, self.segment) else 0
        adder = Adder(levels, self.segment, count)
        copy = VideoCopy(self.staged, self.codec, adder, self.threads, self.ssim_every, report)
        source_hash = media_hash(self.source)
        if isinstance(self.source, PictureSequence):
            remarks = copy.write_sequence(self.source)
            proof = copy.prove_sequence(self.source)
        else:
            with local_file(self.source) as path:
                copied = copy.write_file(self.source, path)
                proof, remarks = copy.prove_file(self.source, path, copied)
        return FinishedCopy(
            proof,
            remarks,
            source_hash,
            output_hash(self.staged),
            round(time.perf_counter() - start, 3),
            _memory(),
        )


def remove(path: Path) -> None:
    """A written file or folder of frames, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _loaded(path: Path) -> SlotCache:
    """Once a process: the next file often has the same size."""
    return SlotCache(Perturbation.load(path), most_bytes=slot_bytes())


def _memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
