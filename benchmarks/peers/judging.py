"""Outcomes of a perturbation, video by video: as lsap judges a file, and as the peers judge a clip."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.classifiers import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol
from lsap_cli.evaluation.verification import verify_perturbations
from lsap_cli.learning.delta_paths import DeltaPaths
from lsap_cli.results.records import NO_DEFENSE, NOISE, PERTURBED
from lsap_cli.runs import Run
from lsap_cli.specs import build_samplers
from perturbations import Budget, Perturbation, parse_binding
from perturbations.adding import add_float
from perturbations.seeds import seeded

WAY_VIDEOS = 10  # fit videos on which the ways into a file are compared
SAMPLERS = ("uniform", "dense:stride=2", "segments")  # beside the network's own, of which the first two are taken
Outcomes = dict[str, dict[str, bool]]  # by sampler and video: whether the prediction changed


def judged_samplers(classifier: Classifier) -> tuple[str, ...]:
    """Three of them, the network's own first."""
    return tuple(dict.fromkeys((classifier.sampler_spec, *SAMPLERS)))[:3]


def outcomes_in_files(
    perturbation: Perturbation,
    classifier: Classifier,
    videos: Sequence[Video],
    seed: int,
    folder: Path,
    controls: Sequence[str] = (),
) -> tuple[Outcomes, Outcomes]:
    """As `lsap defend --perturbation` judges: added to the videos' own frames in whole levels, then sampled.

    Args:
        perturbation: what is judged.
        classifier: the network, on the CPU.
        videos: to judge.
        seed: of samplers that draw, and of the noise.
        folder: of the run.
        controls: judged, too: `NOISE` or nothing.

    Returns:
        Of the perturbation, and of noise of the same budget and binding, where that was asked for.
    """
    samplers = build_samplers(judged_samplers(classifier))
    protocol = EvaluationProtocol(classifier, samplers, 1, seed, torch.device("cpu"))
    with Run(folder, "benchmark", {}, [], resume=True) as run:
        evaluation = Evaluation(protocol, run, [])
        records, _ = verify_perturbations(evaluation, {PERTURBED: perturbation}, {}, videos, controls)
    found: dict[str, Outcomes] = {PERTURBED: {}, NOISE: {}}
    for record in records:
        if record.attack in found and record.defense == NO_DEFENSE:
            found[record.attack].setdefault(record.sampler, {})[record.video] = record.changed
    return found[PERTURBED], found[NOISE]


def worst(outcomes: Outcomes) -> str:
    """The sampler through which fewest predictions change."""
    return min(outcomes, key=lambda spec: sum(outcomes[spec].values()))


@dataclass(frozen=True)
class FileWay:
    """How a delta of one clip becomes one of a video.

    Attributes:
        binding: constant (the mean over the clip's frames), cyclic or relative (a slot for each frame of the clip).
        resize: how a file enlarges it.
    """

    binding: str
    resize: str

    def __str__(self) -> str:
        return f"{self.binding}, {self.resize}"


WAYS = [
    FileWay(binding, resize) for binding in ("relative", "cyclic", "constant") for resize in ("bilinear", "saturating")
]


def as_file(
    delta: Tensor, way: FileWay, budget: Budget, classifier: Classifier, fit: Sequence[StoredVideo]
) -> Perturbation:
    """A clip's delta as the perturbation of whole frames.

    Args:
        delta: (T, 3, h, w) in [0, 1] pixel units, at the network's size.
        way: how its frames are bound, and how it is enlarged.
        budget: that it keeps.
        classifier: whose resize and crop are undone: what the network does not see is zero.
        fit: whose most frequent size tells what the crop cuts off.
    """
    slots = delta.mean(0, keepdim=True) if way.binding == "constant" else delta
    binding = way.binding if way.binding == "constant" else f"{way.binding}:{len(slots)}"
    geometry = classifier.geometry
    size = Counter(one.size for one in fit).most_common(1)[0][0]
    whole = torch.zeros(*slots.shape[:2], *geometry.working_size(*size))
    geometry.crop(whole).copy_(slots)
    return Perturbation(budget.project(whole), parse_binding(binding), budget, {"attack": "peer"}, way.resize)


def best_way(
    delta: Tensor, budget: Budget, classifier: Classifier, fit: Sequence[StoredVideo], seed: int, folder: Path
) -> FileWay:
    """The way that changes most predictions of some fit videos through the worst sampler (ties: the first)."""
    videos = [one.video for one in fit[:WAY_VIDEOS]]

    def fooled(way: FileWay) -> int:
        perturbation = as_file(delta, way, budget, classifier, fit)
        found, _ = outcomes_in_files(perturbation, classifier, videos, seed, folder)
        return sum(found[worst(found)].values())

    return max(WAYS, key=fooled)


def own_clips(classifier: Classifier, videos: Sequence[StoredVideo], seed: int) -> Iterator[tuple[StoredVideo, Tensor]]:
    """The clip of each video that the network's own sampler takes: (T,) int64 frame numbers."""
    for stored in videos:
        generator = seeded(seed, "clips", stored.video.name)
        yield stored, classifier.sampler.choose(stored.times, classifier.frames, 1, generator)[0]


def clip_of(classifier: Classifier, stored: StoredVideo, indices: Tensor) -> Tensor:
    """(T, 3, h, w) float32 in [0, 1] at the network's size."""
    return classifier.geometry.crop(stored.clip(indices)).float() / 255


def outcomes_in_memory(
    classifier: Classifier, videos: Sequence[StoredVideo], seed: int, added: "AddedInMemory"
) -> dict[str, bool]:
    """The peers' own protocol: added to the sampled clip at the network's size, not rounded and never in a video."""
    changed = {}
    for stored, indices in own_clips(classifier, videos, seed):
        clip = clip_of(classifier, stored, indices)
        with torch.no_grad():
            pair = classifier.score(torch.stack([clip, added.to(clip, indices, len(stored.times))])).argmax(1)
        changed[stored.video.name] = bool(pair[0] != pair[1])
    return changed


class AddedInMemory:
    """A clip's delta, added frame by frame; or a perturbation, whose slots the frames' numbers in the video give.

    Args:
        classifier: the network.
        delta: (T, 3, h, w) of a clip, or a perturbation.
    """

    def __init__(self, classifier: Classifier, delta: Tensor | Perturbation) -> None:
        self._delta = delta
        self._pattern: Tensor | None = None
        if isinstance(delta, Perturbation):
            height, width = delta.delta.shape[-2:]
            paths = DeltaPaths(classifier.geometry, (height, width), delta.resize, delta.budget, torch.device("cpu"))
            self._pattern = paths.at_network_size(delta.delta)

    def to(self, clip: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        """The clip (T, 3, h, w) with it, in [0, 1]."""
        if isinstance(self._delta, Perturbation):
            assert self._pattern is not None
            return add_float(clip, self._pattern, self._delta.binding.slots(indices, frame_count), rounded=False)
        return (clip + self._delta).clamp(0, 1)


def linf_budget(epsilon: str) -> Budget:
    """Such as 8/255."""
    return Budget("linf", Fraction(epsilon))
