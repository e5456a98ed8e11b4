"""How learning does on videos and samplers that are not fitted, at some moments of it."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.delta_paths import DeltaPaths
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.way_stages import AFTER_RESIZE, AT_NETWORK_SIZE
from perturbations.adding import add_float
from perturbations.losses import margin_loss
from perturbations.objectives import Discriminative, Targeted
from perturbations.problem import Problem
from perturbations.samplers import Sampler, lengthened
from perturbations.seeds import seeded


class VerifiedProgress(NamedTuple):
    """What a verification measured: the same videos through each sampler.

    Attributes:
        rates: by sampler, of videos on which the attack succeeds; null where none of them counts.
        all_won: whether the objective is reached on every clip.
        loss: mean margin loss over all clips, in logits.
    """

    rates: dict[str, Rate | None]
    all_won: bool
    loss: float


class DeltaVerifier(Protocol):
    """Measures a delta that is being learned."""

    @property
    def samplers(self) -> Sequence[str]:
        """Specs of the samplers that the videos are verified through."""
        ...

    def verify(self, delta: Tensor) -> VerifiedProgress:
        """The rates of videos on which delta (P, 3, h, w) succeeds, sampler by sampler."""
        ...


class ProgressVerification:
    """Verification videos and held-out samplers, from the frame store's frames.

    It takes the same short way as learning (delta through the video's size to the network's, no defense); the figures
    that `generate` ends with come from the videos' own frames instead.

    Args:
        network: the classifier, on its device, for an attacker.
        videos: decoded.
        samplers: by spec; each video is verified through each.
        problem: that is being solved.
        paths: of delta through the sizes of videos.
        seed: of samplers that draw.
        batch: clips at a time.

    Raises:
        LsapError: if scores of clean clips are not finite.
    """

    def __init__(
        self,
        network: InstrumentedClassifier,
        videos: Sequence[StoredVideo],
        samplers: Mapping[str, Sampler],
        problem: Problem,
        paths: DeltaPaths,
        seed: int,
        batch: int,
    ) -> None:
        self._network, self._problem, self._paths, self._batch = network, problem, paths, batch
        classifier = network.classifier
        self.samplers = tuple(samplers)
        generator = seeded(seed, "verification")
        binding = problem.binding
        self._sizes: list[tuple[int, int]] = []
        self._slots: list[Tensor] = []
        self._labels: list[tuple[int, ...]] = []
        self._clips: list[Tensor] = []
        for stored in videos:
            times = lengthened(stored.times, binding.appended)
            for sampler in samplers.values():
                indices = sampler.choose(times, classifier.frames, 1, generator)[0]
                clip = classifier.geometry.crop(stored.clip(indices.clamp(max=len(stored.times) - 1))).clone()
                clip[indices >= len(stored.times)] = 0
                self._sizes.append(stored.size)
                self._labels.append(stored.video.labels)
                self._slots.append(binding.slots(indices, len(stored.times)).to(problem.device))
                self._clips.append(clip)
        self.seconds_per_clip = math.inf  # of the fastest batch: one that another program held up says nothing
        clips = self._clips if not binding.appended else self._clips_without_appended(videos, samplers, seed)
        self._clean = self._logits(None, clips=clips).argmax(1)

    def _clips_without_appended(
        self, videos: Sequence[StoredVideo], samplers: Mapping[str, Sampler], seed: int
    ) -> list[Tensor]:
        """Clips of the clean videos, which end where they end: black frames behind them are no clean video."""
        classifier, generator = self._network.classifier, seeded(seed, "verification", "clean")
        clips = []
        for stored in videos:
            for sampler in samplers.values():
                indices = sampler.choose(stored.times, classifier.frames, 1, generator)[0]
                clips.append(classifier.geometry.crop(stored.clip(indices)).clone())
        return clips

    def verify(self, delta: Tensor) -> VerifiedProgress:
        """The rates of videos on which delta (P, 3, h, w) succeeds, sampler by sampler; see `stage_rates`."""
        logits = self._logits(delta)
        objective, predictions = self._problem.objective, logits.argmax(1)
        loss = margin_loss(logits, objective.aims(self._clean), float("inf")).mean()
        all_won = bool(objective.success(predictions, self._clean).all())
        return VerifiedProgress(self._rates(predictions), all_won, float(loss))

    def stage_rates(self, delta: Tensor) -> dict[str, dict[str, Rate | None]]:
        """Rates by sampler of delta at the network's size, and after the way through the videos' sizes.

        A targeted rate leaves out videos that are labeled as the target, or predicted as it without a perturbation; one
        of an attack on a single class leaves out those that are not predicted as it. The rates of the final
        verification do likewise (`lsap_cli.evaluation.rows`).
        """
        at_network = self._paths.at_network_size(delta)
        logits = {AT_NETWORK_SIZE: self._logits(delta, at_network), AFTER_RESIZE: self._logits(delta)}
        return {stage: self._rates(one.argmax(1)) for stage, one in logits.items()}

    def _rates(self, predictions: Tensor) -> dict[str, Rate | None]:
        objective = self._problem.objective
        success = objective.success(predictions, self._clean)
        possible = torch.ones_like(self._clean, dtype=torch.bool)
        if isinstance(objective, Targeted):
            labeled = torch.tensor([objective.target in labels for labels in self._labels], device=possible.device)
            possible = ~(labeled | objective.success(self._clean, self._clean))
        elif isinstance(objective, Discriminative):
            possible = self._clean == objective.source
        by_sampler = [(success & possible).view(-1, len(self.samplers)), possible.view(-1, len(self.samplers))]
        counts, of = (one.sum(0).tolist() for one in by_sampler)
        return {spec: rate_of(*pair) for spec, *pair in zip(self.samplers, counts, of, strict=True)}

    def _logits(
        self, delta: Tensor | None, pattern: Tensor | None = None, clips: Sequence[Tensor] | None = None
    ) -> Tensor:
        """(clips, classes), of the clips with delta in them, or without.

        A pattern, (P + 1, 3, h, w) at the network's size, takes the place of delta's way there. Other clips than the
        verification's have as many in the same order.
        """
        shown = self._clips if clips is None else clips
        device = self._problem.device
        patterns: dict[tuple[int, int], Tensor] = {} if pattern is None else dict.fromkeys(self._sizes, pattern)
        logits = []
        with torch.no_grad():
            for start in range(0, len(shown), self._batch):
                chosen = range(start, min(start + self._batch, len(shown)))
                begun = time.monotonic()
                frames = torch.stack([shown[number] for number in chosen]).to(device).float() / 255
                if delta is not None:
                    perturbed = [
                        add_float(
                            frames[place], self._pattern(delta, number, patterns), self._slots[number], rounded=True
                        )
                        for place, number in enumerate(chosen)
                    ]
                    frames = torch.stack(perturbed)
                logits.append(self._network.score(frames))
                self.seconds_per_clip = min(self.seconds_per_clip, (time.monotonic() - begun) / len(chosen))
        return torch.cat(logits)

    def _pattern(self, delta: Tensor, number: int, patterns: dict[tuple[int, int], Tensor]) -> Tensor:
        size = self._sizes[number]
        if size not in patterns:
            patterns[size] = self._paths.through(size).forward(delta)
        return patterns[size]


class EnsembleVerification:
    """The verification of a perturbation that is learned against several models: each model's own, side by side.

    Args:
        by_model: by the model's name.
    """

    def __init__(self, by_model: Mapping[str, ProgressVerification]) -> None:
        self._by_model = by_model
        self.samplers = tuple(f"{name}: {spec}" for name, one in by_model.items() for spec in one.samplers)
        self.seconds_per_clip = sum(one.seconds_per_clip for one in by_model.values())

    def verify(self, delta: Tensor) -> VerifiedProgress:
        """The rates by model and sampler; the loss is the mean of the models' losses."""
        found = {name: one.verify(delta) for name, one in self._by_model.items()}
        rates = {f"{name}: {spec}": rate for name, one in found.items() for spec, rate in one.rates.items()}
        loss = sum(one.loss for one in found.values()) / len(found)
        return VerifiedProgress(rates, all(one.all_won for one in found.values()), loss)
