"""What the working processes do with one file: look at it, write it and prove it."""

import resource
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.applying.adding import Adder, Segment, needs_length
from lsap_cli.applying.proof import CopyProof, ProofSums
from lsap_cli.applying.time_proof import TimeProof
from lsap_cli.cluster.work import Report
from lsap_cli.hashing import output_hash
from lsap_cli.video.codecs import Codec
from lsap_cli.video.media import Media, VideoPart, local_file, media_hash, read_alike
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.reading import Frame, UnreadableVideo, count_frames, read_frames, read_header
from lsap_cli.video.sequence_writing import SequenceTail, write_sequence
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.writing import AppendedFrames, container_suffix, transcode
from perturbations import Perturbation
from perturbations.slot_cache import SlotCache

ANY_COUNT = -1  # of appended frames, which are then not looked at


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

        def change(pixels: Tensor, index: int) -> Tensor:
            report(index + 1)
            return adder.perturbed(pixels, index)

        tail = AppendedFrames(adder.appended, adder.appended_frame)
        source_hash = media_hash(self.source)
        if isinstance(self.source, PictureSequence):
            remarks = write_sequence(self.source, self.staged, change, SequenceTail(*tail))
            proof = prove(self.source, read_alike(self.staged, self.source), adder, report, self.threads)
        else:
            span = self.source.span if isinstance(self.source, VideoPart) else None
            with local_file(self.source) as path:
                copied = transcode(path, self.staged, self.codec, change, self.threads, tail, span)
                times = TimeProof()
                proof = prove(
                    path if span is None else self.source,
                    self.staged,
                    adder,
                    lambda count: report(copied.frames + count),
                    self.threads,
                    times,
                )
                remarks = copied.remarks + times.differences(copied, self.staged, adder.appended)
        return FinishedCopy(
            proof,
            remarks,
            source_hash,
            output_hash(self.staged),
            round(time.perf_counter() - start, 3),
            _memory(),
        )


def prove(
    source: Media,
    target: Media,
    adder: Adder,
    report: Report,
    threads: DecoderThreads = "many",
    times: TimeProof | None = None,
) -> CopyProof:
    """Decodes a source and a written file side by side and compares every frame.

    Args:
        source: what was read.
        target: what was written.
        adder: what was to be added.
        report: is called with the number of compared frames.
        threads: of the decoders.
        times: gets each pair of frames, too.

    Raises:
        UnreadableVideo: if the written file does not hold as many frames of the same size.
    """
    proof = ProofSums()
    for index, (before, after) in enumerate(frame_pairs(source, target, threads, adder.appended)):
        pixels = torch.zeros_like(after.pixels) if before is None else before.pixels  # appended: as added to black
        proof.add(pixels, adder.perturbed(pixels, index), after.pixels)
        if times is not None and before is not None:
            times.add(before, after)
        report(index + 1)
    return proof.written()


def remove(path: Path) -> None:
    """A written file or folder of frames, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def frame_pairs(
    source: Media, target: Media, threads: DecoderThreads = "many", appended: int = 0
) -> Iterator[tuple[Frame | None, Frame]]:
    """The frames of a source and of what was written from it; appended ones stand beside nothing."""
    written = read_frames(target, threads)
    count = 0
    for frame in read_frames(source, threads):
        other = next(written, None)
        if other is None or other.pixels.shape != frame.pixels.shape:
            raise UnreadableVideo(f"the written file has no matching frame {count}")
        yield frame, other
        count += 1
    if appended == ANY_COUNT:
        return
    for _ in range(appended):
        other = next(written, None)
        if other is None:
            raise UnreadableVideo(f"the written file lacks some of the {appended} frames that follow the end")
        yield None, other
    if next(written, None) is not None:
        raise UnreadableVideo(f"the written file has more than the {count + appended} frames that were written")


@lru_cache(maxsize=1)
def _loaded(path: Path) -> SlotCache:
    """Once a process: the next file often has the same size."""
    return SlotCache(Perturbation.load(path))


def _memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
