"""Fit videos in front of a detector: what an attacker who knows it learns from, and below which score he wants to stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from defenses import Defense
from defenses.detectors import Detector
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.detection import clean_threshold
from perturbations import Binding
from perturbations.adding import add_float, round_to_levels
from perturbations.alarms import Heard
from perturbations.attacks.base import ENOUGH
from perturbations.problem import Network
from perturbations.resizing import ResizePath
from perturbations.seeds import seeded

PART = 4  # clips that go through the network at a time
COMPANY = 16  # videos, of as many recordings, that a step shows to a detector which compares videos


@dataclass(frozen=True)
class OperatingPoint:
    """What clean fit videos say of a detector.

    Attributes:
        threshold: a score above it is flagged: 5 % false alarms.
        typical: the median score.
        videos: that were looked at.
    """

    threshold: float
    typical: float
    videos: int

    @property
    def aim(self) -> float:
        """Where an attacker wants scores to be: half-way from the threshold back to an ordinary clean video."""
        return (self.threshold + self.typical) / 2


@dataclass(frozen=True)
class WatchedVideo:
    """A fit video with a pattern in it (`defenses.detectors.Watched`); answers carry gradients to the pattern.

    It takes the short way of learning: frames at the network's working size, the pattern brought there by matrices.

    Attributes:
        stored: the video.
        clips: (V, T) int64, those that the classifier takes by its own protocol.
        classifier: on its device.
        network: the same one, for an attacker.
        pattern: (P + 1, 3, h, w) at the working size of this video, the last slot empty.
        binding: frame to slot; none that appends frames.
    """

    stored: StoredVideo
    clips: Tensor
    classifier: Classifier
    network: Network
    pattern: Tensor
    binding: Binding

    @property
    def frame_count(self) -> int:
        return len(self.stored.times)

    def frames(self, numbers: Tensor) -> Tensor:
        clean = self.stored.clip(numbers).to(self.pattern.device).float() / 255
        slots = self.binding.slots(numbers, self.frame_count).to(self.pattern.device)
        return add_float(clean, self.pattern, slots, rounded=True)

    def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
        wanted = clips.unique()
        if defense is None:
            defended = self.frames(wanted)
        else:
            needed = defense.needs(wanted, self.frame_count)
            defended = round_to_levels(defense.defend(self.frames(needed), needed, wanted, self.frame_count))
        cropped = self.classifier.geometry.crop(defended)
        chosen = cropped[torch.searchsorted(wanted, clips).to(cropped.device)]
        # Activations are not kept but computed again for the gradient, which few videos need.
        parts = [checkpoint(self.network.score, part, use_reentrant=False) for part in chosen.split(PART)]
        return torch.cat(parts).softmax(1)


class Watchtower:
    """Fit videos that are shown to detectors.

    Args:
        classifier: on its device; its sampler and views choose a video's clips.
        network: the same one, for an attacker.
        videos: decoded, at least one.
        seed: of everything that is drawn.
    """

    def __init__(self, classifier: Classifier, network: Network, videos: Sequence[StoredVideo], seed: int) -> None:
        self._classifier, self._network, self._videos, self._seed = classifier, network, videos, seed
        self._clips = [
            classifier.sampler.choose(
                one.times, classifier.frames, classifier.views, seeded(seed, "clips", one.video.name)
            )
            for one in videos
        ]
        self._paths: dict[tuple[tuple[int, int], tuple[int, int]], ResizePath] = {}
        self._points: dict[Detector, OperatingPoint] = {}

    def show(self, number: int, delta: Tensor, binding: Binding) -> WatchedVideo:
        """A video with a perturbation in it, delta (P, 3, h, w) being on the classifier's device."""
        stored = self._videos[number]
        pattern = self._path((delta.shape[2], delta.shape[3]), stored.size).forward(delta)
        return WatchedVideo(stored, self._clips[number], self._classifier, self._network, pattern, binding)

    def operating_point(self, detector: Detector) -> OperatingPoint:
        """Where the clean fit videos put a detector's threshold; found once.

        Raises:
            LsapError: if the detector compares videos and there are fewer than three recordings.
        """
        if detector not in self._points:
            scores = self._clean_scores(detector)
            self._points[detector] = OperatingPoint(clean_threshold(scores), median(scores), len(scores))
        return self._points[detector]

    def company(self, detector: Detector, step: int) -> list[int]:
        """Numbers of the videos of a step, each of another recording: one, or several for a detector that compares."""
        generator = seeded(self._seed, "watched", step)
        recordings: dict[str, list[int]] = {}
        for number, one in enumerate(self._videos):
            recordings.setdefault(one.video.group, []).append(number)
        groups = list(recordings.values())
        order = torch.randperm(len(groups), generator=generator)[: 1 + _most_others(detector)].tolist()
        return [groups[one][int(torch.randint(0, len(groups[one]), (), generator=generator))] for one in order]

    def _clean_scores(self, detector: Detector) -> list[float]:
        nothing = torch.zeros(1, 3, 1, 1, device=self._classifier.mean.device)
        corpus = Corpus(self._seed, _most_others(detector))
        with torch.no_grad():
            evidence = [
                detector.examine(self.show(number, nothing, Binding("constant"))) for number in range(len(self._videos))
            ]
            for stored, one in zip(self._videos, evidence, strict=True):
                corpus.add(stored.video, one)
            return [
                float(detector.score(one, corpus.others(stored.video) if detector.others else ()))
                for stored, one in zip(self._videos, evidence, strict=True)
            ]

    def _path(self, delta_size: tuple[int, int], video_size: tuple[int, int]) -> ResizePath:
        """Delta's way to the whole frame at the working size: a detector sees it before the crop."""
        key = delta_size, video_size
        if key not in self._paths:
            geometry = self._classifier.geometry
            working = geometry.working_size(*video_size)
            path = Geometry(working, working, geometry.antialias).path_matrices(delta_size, video_size)
            self._paths[key] = path.to(self._classifier.mean.device)
        return self._paths[key]


