"""One video through everything: attacks x defenses x samplers, on its own frames at their own size.

This is the way that a deployed classifier sees a file: decode, perturb (or read the perturbed file), defend,
sample, resize, crop, classify. `generate` verifies with it, `defend` evaluates with it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from defenses import Defense
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.listing import Video
from lsap_cli.evaluation.changes import Changes
from lsap_cli.video.reading import UnreadableVideo, read_footage, read_some_frames
from perturbations import Perturbation
from perturbations.samplers import Sampler
from perturbations.seeds import seeded

NATIVE_BYTES = 2**30  # frames of one video held at its own size at a time


class Attack(Protocol):
    """Where the frames of an attacked video come from."""

    def source(self, video: Video) -> Path:
        """The file that is decoded."""
        ...

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        """What happens to decoded frames: (S, 3, H, W) uint8, numbered (S,) -> the same shape."""
        ...


@dataclass(frozen=True)
class Clean:
    """No attack: the video as it is."""

    def source(self, video: Video) -> Path:
        return video.path

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        return frames


@dataclass(frozen=True)
class Added:
    """A perturbation added to the video's frames, in whole levels, as `apply` writes it."""

    perturbation: Perturbation

    def source(self, video: Video) -> Path:
        return video.path

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        return self.perturbation.add_to_bytes(frames, numbers, frame_count)


@dataclass(frozen=True)
class Written:
    """Perturbed files that exist: what is decoded from them is the attack."""

    files: Mapping[str, Path]

    def source(self, video: Video) -> Path:
        return self.files[video.name]

    def change(self, frames: Tensor, numbers: Tensor, frame_count: int) -> Tensor:
        return frames


@dataclass(frozen=True)
class Prediction:
    """What the classifier saw in one video under one attack, defense and sampler."""

    attack: str
    defense: str
    sampler: str
    label: int
    milliseconds: float  # of the defense, for this video


@dataclass(frozen=True)
class Judge:
    """How every video is judged.

    Attributes:
        classifier: on its device.
        samplers: by spec.
        defenses: by spec; None stands for no defense.
        attacks: by name.
        views: clips a video, whose probabilities are averaged.
        seed: of samplers that draw; equal for all attacks and defenses, so that outcomes are paired.
        device: where clips are classified.
        batch: clips at a time.
    """

    classifier: Classifier
    samplers: Mapping[str, Sampler]
    defenses: Mapping[str, Defense | None]
    attacks: Mapping[str, Attack]
    views: int
    seed: int
    device: torch.device
    batch: int = 8
    changes: dict[str, Changes] = field(default_factory=dict)  # what attacks did to the frames that were looked at

    def predict(self, video: Video) -> list[Prediction]:
        """All predictions for one video.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
        """
        by_source: dict[Path, list[str]] = {}
        for name, attack in self.attacks.items():
            by_source.setdefault(attack.source(video), []).append(name)
        return [
            prediction for path, attacks in by_source.items() for prediction in self._predict_file(video, path, attacks)
        ]

    def _predict_file(self, video: Video, path: Path, attacks: Sequence[str]) -> Iterator[Prediction]:
        """Predictions for the attacks that share one file, which is decoded once (in parts, if it is large)."""
        footage = read_footage(path)
        count = len(footage.times)
        chosen = {spec: self._choose(video, sampler, footage.times) for spec, sampler in self.samplers.items()}
        wanted = torch.cat([indices.flatten() for indices in chosen.values()]).unique()
        cells = [(attack, defense) for attack in attacks for defense in self.defenses]
        shrunk: dict[tuple[str, str], list[Tensor]] = {cell: [] for cell in cells}
        seconds = dict.fromkeys(cells, 0.0)
        for part in wanted.split(self._frames_at_once(footage.height, footage.width)):
            needed = torch.cat([self._needs(defense, part, count) for defense in self.defenses.values()]).unique()
            native = read_some_frames(path, needed)
            for attack in attacks:
                attacked = self.attacks[attack].change(native, needed, count)
                self.changes.setdefault(attack, Changes()).add(native, attacked)
                for spec, defense in self.defenses.items():
                    start = time.perf_counter()
                    defended = _defended(defense, attacked, needed, part, count)
                    seconds[attack, spec] += time.perf_counter() - start
                    shrunk[attack, spec].append(self.classifier.geometry.shrink(defended))
        for attack, spec in cells:
            frames = self.classifier.geometry.crop(torch.cat(shrunk[attack, spec]))
            clips = torch.cat([frames[torch.searchsorted(wanted, indices)] for indices in chosen.values()])
            labels = self._classify(clips).tolist()
            for sampler, label in zip(chosen, labels, strict=True):
                yield Prediction(attack, spec, sampler, label, seconds[attack, spec] * 1000)

    def _choose(self, video: Video, sampler: Sampler, times: Tensor) -> Tensor:
        """(V, T) frame numbers; the same for every attack and defense."""
        generator = seeded(self.seed, "clips", video.name)
        return sampler.choose(times, self.classifier.frames, self.views, generator)

    def _needs(self, defense: Defense | None, indices: Tensor, frame_count: int) -> Tensor:
        return indices if defense is None else defense.needs(indices, frame_count)

    def _frames_at_once(self, height: int, width: int) -> int:
        return max(1, NATIVE_BYTES // (height * width * 3 * 8))  # 8: float copies and neighbors that defenses hold

    def _classify(self, clips: Tensor) -> Tensor:
        """(samplers * V, T, 3, h, w) uint8 -> one class number a sampler, by the mean of the views' probabilities."""
        with torch.inference_mode():
            probabilities = torch.cat(
                [
                    self.classifier.score(part.to(self.device).float() / 255).softmax(1).cpu()
                    for part in clips.split(self.batch)
                ]
            )
        return probabilities.view(-1, self.views, probabilities.shape[1]).mean(1).argmax(1)


def _defended(defense: Defense | None, frames: Tensor, have: Tensor, wanted: Tensor, frame_count: int) -> Tensor:
    """The defended video's frames at `wanted`, in whole levels: (len(wanted), 3, H, W) uint8."""
    if defense is None:
        return frames if len(have) == len(wanted) else frames[torch.searchsorted(have, wanted)]
    rows = torch.searchsorted(have, defense.needs(wanted, frame_count))
    defended = defense.defend(frames[rows].float() / 255, have[rows], wanted, frame_count)
    return defended.mul_(255).round_().to(torch.uint8)


def judge_all(judge: Judge, videos: Sequence[Video]) -> Iterator[tuple[Video, list[Prediction] | UnreadableVideo]]:
    """Each video's predictions, or why it cannot be judged."""
    for video in videos:
        try:
            yield video, judge.predict(video)
        except UnreadableVideo as error:
            yield video, error
