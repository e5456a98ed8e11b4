"""The evaluation protocol: how a video becomes clips, and clips become probabilities."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from defenses import Defense
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped
from lsap_cli.evaluation.judging_cluster import JudgingCluster
from lsap_cli.runs import Run
from perturbations.samplers import Sampler
from perturbations.seeds import seeded


class NoPrediction(Exception):  # an outcome of a video, as UnreadableVideo is
    """A video without a prediction; the message is the reason."""


@dataclass(frozen=True)
class EvaluationProtocol:
    """How every video is sampled and classified, the same under each perturbation source and defense.

    Attributes:
        classifier: on its device.
        samplers: by spec, at least one; measurements of one sampler take the first.
        views: clips of each video, whose probabilities are averaged.
        seed: of random samplers and random defenses. Draws depend on the seed and the video only, so that predictions
            under different perturbation sources and defenses are paired.
        device: where clips are classified.
        batch: number of clips that are classified at once.
        draws: number of draws of a random defense for each video.
        turn: held while clips go through the network, where only one thread may ask it.
    """

    classifier: Classifier
    samplers: Mapping[str, Sampler]
    views: int
    seed: int
    device: torch.device
    batch: int = 8
    draws: int = 1
    turn: AbstractContextManager[object] = field(default_factory=nullcontext, compare=False, repr=False)

    @property
    def first_sampler(self) -> str:
        """The spec of the sampler of all measurements that take one sampler only."""
        return next(iter(self.samplers))

    def clip_indices(self, video: Video, sampler: str, times: Tensor) -> Tensor:
        """The frames of a video's clips: (views, T) int64.

        Args:
            video: whose name seeds random samplers.
            sampler: its spec.
            times: (N,) int64, milliseconds of all frames.
        """
        generator = seeded(self.seed, "clips", video.name)
        return self.samplers[sampler].choose(times, self.classifier.frames, self.views, generator)

    def all_clip_indices(self, video: Video, times: Tensor) -> dict[str, Tensor]:
        """`clip_indices` of every sampler, by spec."""
        return {spec: self.clip_indices(video, spec, times) for spec in self.samplers}

    def drawn(self, defense: Defense, spec: str, video: Video, draw: int = 0) -> Defense:
        """A random defense as it works on one video, with all its random values fixed."""
        return defense.draw(seeded(self.seed, "draw", spec, video.name, draw))

    def probabilities(self, clips: Tensor) -> Tensor:
        """The network's output for clips at its own size.

        Args:
            clips: (B, T, 3, h, w) uint8.

        Returns:
            (B, classes) float32 in [0, 1], on the CPU.

        Raises:
            NoPrediction: if a score of the network is not a finite number, of whichever class.
        """
        with self.turn:
            return torch.cat([self.scores(part.to(self.device).float().div_(255)) for part in clips.split(self.batch)])

    def scores(self, clips: Tensor) -> Tensor:
        """As `probabilities`, of one batch of float clips in [0, 1] on the protocol's device."""
        with torch.inference_mode():
            scores = self.classifier.score(clips)
            probabilities = scores.softmax(1).cpu()
        broken = (~scores.isfinite()).any(0)  # before the softmax, which turns -inf of one class into a plain 0
        if bool(broken.any()):
            names = [name for name, one in zip(self.classifier.labels, broken.tolist(), strict=True) if one]
            which = f"of class {names[0]}" if len(names) == 1 else f"of {len(names)} classes"
            raise NoPrediction(
                f"the network's scores {which} for it are not finite (NaN or infinity), as those of half precision "
                "(fp16) become by overflow"
            )
        return probabilities


def own_protocol(classifier: Classifier, seed: int, device: torch.device) -> EvaluationProtocol:
    """The protocol of the classifier's card: its sampler and its views."""
    samplers = {classifier.sampler_spec: classifier.sampler}
    return EvaluationProtocol(classifier, samplers, classifier.views, seed, device)


@dataclass(frozen=True)
class Evaluation:
    """What holds for a whole evaluation: its protocol, and the run that it belongs to.

    Attributes:
        protocol: how videos are sampled and classified.
        run: the run folder that gets events and records; it belongs to the command.
        skipped: the command's list of videos that are left out; unreadable ones are appended to it.
        resume: whether to continue with what an earlier process of the run has judged.
        spread: the cluster that videos are judged on; None: this process.
    """

    protocol: EvaluationProtocol
    run: Run
    skipped: Skipped
    resume: bool = False
    spread: JudgingCluster | None = None