@dataclass(frozen=True)
class DetectorAlarm:
    """The `perturbations.alarms.Alarm` of a detector: a video counts as flagged while its score is above the aim.

    Attributes:
        tower: where the videos are.
        detector: that looks at them.
        binding: of the perturbation.
        bearable: the share of flagged videos at which quieting them counts as much as the margin.
    """

    tower: Watchtower
    detector: Detector
    binding: Binding
    bearable: float

    def listen(self, delta: Tensor, step: int) -> Heard:
        leaf = delta.detach().requires_grad_()
        followed, videos = self._flagged(leaf, step)
        if not followed:
            return Heard(torch.zeros_like(delta), 0.0)
        total = torch.stack(followed).sum() + 0 * leaf.sum()  # a detector that cuts the gradient off gives zeros
        (gradient,) = torch.autograd.grad(total, leaf)
        return Heard(gradient, len(followed) / videos)

    def cost(self, delta: Tensor, step: int) -> float:
        """A flagged video costs as much as a clip that is done gains, and more by its score."""
        with torch.no_grad():
            followed, videos = self._flagged(delta, step)
        return ENOUGH * sum(1 + float(one) for one in followed) / videos

    def _flagged(self, delta: Tensor, step: int) -> tuple[list[Tensor], int]:
        """The scores to follow of the step's flagged videos, and how many videos it has."""
        aim = self.tower.operating_point(self.detector).aim
        numbers = self.tower.company(self.detector, step)
        evidence = [self.detector.examine(self.tower.show(one, delta, self.binding)) for one in numbers]
        found = []
        for place, mine in enumerate(evidence):
            others = evidence[:place] + evidence[place + 1 :] if self.detector.others else []
            if float(self.detector.score(mine.detach(), [one.detach() for one in others])) > aim:
                found.append(self.detector.follow(mine, others))
        return found, len(numbers)


def _most_others(detector: Detector) -> int:
    return min(detector.others, COMPANY - 1)
