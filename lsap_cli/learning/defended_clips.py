"""What the defenses of a batch make of its perturbed clips, as part of the differentiable way to the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from defenses import Clip
from defenses.gradients import wants_gradient
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.batch_planning import PlannedBatch
from lsap_cli.learning.fitted_defense import FittedDefense
from perturbations.adding import round_to_levels

GRAY = 128 / 255  # of frames that show nothing but the pattern


@dataclass(frozen=True)
class DefendedClips:
    """The defenses of a planned batch; codecs code the clip's frames as one short video.

    Attributes:
        plan: of the batch.
        videos: to learn from.
        appended: frames that the binding puts behind a video.
        fitted_defense: all videos, for a defense that is fitted on them; None: there is none.
    """

    plan: PlannedBatch
    videos: Sequence[StoredVideo]
    appended: int
    fitted_defense: FittedDefense | None

    def __call__(self, clips: Tensor, first: int) -> Tensor:
        """Defends (b, S, 3, h, w), the clips of the batch from number `first` on.

        Returns:
            (b, T, 3, h, w), rounded to whole levels; the gradient passes the rounding.
        """
        defended = [self._defend(number, clip) for number, clip in enumerate(clips, start=first)]
        return torch.stack([round_to_levels(one) for one in defended])

    def _defend(self, number: int, clip: Tensor) -> Tensor:
        plan = self.plan
        defense, stored = plan.defenses[number], self.videos[plan.videos[number]]
        if self.fitted_defense is not None:
            pattern = clip[-plan.pattern_slots.shape[1] :] - GRAY
            defense = self.fitted_defense.fit(defense, pattern, stored.video.group)
        have, indices = plan.needed[number, : plan.counts[number]], plan.indices[number]
        count = len(stored.times) + self.appended
        if defense.depends_on == "stretch":
            have = indices = torch.arange(len(indices))
            count = len(indices)
        defended = defense.defend(Clip(clip[: len(have)], have, count), indices)
        if wants_gradient(clip) and not defended.requires_grad:
            return defended + 0 * clip.sum()  # a defense that cuts the gradient off gives zeros, not an error
        return defended


def append_pattern_frames(frames: Tensor, plan: PlannedBatch) -> tuple[Tensor, Tensor]:
    """Clips (B, S, 3, h, w) with P gray frames at the end of each, and the slots (B, S + P) of all.

    The pattern is added to these frames as to all others, so a defense that is fitted on videos that carry it finds
    it there, and the gradient its way back.
    """
    last = frames.permute(0, 1, 3, 4, 2)  # as the frames lie in memory
    gray = last.new_full((len(last), plan.pattern_slots.shape[1], *last.shape[2:]), GRAY)
    return torch.cat([last, gray], 1).permute(0, 1, 4, 2, 3), torch.cat([plan.slots, plan.pattern_slots], 1)
