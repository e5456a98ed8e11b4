"""A defense that is fitted on the videos that it defends, to learn through: all of them carry the attacker's pattern."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.corpus import CorpusDefense
from defenses.fitting import fit_defense
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.corpora import MOST
from perturbations import Binding
from perturbations.seeds import seeded


@dataclass(frozen=True)
class Crowd:
    """Fit videos, as such a defense sees them: what each shows when it is clean, and how it would carry a pattern.

    Attributes:
        part: that looks at them.
        clean: (n, ...) the traces of each clean video.
        shares: (k, ...) the ways in which they carry a pattern, each one once.
        way: (n,) int64, which of them is each video's.
        recordings: of each video.
    """

    part: CorpusDefense
    clean: Tensor
    shares: Tensor
    way: Tensor
    recordings: Sequence[str]

    @classmethod
    def of(
        cls,
        part: CorpusDefense,
        videos: Sequence[StoredVideo],
        geometry: Geometry,
        binding: Binding,
        seed: int,
        device: torch.device,
    ) -> "Crowd":
        """Looks at clean videos, at the network's size; at most 100 of them, as the defense itself does.

        Args:
            part: that looks at them.
            videos: decoded.
            geometry: of the classifier, for the crop.
            binding: of the patterns that they will carry.
            seed: of the choice among more videos.
            device: where patterns are.

        Raises:
            LsapError: if the videos are of fewer than three recordings.
        """
        recordings = len({stored.video.group for stored in videos})
        if recordings < 3:
            raise LsapError(
                f"only {recordings} recordings of --fit can be read: a defense that looks for what videos have in common takes "
                "at least 3 to be learned through"
            )
        order = torch.randperm(len(videos), generator=seeded(seed, "crowd")).tolist()
        chosen = [videos[number] for number in sorted(order[:MOST])]
        clean, shares = [], []
        for stored in chosen:
            numbers = part.evidence_indices(len(stored.times))
            clip = Clip(geometry.crop(stored.clip(numbers)).float() / 255, numbers, len(stored.times))
            clean.append(part.residuals(clip))
            shares.append(part.slot_counts(numbers, binding.slots(numbers, len(stored.times)), binding.period))
        ways, way = torch.stack(shares).unique(dim=0, return_inverse=True)
        return cls(part, torch.stack(clean).to(device), ways.to(device), way, [stored.video.group for stored in chosen])

    def taught(self, defense: Defense, pattern: Tensor, recording: str) -> Defense:
        """The defense as it is for a video when all others carry a pattern; the gradient by the pattern goes through.

        Args:
            defense: with the part that looks at the others.
            pattern: (P, 3, h, w) at the network's size; zeros: the others are clean.
            recording: of the video that is defended: no others of that recording are looked at.
        """
        others = torch.tensor([number for number, other in enumerate(self.recordings) if other != recording])
        carried = torch.stack([self.part.pattern_residuals(pattern, shares) for shares in self.shares])
        shown = self.clean[others.to(self.clean.device)].to(pattern) + carried[self.way[others].to(pattern.device)]
        return fit_defense(defense, list(self.part.bound(shown)))
