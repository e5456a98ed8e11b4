"""A detector as a constraint on learning: scores of perturbed fit videos that must stay below a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from defenses import Clip, Defense
from defenses.detectors import Detector
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.detection_rows import clean_threshold
from lsap_cli.results.ladders import FitThreshold
from perturbations import Binding
from perturbations.adding import add_float, round_to_levels
from perturbations.attacks.base import CONFIDENCE
from perturbations.constraints import ConstraintGradient
from perturbations.network import Network
from perturbations.resizing import ResizePath
from perturbations.seeds import seeded

CHUNK = 4  # clips that go through the network at a time
FEWEST_COMPARED = 2  # other recordings, for a detector that compares videos
MOST_STEP_VIDEOS = 16  # of as many recordings, for a detector that compares videos


@dataclass(frozen=True)
class PerturbedFitVideo:
    """A perturbed fit video (`defenses.detectors.DetectorVideo`), differentiable by the pattern.

    As in learning, frames have the network's working size and the pattern is resized by matrices.

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
    def video_length(self) -> int:
        return len(self.stored.times)

    def read(self, indices: Tensor) -> Clip:
        clean = self.stored.clip(indices).to(self.pattern.device).float() / 255
        slots = self.binding.slots(indices, self.video_length).to(self.pattern.device)
        return Clip(add_float(clean, self.pattern, slots, rounded=True), indices, self.video_length)

    def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
        sampled = clips.unique()
        if defense is None:
            defended = self.read(sampled).frames
        else:
            clip = self.read(defense.needs(sampled, self.video_length))
            defended = round_to_levels(defense.defend(clip, sampled))
        rows = torch.searchsorted(sampled, clips).to(defended.device)
        crops = self.classifier.geometry.crops_of(defended, self.classifier.crops)
        return torch.stack([self._softmax(cropped[rows]) for cropped in crops]).mean(0)

    def _softmax(self, clips: Tensor) -> Tensor:
        # Activations are not kept but computed again for the gradient, which few videos need.
        parts = [checkpoint(self.network.score, part, use_reentrant=False) for part in clips.split(CHUNK)]
        return torch.cat(parts).softmax(1)


