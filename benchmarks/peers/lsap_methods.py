"""lsap's own attacks for the same seconds of the processor, and those that it has of papers without public code.

C-DUP and U3D are `dup` and `u3d`. What differs from the papers: the generator of `dup` is smaller, and it learns
through samplers, resizing and rounding as all attacks here do; `u3d` looks at frame features of the attacked network
itself, not of a surrogate, and its pattern repeats every 16 frames at a random phase.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from given import CpuClock

from lsap_cli.classifiers import Classifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.network_problems import batch_settings, variant_problem
from lsap_cli.learning.problems import clean_predictions
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import learning_task_of
from lsap_cli.learning.training_videos import TrainingVideos
from lsap_cli.learning.variants import LearningRun, LearningVariant
from lsap_cli.runs import Run
from perturbations import Perturbation
from perturbations.learn import learn
from perturbations.network import CountedNetwork, QueryCounter
from perturbations.state import State


@dataclass(frozen=True)
class LsapMethod:
    """An attack of `lsap generate`, with its default settings.

    Args:
        name: in the table.
        attack: its spec.
        cannot: what it cannot do; empty: it is what others are compared with.
    """

    name: str
    attack: str
    cannot: str = ""


METHODS = (
    LsapMethod("lsap", "lsap"),
    LsapMethod("C-DUP (lsap's `dup`)", "dup", "a smaller generator than the paper's"),
    LsapMethod("U3D (lsap's `u3d`)", "u3d", "features of the attacked network, not of a surrogate; no gradient"),
)


@dataclass(frozen=True)
class LsapLearned:
    """What an attack gives.

    Attributes:
        perturbation: as `lsap generate` writes it.
        cpu_seconds: of the processor, that its steps took.
        looks: clips that it asked the network about.
    """

    perturbation: Perturbation
    cpu_seconds: float
    looks: int


def learn_with_lsap(
    method: LsapMethod, settings: GenerateSettings, classifier: Classifier, fit: Sequence[StoredVideo], seconds: float,
    folder: Path,
) -> LsapLearned:  # fmt: skip
    """Steps of an attack until the seconds of the processor are over; nothing is verified on the way.

    Args:
        method: which one.
        settings: budget and seed.
        classifier: the network, on the CPU.
        fit: videos to learn from.
        seconds: of the processor.
        folder: of the run, which gets warnings.
    """
    settings = replace(settings, attack=method.attack)
    with Run(folder, "benchmark", {}, [], resume=True) as run:
        task = learning_task_of(settings, classifier, torch.device("cpu"), run)
        clean = clean_predictions(classifier, fit, settings.seed, settings.batch)
        videos = TrainingVideos(list(fit), list(fit), {})
        learning = LearningRun(settings, task, videos, ProcessGroup(), run, resume=False, clean=clean)
        variant = LearningVariant(method.name, settings.seed, task.fitted)
        with BatchSource(batch_settings(learning, variant)) as source:
            queries = QueryCounter()
            problem = variant_problem(learning, source)
            problem = replace(problem, network=CountedNetwork(problem.network, queries))
            state, clock = State(problem.zeros()), CpuClock()
            for _ in learn(problem, task.attack, state, lambda _: clock.seconds / seconds):
                pass
            taken = clock.seconds
    perturbation = Perturbation(state.delta, task.binding, task.budget, {"attack": method.attack}, task.resize)
    return LsapLearned(perturbation, taken, queries.clips)
