"""The proof that a written file holds the perturbation: what a reader decodes, against the source and the plan."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lsap_cli.results.manifest import ManifestEntry, ProofTotals
from lsap_cli.video.changes import total_norms
from lsap_cli.video.quality import SMALLEST, Similarity


@dataclass(frozen=True)
class CopyProof:
    """What a reader finds in one written file, against its source. Norms are in 8-bit levels (0-255).

    Attributes:
        linf: the largest change of any value.
        l2_rms: root mean square of all changes.
        map: mean absolute change (LSAP's MAP).
        psnr: in dB; None where nothing changed.
        ssim: structural similarity to the source, the mean over frames; None below 8 pixels a side.
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
    linf: int
    l2_rms: float
    map: float
    psnr: float | None
    ssim: float | None
    meant_l2_rms: float
    cosine: float | None
    energy_kept: float | None
    thickness: float
    roughness: float
    exact: bool


class ProofSums:
    """Sums over the frames of one file."""

    def __init__(self) -> None:
        self.frames = 0
        self.exact = True
        self._shape = (0, 0)
        self._written_sizes, self._intended_sizes, self._missed_sizes = (
            torch.zeros(256, dtype=torch.int64) for _ in range(3)
        )
        self._similarity: Similarity | None = None
        self._ssim = 0.0
        self._first: NDArray[np.int16] | None = None
        self._last: NDArray[np.int16] | None = None
        self._rough = 0

    def add(self, source: Tensor, intended: Tensor, written: Tensor) -> None:
        """Counts one frame: as it was, as it was to become, as it was read; (3, H, W) uint8 each."""
        before, planned, after = (pixels.permute(1, 2, 0).numpy() for pixels in (source, intended, written))
        if self.frames == 0:
            self._shape = before.shape[:2]
            self._similarity = Similarity(*self._shape) if min(self._shape) >= SMALLEST else None
        changed = _sizes(before, after)
        self._written_sizes += changed
        if np.array_equal(planned, after):
            self._intended_sizes += changed
            self._missed_sizes[0] += before.size
        else:
            self.exact = False
            self._intended_sizes += _sizes(before, planned)
            self._missed_sizes += _sizes(planned, after)
        if self._similarity is not None:
            self._ssim += self._similarity.of(before, after)
        self._follow(np.subtract(after, before, dtype=np.int16))
        self.frames += 1

    def written(self) -> CopyProof:
        """What the frames so far amount to."""
        elements = max(int(self._written_sizes.sum()), 1)
        written, intended, missed = (
            _squares(one) for one in (self._written_sizes, self._intended_sizes, self._missed_sizes)
        )
        inner = (written + intended - missed) / 2  # <written, intended>, by |written - intended|^2
        mean = _total(self._written_sizes) / elements
        rough = self._rough
        if self._first is not None and self._last is not None:
            rough += _distance(self._first, self._last)
        return CopyProof(
            frames=self.frames,
            height=self._shape[0],
            width=self._shape[1],
            linf=int(self._written_sizes.nonzero().max()) if self.frames else 0,
            l2_rms=math.sqrt(written / elements),
            map=mean,
            psnr=20 * math.log10(255 / math.sqrt(written / elements)) if written else None,
            ssim=self._ssim / self.frames if self._similarity is not None else None,
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
            self._rough += _distance(change, self._last)
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
    similar = [(one.frames, one.ssim) for one in entries if one.ssim is not None]
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


def _sizes(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Tensor:
    """How often each absolute difference 0..255 occurs: (256,) int64."""
    size = np.maximum(one, other) - np.minimum(one, other)
    return torch.bincount(torch.from_numpy(size.ravel()), minlength=256)


def _total(counts: Tensor) -> int:
    return int((counts * torch.arange(256)).sum())


def _squares(counts: Tensor) -> int:
    return int((counts * torch.arange(256) ** 2).sum())


def _distance(one: NDArray[np.int16], other: NDArray[np.int16]) -> int:
    return int(np.abs(one - other).sum(dtype=np.int64))
