"""The sets of videos that some defenses and detectors look at: each video's evidence, and that of the others."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from perturbations.seeds import seeded

MOST = 100  # videos that an estimate takes: more of them cost time and change little


@dataclass
class Corpus:
    """The evidence of videos that arrive together, all of them under the same attack.

    Attributes:
        seed: of the choice among more than `MOST` others.
        limit: how many others are looked at.
    """

    seed: int
    limit: int = MOST
    _evidence: dict[str, Tensor] = field(default_factory=dict)
    _recordings: dict[str, str] = field(default_factory=dict)

    def add(self, video: Video, evidence: Tensor) -> None:
        """Keeps one video's evidence, at half precision."""
        self._evidence[video.name] = evidence.half()
        self._recordings[video.name] = video.group

    def others(self, video: Video) -> list[Tensor]:
        """The evidence of videos of other recordings: what is known before this one arrives.

        Raises:
            LsapError: if there are fewer than two.
        """
        names = [name for name, recording in self._recordings.items() if recording != video.group]
        if len(names) < 2:
            raise LsapError(
                f"{len(names)} videos of other recordings than that of {video.name}: what videos have in common "
                "can be seen in two others or more; give at least three recordings"
            )
        if len(names) > self.limit:
            order = torch.randperm(len(names), generator=seeded(self.seed, "others", video.name)).tolist()
            names = [names[number] for number in order[: self.limit]]
        return [self._evidence[name].float() for name in names]
