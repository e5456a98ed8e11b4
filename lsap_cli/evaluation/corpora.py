"""The sets of videos that some defenses and detectors look at: each video's evidence, and that of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from defenses import Defense
from defenses.corpus import MOST_CORPUS_VIDEOS
from defenses.detectors import Detector
from defenses.fitting import fittable_part
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from perturbations.seeds import seeded

LEAST = 3  # recordings, so that each video has two others


@dataclass
class Corpus:
    """The evidence of a set of videos under the same attack.

    Attributes:
        seed: of the choice among more than `MOST_CORPUS_VIDEOS` others.
        limit: largest number of other videos.
    """

    seed: int
    limit: int = MOST_CORPUS_VIDEOS
    _evidence: dict[str, Tensor] = field(default_factory=dict)
    _recordings: dict[str, str] = field(default_factory=dict)

    def add(self, video: Video, evidence: Tensor) -> None:
        """Keeps one video's evidence, at half precision."""
        self._evidence[video.name] = evidence.half()
        self._recordings[video.name] = video.group

    def merge(self, other: "Corpus") -> None:
        """Adds the evidence of more videos."""
        self._evidence |= other._evidence
        self._recordings |= other._recordings

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


def require_recordings(
    videos: Sequence[Video],
    fit: Sequence[Video] | None,
    defenses: Mapping[str, Defense | None],
    detectors: Mapping[str, Detector],
) -> None:
    """Refuses too few recordings before any video is judged or learned from.

    Args:
        videos: to be judged.
        fit: that attackers that know the defenses learn from; None: none do.
        defenses: by spec.
        detectors: by spec.

    Raises:
        LsapError: naming the defense or detector that needs more.
    """
    fitted = [spec for spec, one in defenses.items() if one is not None and fittable_part(one) is not None]
    fit_recordings = LEAST if fit is None else len({video.group for video in fit})
    if fitted and fit_recordings < LEAST:
        raise LsapError(
            f"'{fitted[0]}' looks for what videos have in common: to learn through it takes at least {LEAST} "
            f"recordings in --fit, not {fit_recordings}"
        )
    fitted += [spec for spec, detector in detectors.items() if detector.comparison_videos]
    recordings = len({video.group for video in videos})
    if fitted and recordings < LEAST:
        raise LsapError(
            f"'{fitted[0]}' looks for what videos have in common: "
            f"it needs at least {LEAST} recordings, not {recordings}"
        )
    if detectors and recordings < 2:
        raise LsapError(f"a detector's threshold comes from other recordings: at least 2 are needed, not {recordings}")
