"""Learning through a defense that is fitted on the videos it defends, all of which carry the attacker's pattern."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.corpus import MOST_CORPUS_VIDEOS, CorpusDefense
from defenses.fitting import fit_defense
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from perturbations import Binding
from perturbations.seeds import seeded


@dataclass(frozen=True)
class FittedDefense:
    """Fit videos as input of a fitted defense: clean evidence, and the contribution of a pattern.

    Attributes:
        part: that is fitted.
        clean: (n, ...) the residuals of each clean video.
        slot_counts: (k, ...) how often their frames carry each slot, each distinct one once.
        kind: (n,) int64, which of these is each video's.
        recordings: of each video.
    """

    part: CorpusDefense
    clean: Tensor
    slot_counts: Tensor
    kind: Tensor
    recordings: Sequence[str]

    @classmethod
    def from_videos(
        cls, part: CorpusDefense, videos: Sequence[StoredVideo], geometry: Geometry, binding: Binding, seed: int
    ) -> "FittedDefense":
        """Takes the residuals of clean videos, at the network's size; of at most as many as the defense looks at.

        Args:
            part: that is fitted.
            videos: decoded.
            geometry: of the classifier, for the crop.
            binding: of the patterns that they will carry.
            seed: of the choice among more videos.

        Raises:
            LsapError: if the videos are of fewer than three recordings.
        """
        recordings = len({stored.video.group for stored in videos})
        if recordings < 3:
            raise LsapError(
                f"only {recordings} recordings of --fit can be read: a defense that looks for what videos have in "
                "common takes at least 3 to be learned through"
            )
        order = torch.randperm(len(videos), generator=seeded(seed, "crowd")).tolist()  # the name sets the bits
        chosen = [videos[number] for number in sorted(order[:MOST_CORPUS_VIDEOS])]
        clean, slot_counts = [], []
        for stored in chosen:
            count = len(stored.times)
            indices = part.evidence_indices(count)
            clip = Clip(geometry.crop(stored.clip(indices)).float() / 255, indices, count)
            clean.append(part.residuals(clip))
            slot_counts.append(part.slot_counts(indices, binding.slots(indices, count), binding.period))
        distinct, kind = torch.stack(slot_counts).unique(dim=0, return_inverse=True)
        return cls(part, torch.stack(clean), distinct, kind, [stored.video.group for stored in chosen])

    def to(self, device: torch.device) -> "FittedDefense":
        """The same on the device where patterns are."""
        return replace(self, clean=self.clean.to(device), slot_counts=self.slot_counts.to(device))

    def fit(self, defense: Defense, pattern: Tensor, recording: str) -> Defense:
        """The defense as it is for a video when all others carry a pattern; the gradient by the pattern passes.

        Args:
            defense: with the part that is fitted on the others.
            pattern: (P, 3, h, w) at the network's size; zeros: the others are clean.
            recording: of the video that is defended: no others of that recording are looked at.
        """
        others = torch.tensor([number for number, other in enumerate(self.recordings) if other != recording])
        carried = torch.stack([self.part.pattern_residuals(pattern, counts) for counts in self.slot_counts])
        shown = self.clean[others.to(self.clean.device)].to(pattern) + carried[self.kind[others].to(pattern.device)]
        return fit_defense(defense, list(self.part.bound(shown)))