class PerturbedFitVideos:
    """Fit videos that detectors look at. It owns the resize matrices and the thresholds of detectors.

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
        self._thresholds: dict[Detector, FitThreshold] = {}

    def perturbed(self, number: int, delta: Tensor, binding: Binding) -> PerturbedFitVideo:
        """A video with a perturbation in it, delta (P, 3, h, w) being on the classifier's device."""
        stored = self._videos[number]
        pattern = self._path((delta.shape[2], delta.shape[3]), stored.size).forward(delta)
        return PerturbedFitVideo(stored, self._clips[number], self._classifier, self._network, pattern, binding)

    def threshold(self, detector: Detector) -> FitThreshold:
        """A detector's threshold from the clean fit videos; computed once.

        Raises:
            LsapError: if the detector compares videos and there are fewer than three recordings.
        """
        if detector not in self._thresholds:
            scores = self._clean_scores(detector)
            threshold, typical = clean_threshold(scores), median(scores)
            self._thresholds[detector] = FitThreshold(
                threshold=threshold, typical=typical, videos=len(scores), aim=(threshold + typical) / 2
            )
        return self._thresholds[detector]

    def scores(self, detector: Detector, delta: Tensor, binding: Binding, numbers: Sequence[int]) -> list[float]:
        """A detector's scores of some videos with delta (P, 3, h, w) in them.

        A detector that compares videos compares each with the others of them that are of other recordings; where there
        are fewer than two, with those of all fit videos.
        """
        others = detector.comparison_videos > 0
        groups = {self._videos[number].video.group for number in numbers}
        shown = range(len(self._videos)) if others and len(groups) < FEWEST_COMPARED + 1 else numbers
        corpus = Corpus(self._seed, _others_at_most(detector))
        evidence: dict[int, Tensor] = {}
        with torch.no_grad():
            for number in shown:
                evidence[number] = detector.evidence(self.perturbed(number, delta, binding))
                corpus.add(self._videos[number].video, evidence[number])
            return [
                float(detector.score(evidence[number], corpus.others(self._videos[number].video) if others else ()))
                for number in numbers
            ]

    def step_videos(self, detector: Detector, step: int) -> list[int]:
        """Indices of a step's videos, each of another recording: one, or several where the detector compares videos."""
        generator = seeded(self._seed, "watched", step)  # the name sets the bits
        recordings: dict[str, list[int]] = {}
        for number, one in enumerate(self._videos):
            recordings.setdefault(one.video.group, []).append(number)
        groups = list(recordings.values())
        order = torch.randperm(len(groups), generator=generator)[: 1 + _others_at_most(detector)].tolist()
        return [groups[one][int(torch.randint(0, len(groups[one]), (), generator=generator))] for one in order]

    def _clean_scores(self, detector: Detector) -> list[float]:
        no_pattern = torch.zeros(1, 3, 1, 1, device=self._classifier.mean.device)
        corpus = Corpus(self._seed, _others_at_most(detector))
        with torch.no_grad():
            evidence = [
                detector.evidence(self.perturbed(number, no_pattern, Binding("constant")))
                for number in range(len(self._videos))
            ]
            for stored, one in zip(self._videos, evidence, strict=True):
                corpus.add(stored.video, one)
            return [
                float(detector.score(one, corpus.others(stored.video) if detector.comparison_videos else ()))
                for stored, one in zip(self._videos, evidence, strict=True)
            ]

    def _path(self, delta_size: tuple[int, int], video_size: tuple[int, int]) -> ResizePath:
        """Delta resized to the whole frame at the working size: a detector gets frames before the crop."""
        key = delta_size, video_size
        if key not in self._paths:
            geometry = self._classifier.geometry
            working = geometry.working_size(*video_size)
            path = Geometry(working, working, geometry.antialias).path_matrices(delta_size, video_size)
            self._paths[key] = path.to(self._classifier.mean.device)
        return self._paths[key]


@dataclass(frozen=True)
class FitVideoConstraint:
    """A detector's constraint on fit videos (`perturbations.constraints.Constraint`).

    A video is flagged while its score is above the aim.

    Attributes:
        videos: that the detector looks at.
        detector: the one to evade.
        binding: of the perturbation.
        tolerated: the share of flagged videos at which lowering their scores weighs as much as the margin.
        aim: scores above it are to be lowered.
    """

    videos: PerturbedFitVideos
    detector: Detector
    binding: Binding
    tolerated: float
    aim: float

    def gradient_at(self, delta: Tensor, step: int) -> ConstraintGradient:
        leaf = delta.detach().requires_grad_()
        scores, videos = self._flagged(leaf, step)
        if not scores:
            return ConstraintGradient(torch.zeros_like(delta), 0.0)
        total = torch.stack(scores).sum() + 0 * leaf.sum()  # a detector that cuts the gradient off gives zeros
        (gradient,) = torch.autograd.grad(total, leaf)
        return ConstraintGradient(gradient, len(scores) / videos)

    def cost(self, delta: Tensor, step: int) -> float:
        """A flagged video costs as much as a clip that is done gains, and more by its score."""
        with torch.no_grad():
            scores, videos = self._flagged(delta, step)
        return CONFIDENCE * sum(1 + float(one) for one in scores) / videos

    def _flagged(self, delta: Tensor, step: int) -> tuple[list[Tensor], int]:
        """What is followed of the scores of the step's flagged videos, and how many videos it has."""
        numbers = self.videos.step_videos(self.detector, step)
        evidence = [self.detector.evidence(self.videos.perturbed(one, delta, self.binding)) for one in numbers]
        scores = []
        for place, own in enumerate(evidence):
            others = evidence[:place] + evidence[place + 1 :] if self.detector.comparison_videos else []
            if float(self.detector.score(own.detach(), [one.detach() for one in others])) > self.aim:
                scores.append(self.detector.differentiable_score(own, others))
        return scores, len(numbers)


def _others_at_most(detector: Detector) -> int:
    return min(detector.comparison_videos, MOST_STEP_VIDEOS - 1)
