"""What `lsap apply` does to every video, made of its settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsap_cli.applying.adding import SEGMENTS, Segment, scaled
from lsap_cli.applying.proof import CopyProof
from lsap_cli.applying.settings import ApplySettings
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_cli.specs import build, load_perturbation
from lsap_cli.video.codecs import CODECS, Codec
from lsap_cli.video.writing import check_available
from perturbations import Perturbation

ROUNDING = 1e-6  # of a norm that is measured in floating point


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
