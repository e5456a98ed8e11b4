"""The proof that a written file holds the perturbation: what a reader decodes, against the source and the plan."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from defenses.pixels import opencv
from lsap_cli.results.manifest import ManifestEntry, ProofTotals
from lsap_cli.video.changes import absolute_distance, largest_distance, picture_of, squared_distance, total_norms
from lsap_cli.video.quality import SMALLEST, Similarity


@dataclass(frozen=True)
class CopyProof:
    """What a reader finds in one written file, against its source. Norms are in 8-bit levels (0-255).

    Attributes:
        linf: the largest change of any value.
        l2_rms: root mean square of all changes.
        map: mean absolute change (LSAP's MAP).
        psnr: in dB; None where nothing changed.
        ssim: structural similarity to the source, the mean over `ssim_frames`; None below 8 pixels a side.
        ssim_frames: how many frames it was measured on, which lie equally far from each other.
        meant_l2_rms: root mean square of what was to be added: rounded, and cut to 0..255 with the source.
        cosine: between what was to be added and what is there; None where either is nothing.
        energy_kept: <intended, written> / <intended, intended>: 1 where all of it is there, also under other changes.
        thickness: mean absolute change, in percent of the range (Pony et al. 2021).
        roughness: mean absolute difference of the changes of consecutive frames, the last being followed by the
            first, in percent of the range (Pony et al. 2021).
        exact: whether every frame is the source plus the rounded perturbation, cut to 0..255.
    """

    frames: int
    height: int
    width: int
    linf: float
    l2_rms: float
    map: float
    psnr: float | None
    ssim: float | None
    ssim_frames: int
    meant_l2_rms: float
    cosine: float | None
    energy_kept: float | None
    thickness: float
    roughness: float
    exact: bool


class ProofSums:
    """Sums over the frames of one file.

    Args:
        ssim_every: of frames, the distance between two whose similarity is measured; the first one always is.
    """

    def __init__(self, ssim_every: int = 1) -> None:
        self.frames = 0
        self.exact = True
        self._shape = (0, 0)
        self._elements = self._largest = self._absolute = 0
        self._written_squares = self._intended_squares = self._missed_squares = 0
        self._ssim_every = ssim_every
        self._similarity: Similarity | None = None
        self._ssim = 0.0
        self._ssim_frames = 0
        self._first: NDArray[np.int16] | None = None
        self._last: NDArray[np.int16] | None = None
        self._rough = 0

    def add(self, source: Tensor, intended: Tensor, written: Tensor) -> None:
        """Counts one frame: as it was, as it was to become, as it was read; (3, H, W) uint8 each."""
        before, planned, after = (picture_of(pixels) for pixels in (source, intended, written))
        if self.frames == 0:
            self._shape = before.shape[:2]
            self._similarity = Similarity(*self._shape) if min(self._shape) >= SMALLEST else None
        squares = squared_distance(before, after)
        self._elements += before.size
        self._largest = max(self._largest, largest_distance(before, after))
        self._absolute += absolute_distance(before, after)
        self._written_squares += squares
        if written is intended or np.array_equal(planned, after):
            self._intended_squares += squares
        else:
            self.exact = False
            self._intended_squares += squared_distance(before, planned)
            self._missed_squares += squared_distance(planned, after)
        if self._similarity is not None and self.frames % self._ssim_every == 0:
            self._ssim += self._similarity.of(before, after)
            self._ssim_frames += 1
        cv2 = opencv()
        self._follow(cv2.subtract(after, before, dtype=cv2.CV_16S))
        self.frames += 1

    def written(self) -> CopyProof:
        """What the frames so far amount to."""
        elements = max(self._elements, 1)
        written, intended = self._written_squares, self._intended_squares
        inner = (written + intended - self._missed_squares) / 2  # <written, intended>, by |written - intended|^2
        mean = self._absolute / elements
        rough = self._rough
        if self._first is not None and self._last is not None:
            rough += absolute_distance(self._first, self._last)
        return CopyProof(
            frames=self.frames,
            height=self._shape[0],
            width=self._shape[1],
            linf=float(self._largest),  # as it is read again: a resumed manifest has the same bytes
            l2_rms=math.sqrt(written / elements),
            map=mean,
            psnr=20 * math.log10(255 / math.sqrt(written / elements)) if written else None,
            ssim=self._ssim / self._ssim_frames if self._ssim_frames else None,
            ssim_frames=self._ssim_frames,
            meant_l2_rms=math.sqrt(intended / elements),
            cosine=inner / math.sqrt(written * intended) if written and intended else None,
            energy_kept=inner / intended if intended else None,
            thickness=100 * mean / 255,
            roughness=100 * rough / elements / 255,
            exact=self.exact,
        )

    def _follow(self, change: NDArray[np.int16]) -> None:
        if self._last is None:
            self._first = change
        else:
            self._rough += absolute_distance(change, self._last)
        self._last = change


def total_proof(entries: Sequence[ManifestEntry]) -> ProofTotals | None:
    """The same over all elements of several files; None for no file."""
    norms = total_norms(entries)
    if norms is None:
        return None
    weights = [one.elements for one in entries]

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=weights))

    intended = mean([one.meant_l2_rms**2 for one in entries])
    inner = mean([(one.energy_kept or 0.0) * one.meant_l2_rms**2 for one in entries])
    written = norms.l2_rms**2
    similar = [(one.similar_frames, one.ssim) for one in entries if one.ssim is not None]
    return ProofTotals(
        linf=norms.linf,
        l2_rms=norms.l2_rms,
        map=norms.map,
        psnr=20 * math.log10(255 / math.sqrt(written)) if written else None,
        ssim=sum(count * ssim for count, ssim in similar) / sum(count for count, _ in similar) if similar else None,
        meant_l2_rms=math.sqrt(intended),
        cosine=inner / math.sqrt(written * intended) if written and intended else None,
        energy_kept=inner / intended if intended else None,
        thickness=mean([one.thickness for one in entries]),
        roughness=mean([one.roughness for one in entries]),
    )
