"""A written file decoded again and compared with what it was to hold.

A file of a lossless codec is compared with hashes of the frames that were handed to the encoder. One of a lossy codec
is compared with its source, which is decoded a second time beside it; so is a lossless one that does not hold what it
should, since the hashes do not say what is wrong.
"""

import hashlib
from collections.abc import Generator

import torch
from torch import Tensor

from lsap_cli.applying.adding import Adder
from lsap_cli.applying.proof import CopyProof, ProofSums
from lsap_cli.applying.time_proof import TimeProof
from lsap_cli.cluster.work import Report
from lsap_cli.video.changes import picture_of
from lsap_cli.video.media import Media
from lsap_cli.video.prefetching import prefetched
from lsap_cli.video.reading import Frame, UnreadableVideo, read_frames
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.timestamps import SourceTimes

ANY_COUNT = -1  # of appended frames, which are then not looked at
HASH_BYTES = hashlib.sha256().digest_size


class HandedFrames:
    """The frames that were handed to a lossless encoder: their hashes, and the sums over what was added to them.

    Args:
        ssim_every: of frames, the distance between two whose similarity is measured.

    Attributes:
        count: of frames.
        sums: as if the file held them all.
    """

    def __init__(self, ssim_every: int) -> None:
        self.count = 0
        self.sums = ProofSums(ssim_every)
        self._hashes = bytearray()
        self._shape: torch.Size | None = None

    def add(self, source: Tensor, intended: Tensor) -> None:
        """One frame, as it was and as it was handed on: (3, H, W) uint8 each."""
        self._shape = intended.shape
        self._hashes += _hash(intended)
        self.sums.add(source, intended, intended)
        self.count += 1

    def is_frame(self, number: int, pixels: Tensor) -> bool:
        """Whether pixels that were read are those of that frame, every byte.

        Raises:
            UnreadableVideo: if there is no frame of that number and size.
        """
        if number >= self.count:
            raise _more(self.count)
        if pixels.shape != self._shape:
            raise _no_match(number)
        return self._hashes[number * HASH_BYTES : (number + 1) * HASH_BYTES] == _hash(pixels)


def prove_handed(
    handed: HandedFrames,
    target: Media,
    report: Report,
    threads: DecoderThreads,
    shown: tuple[SourceTimes, TimeProof] | None = None,
) -> CopyProof | None:
    """Decodes a written file alone and compares the hash of every frame.

    Args:
        handed: what was handed to its encoder.
        target: what was written.
        report: is called with the number of compared frames.
        threads: of the decoder.
        shown: the source's times, and the proof that gets them beside those of the file.

    Returns:
        The proof that the file holds every frame; None where one has another byte.

    Raises:
        UnreadableVideo: if the file does not hold as many frames of the same size.
    """
    count = 0
    with prefetched(read_frames(target, threads)) as frames:
        for number, frame in enumerate(frames):
            if not handed.is_frame(number, frame.pixels):
                return None
            if shown is not None and number < len(shown[0]):
                shown[1].add(shown[0][number], frame)
            count = number + 1
            report(count)
    if count < handed.count:
        raise _no_match(count)
    return handed.sums.written()


def prove(
    source: Media,
    target: Media,
    adder: Adder,
    sums: ProofSums,
    report: Report,
    threads: DecoderThreads = "many",
    times: TimeProof | None = None,
) -> CopyProof:
    """Decodes a source and a written file side by side and compares every frame.

    Args:
        source: what was read.
        target: what was written.
        adder: what was to be added.
        sums: that begin with this file.
        report: is called with the number of compared frames.
        threads: of the decoders.
        times: gets each pair of frames, too.

    Raises:
        UnreadableVideo: if the written file does not hold as many frames of the same size.
    """
    for index, (before, after) in enumerate(frame_pairs(source, target, threads, adder.appended)):
        pixels = torch.zeros_like(after.pixels) if before is None else before.pixels  # appended: as added to black
        sums.add(pixels, adder.perturbed(pixels, index), after.pixels)
        if times is not None and before is not None:
            times.add(before.seconds, after)
        report(index + 1)
    return sums.written()


def frame_pairs(
    source: Media, target: Media, threads: DecoderThreads = "many", appended: int = 0
) -> Generator[tuple[Frame | None, Frame]]:
    """The frames of a source and of what was written from it; appended ones stand beside nothing."""
    with prefetched(read_frames(target, threads)) as written, prefetched(read_frames(source, threads)) as frames:
        count = 0
        for frame in frames:
            other = next(written, None)
            if other is None or other.pixels.shape != frame.pixels.shape:
                raise _no_match(count)
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
            raise _more(count + appended)


def _hash(pixels: Tensor) -> bytes:
    """SHA-256 of a frame's bytes, pixel by pixel: (3, H, W) uint8."""
    return hashlib.sha256(picture_of(pixels).data).digest()


def _no_match(number: int) -> UnreadableVideo:
    return UnreadableVideo(f"the written file has no matching frame {number}")


def _more(count: int) -> UnreadableVideo:
    return UnreadableVideo(f"the written file has more than the {count} frames that were written")
