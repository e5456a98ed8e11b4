"""What an attack solves on batches of training videos, and the clean predictions that it starts from."""

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier, in_batches
from lsap_cli.classifiers.finite_scores import require_finite
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.batches import BatchSource
from lsap_cli.results.events import WarningEvent
from lsap_cli.runs import Run
from perturbations import Budget
from perturbations.objectives import Objective
from perturbations.problem import MicroBatch, Problem, SingleProcess, SumOverProcesses
from perturbations.seeds import seeded

ENOUGH_VIDEOS = 10  # to learn from, when time runs out
LARGEST_DELTA = 224  # height and width of a pattern: larger ones are learned at this size


def learned_delta_size(geometry: Geometry) -> tuple[int, int]:
    """(h, w) of the pattern that is learned for a network: its own size, within a limit."""
    height, width = geometry.size
    return min(height, LARGEST_DELTA), min(width, LARGEST_DELTA)


def make_problem(
    source: BatchSource,
    network: InstrumentedClassifier,
    objective: Objective,
    budget: Budget,
    micro_batch: int,
    run: Run,
    group: SumOverProcesses | None = None,
) -> Problem:
    """What an attack solves on a source's batches.

    Args:
        source: of batches; every size comes from it.
        network: that they go through.
        objective: what the attacker aims at.
        budget: of delta.
        micro_batch: clips that go through the network at a time.
        run: gets warnings.
        group: processes that learn the same delta; None: this one alone.
    """
    settings = source.settings
    return Problem(
        network=network,
        draw=source.draw,
        objective=objective,
        budget=budget,
        binding=settings.binding,
        shape=(settings.binding.period, 3, *settings.learned_size),
        frames=settings.frames,
        classes=len(network.classifier.labels),
        seed=settings.seed,
        device=settings.device,
        group=group or SingleProcess(),
        micro_batch=MicroBatch(micro_batch),
        warn=lambda message: run.event(WarningEvent(message=message)),
    )


def clean_predictions(
    classifier: Classifier, videos: Sequence[StoredVideo], seed: int, batch: int, deadline: float = math.inf
) -> Tensor:
    """Predictions of each clean video and of its mirror image, with the classifier's own sampler.

    Args:
        classifier: on its device.
        videos: decoded.
        seed: of a sampler that draws.
        batch: clips at a time.
        deadline: by `time.monotonic`, when predicting stops if enough videos are there.

    Returns:
        (videos, 2) int64, on the CPU; of the first ones alone where the deadline came.

    Raises:
        LsapError: if scores are not finite.
    """
    generator = seeded(seed, "clean predictions")
    device = classifier.mean.device
    predictions, sums = [], []
    for stored in videos:
        indices = classifier.sampler.choose(stored.times, classifier.frames, 1, generator)[0]
        clip = classifier.geometry.crop(stored.clip(indices))
        pair = torch.stack([clip, clip.flip(-1)]).to(device)
        scores = in_batches(classifier.score, pair, batch)
        predictions.append(scores.argmax(1).cpu())
        sums.append(scores.sum(1).cpu())  # not finite where any score is not
        if len(predictions) >= ENOUGH_VIDEOS and time.monotonic() > deadline:
            break
    require_finite(torch.stack(sums), [stored.video.name for stored in videos[: len(sums)]])
    return torch.stack(predictions)
