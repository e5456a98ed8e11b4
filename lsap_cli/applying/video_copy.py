"""One perturbed copy of a video: written, then proved."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.applying.adding import Adder
from lsap_cli.applying.proof import CopyProof, ProofSums
from lsap_cli.applying.proving import HandedFrames, prove, prove_handed
from lsap_cli.applying.time_proof import TimeProof
from lsap_cli.cluster.work import Report
from lsap_cli.video.codecs import Codec
from lsap_cli.video.media import Media, VideoPart, read_alike
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.sequence_writing import SequenceTail, write_sequence
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.writing import AppendedFrames, Transcoded, transcode


@dataclass
class VideoCopy:
    """A copy that is being made.

    Attributes:
        staged: where it is written.
        codec: of its pictures; a folder of pictures is written as PNGs whatever the codec.
        adder: what is added.
        threads: of the decoders.
        ssim_every: of frames, the distance between two whose similarity is measured.
        report: is called with the number of frames that have been written and, behind them, read again.
    """

    staged: Path
    codec: Codec
    adder: Adder
    threads: DecoderThreads
    ssim_every: int
    report: Report
    _handed: HandedFrames = field(init=False)
    _lossless: bool = field(init=False)

    def __post_init__(self) -> None:
        self._handed = HandedFrames(self.ssim_every)
        self._lossless = self.codec.lossless

    def write_sequence(self, source: PictureSequence) -> list[str]:
        """Writes a folder of pictures; gives sentences on what is not in it as in the source.

        Raises:
            UnreadableVideo: if a picture cannot be read.
            OSError: if it cannot be written.
        """
        self._lossless = True
        return write_sequence(source, self.staged, self._change, SequenceTail(self.adder.appended, self._appended))

    def write_file(self, source: Media, path: Path) -> Transcoded:
        """Writes a video file, or a part of one, that lies at a path.

        Raises:
            UnreadableVideo: see `transcode`.
            OSError: likewise.
        """
        span = source.span if isinstance(source, VideoPart) else None
        tail = AppendedFrames(self.adder.appended, self._appended)
        return transcode(path, self.staged, self.codec, self._change, self.threads, tail, span)

    def prove_sequence(self, source: PictureSequence) -> CopyProof:
        """The proof of what `write_sequence` wrote.

        Raises:
            UnreadableVideo: if it does not hold as many frames of the same size.
        """
        target = read_alike(self.staged, source)
        proof = prove_handed(self._handed, target, self.report, self.threads)
        return proof or self._compared(source, target, self.report, None)

    def prove_file(self, source: Media, path: Path, copied: Transcoded) -> tuple[CopyProof, list[str]]:
        """The proof of what `write_file` wrote, and sentences on what is not in it as in the source.

        Raises:
            UnreadableVideo: if it does not hold as many frames of the same size.
        """

        def report(count: int) -> None:
            self.report(copied.frames + count)

        proof, times = None, TimeProof()
        if self._lossless:
            proof = prove_handed(self._handed, self.staged, report, self.threads, (copied.times, times))
        if proof is None:
            times = TimeProof()
            proof = self._compared(source if isinstance(source, VideoPart) else path, self.staged, report, times)
        return proof, copied.remarks + times.differences(copied, self.staged, self.adder.appended)

    def _compared(self, source: Media, target: Media, report: Report, times: TimeProof | None) -> CopyProof:
        return prove(source, target, self.adder, ProofSums(self.ssim_every), report, self.threads, times)

    def _change(self, pixels: Tensor, index: int) -> Tensor:
        self.report(index + 1)
        return self._kept(pixels, self.adder.perturbed(pixels, index))

    def _appended(self, like: Tensor, place: int) -> Tensor:
        return self._kept(torch.zeros_like(like), self.adder.appended_frame(like, place))

    def _kept(self, source: Tensor, intended: Tensor) -> Tensor:
        if self._lossless:
            self._handed.add(source, intended)
        return intended
