"""What an attack solves on the batches of a variant: on one network, or on several at once."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from lsap_cli.learning.batch_planning import BatchSettings
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.problems import learned_delta_size, make_problem
from lsap_cli.learning.variants import LearningRun, LearningVariant
from perturbations.augment import Augmentation
from perturbations.ensemble import ensemble_problem
from perturbations.network import CountedNetwork, QueryCounter
from perturbations.problem import Problem


@contextmanager
def problem_of_networks(
    learning: LearningRun, variant: LearningVariant, queries: QueryCounter
) -> Iterator[tuple[Problem, list[BatchSource]]]:
    """What the attack solves on all networks of a run, each with its own batches, for the block.

    Args:
        learning: what is learned from.
        variant: which perturbation.
        queries: counts the clips that any of the networks is asked about.

    Returns:
        The problem, and each network's batches.
    """
    with ExitStack() as stack:
        sources = [stack.enter_context(BatchSource(one)) for one in _settings_of_networks(learning, variant)]
        problems = [variant_problem(one, source) for one, source in zip(learning.networks, sources, strict=True)]
        counted = [replace(one, network=CountedNetwork(one.network, queries)) for one in problems]
        yield ensemble_problem(counted, learning.settings.combine), sources


def batch_settings(
    learning: LearningRun, variant: LearningVariant, delta_size: tuple[int, int] | None = None
) -> BatchSettings:
    """How a variant's batches are drawn.

    Args:
        learning: as it is for one model.
        variant: which one.
        delta_size: (h, w) of delta; None: that which suits the model.
    """
    settings, task = learning.settings, learning.task
    classifier = task.classifier
    return BatchSettings(
        videos=learning.videos.fit,
        clean_predictions=learning.clean,
        samplers=list(variant.fitted.values()),
        frames=classifier.frames,
        geometry=classifier.geometry,
        binding=task.binding,
        delta_size=delta_size or learned_delta_size(classifier.geometry),
        augmentation=None if settings.learn_from == "one-video" else Augmentation(),
        clips=settings.batch,
        seed=variant.seed,
        device=task.device,
        resize=task.resize,
        budget=task.budget,
        defenses=(None, *task.through.values()),
        pool=settings.pool,
        process=(learning.group.number, learning.group.processes),
    )


def variant_problem(learning: LearningRun, source: BatchSource) -> Problem:
    """What the attack solves on a variant's batches."""
    settings, task = learning.settings, learning.task
    micro_batch = settings.micro_batch or settings.batch
    return make_problem(source, task.network, task.objective, task.budget, micro_batch, learning.run, learning.group)


def _settings_of_networks(learning: LearningRun, variant: LearningVariant) -> Iterator[BatchSettings]:
    """Of each model: delta is as large as the largest of them needs it, samplers are each model's own."""
    sizes = [learned_delta_size(one.task.classifier.geometry) for one in learning.networks]
    size = max(height for height, _ in sizes), max(width for _, width in sizes)
    first, *others = learning.networks
    yield batch_settings(first, variant, size)
    for one in others:
        yield batch_settings(one, replace(variant, fitted=one.task.fitted), size)
