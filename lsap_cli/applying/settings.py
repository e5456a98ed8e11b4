"""What `lsap apply` is asked for, and what that does to every video."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsap_cli.applying.adding import SEGMENTS, Segment, scaled
from lsap_cli.applying.proof import CopyProof
from lsap_cli.cluster.settings import ClusterSettings, cluster_settings
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_cli.set_sources import SetSource
from lsap_cli.specs import build, load_perturbation
from lsap_cli.video.codecs import CODECS, Codec
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.writing import check_available
from perturbations import Perturbation

SSIM_SAMPLE = 8  # frames, of which the first one's similarity is measured
ROUNDING = 1e-6  # of a norm that is measured in floating point


@dataclass(frozen=True)
class ApplySettings:
    """The command's options."""

    perturbation: str
    videos: str
    out: str
    codec: str = "ffv1"
    workers: int = 1
    segment: str | None = None
    strength: float = 1.0
    preview: int = 0
    timeout: float = 120.0
    threads: str = "auto"
    resume: bool = False
    root: str | None = None  # where a list's relative paths begin
    fps: float | None = None  # of frame folders
    ssim: str = "sample"
    cluster: str | None = None
    storage: str | None = None

    @property
    def cluster_settings(self) -> ClusterSettings | None:
        """Where files are written; None: on this machine.

        Raises:
            LsapError: if --workers, which are of one machine, stands beside it.
        """
        if self.cluster is not None and self.workers > 1:
            raise LsapError("--workers is of one machine; with --cluster its CPUs say how many, as in local:2")
        return cluster_settings(self.cluster, self.storage, self.timeout)

    @property
    def source(self) -> SetSource:
        """The set of videos."""
        return SetSource.parse(self.videos, self.root, self.fps)

    @property
    def ssim_every(self) -> int:
        """Of frames, the distance between two whose structural similarity is measured."""
        return SSIM_SAMPLE if self.ssim == "sample" else 1

    @property
    def threads_per_file(self) -> DecoderThreads:
        """How many threads each file's decoder takes."""
        if self.threads == "auto":
            return "one" if self.cluster or 2 * self.workers > (os.cpu_count() or 1) else "many"
        return "one" if self.threads == "one" else "many"


@dataclass(frozen=True)
class Recipe:
    """What is done to every video of one output folder.

    Attributes:
        perturbation: at its strength.
        codec: that copies are encoded with.
        segment: the frames that are changed; None: all.
        fixed: the manifest's fields that are the same for every file, and for every part of a resumed run.
        ssim_every: of frames, the distance between two whose similarity is measured.
    """

    perturbation: Perturbation
    codec: Codec
    segment: Segment | None
    fixed: dict[str, Any]
    ssim_every: int = 1

    def exceeds_budget(self, proof: CopyProof) -> bool:
        """Whether a written file differs from its source by more than the perturbation's budget."""
        budget = self.perturbation.budget
        size = proof.linf if budget.norm == "linf" else proof.l2_rms
        return size > float(budget.epsilon) * 255 * (1 + ROUNDING)


def make_recipe(settings: ApplySettings) -> Recipe:
    """Settings as objects.

    Raises:
        LsapError: if the perturbation, its strength, the codec or the segment cannot be used.
    """
    perturbation = _strengthened(settings)
    codec: Codec = build(settings.codec, CODECS, "codec")
    check_available(codec)
    segment: Segment | None = build(settings.segment, SEGMENTS, "segment") if settings.segment else None
    fixed = {
        "perturbation_sha256": content_hash(Path(settings.perturbation)),
        "codec": settings.codec,
        "segment": settings.segment,
        "strength": settings.strength,
    }
    return Recipe(perturbation, codec, segment, fixed, settings.ssim_every)


def _strengthened(settings: ApplySettings) -> Perturbation:
    perturbation = load_perturbation(Path(settings.perturbation))
    if not perturbation.binding.fits_a_video:
        raise LsapError(
            f"{settings.perturbation} is bound to slots after sampling ({perturbation.binding}): no video can carry "
            "it; generate one with the binding constant, cyclic:P or relative:P"
        )
    try:
        return scaled(perturbation, settings.strength)
    except ValueError as error:
        raise LsapError(f"--strength: {error}") from None
