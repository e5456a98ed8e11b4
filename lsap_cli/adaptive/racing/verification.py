"""What attackers win on the verification videos of a race, and which videos these are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.classifiers.finite_scores import require_finite
from lsap_cli.datasets.splits import MOST_VERIFIED, merged_groups, split_by_group
from lsap_cli.learning.batch_planning import plan_given_clips
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.problems import learned_delta_size
from lsap_cli.video.media import readable_media_hash
from perturbations import Perturbation
from perturbations.attacks.base import CONFIDENCE
from perturbations.losses import margin_loss
from perturbations.seeds import seeded

VERIFIED_SHARE = 0.3  # of the fit videos; the last round learns from all of them
SAMPLERS = 3  # that each video is verified through: the model's own, then those of learning


class Verified(NamedTuple):
    """What an attacker wins.

    Attributes:
        won: clip by clip: videos in order, each through every sampler.
        loss: mean margin over the clips, in logits, down to minus `CONFIDENCE` each.
    """

    won: tuple[bool, ...]
    loss: float


class RaceVideos(NamedTuple):
    """Numbers of the fit videos that a race learns from and of those that it verifies on, no recording in both."""

    learn: list[int]
    verify: list[int]


def split_for_race(setup: LearningSetup) -> RaceVideos | None:
    """Divides the fit videos by recording; None where there is one recording only.

    Args:
        setup: with the videos, and the seed of the split.
    """
    videos = [stored.video for stored in setup.videos]
    groups = merged_groups(videos, [readable_media_hash(one.media) or one.name for one in videos])
    if len(set(groups)) < 2:
        return None
    share = min(VERIFIED_SHARE, MOST_VERIFIED / len(videos))
    return RaceVideos(*split_by_group(range(len(videos)), groups, share, setup.seed))


class RaceVerification:
    """Verification videos behind the defenses and detectors of attackers. Each attacker meets the same clips and draws.

    Args:
        learner: whose fit videos they are.
        videos: their numbers.
    """

    def __init__(self, learner: AttackerLearner, videos: Sequence[int]) -> None:
        self.videos = list(videos)
        self.pattern_size = learned_delta_size(learner.setup.classifier.geometry)
        self._learner = learner
        setup = learner.setup
        self._clips = [
            [
                sampler.choose(
                    stored.times, setup.classifier.frames, 1, seeded(setup.seed, "verification", stored.video.name)
                )[0]
                for sampler in setup.samplers[:SAMPLERS]
            ]
            for stored in (setup.videos[number] for number in self.videos)
        ]

    def verify(self, attacker: Attacker, pattern: Perturbation) -> Verified:
        """What a perturbation wins behind the attacker's defense and below its detector's threshold.

        Raises:
            LsapError: if scores are not finite.
        """
        setup = self._learner.setup
        settings = replace(
            self._learner.batch_settings(attacker, self.videos),
            basis=None, delta_size=(pattern.delta.shape[2], pattern.delta.shape[3]), binding=pattern.binding,
            resize=pattern.resize, budget=pattern.budget,
        )  # fmt: skip
        delta = pattern.delta.to(setup.device)
        won: list[Tensor] = []
        losses: list[Tensor] = []
        with torch.no_grad(), BatchSource(settings) as source:
            for number, clips in enumerate(self._clips):
                name = settings.videos[number].video.name
                plan = plan_given_clips(settings, number, clips, seeded(setup.seed, "verification draw", name))
                batch = source.build(plan)
                logits = setup.classifier.score(batch.through(batch.perturbed(delta)))
                require_finite(logits.cpu(), [name] * len(logits))
                clean = batch.clean_predictions
                won.append(setup.objective.success(logits.argmax(1), clean).cpu())
                losses.append(margin_loss(logits, setup.objective.aims(clean), CONFIDENCE).cpu())
        outcomes, loss = torch.stack(won), float(torch.cat(losses).mean())
        if attacker.detector is not None:
            flagged = self._flagged(attacker, delta, pattern)
            outcomes &= ~flagged[:, None]
            loss += CONFIDENCE * float(flagged.float().mean())
        return Verified(tuple(outcomes.flatten().tolist()), loss)

    def _flagged(self, attacker: Attacker, delta: Tensor, pattern: Perturbation) -> Tensor:
        """(videos,) bool: above the threshold that clean fit videos gave."""
        assert attacker.detector is not None
        threshold = self._learner.detector_threshold(attacker.detector).threshold
        scores = self._learner.detector_videos.scores(attacker.detector, delta, pattern.binding, self.videos)
        return torch.tensor([score > threshold for score in scores])
