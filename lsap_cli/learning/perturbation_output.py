"""The perturbation file that `generate` writes: its record, and writing it whole or not at all."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lsap_cli.errors import LsapError
from lsap_cli.learning.task import LearningTask
from lsap_cli.learning.variants import LearningRun, LearningVariant
from lsap_cli.runs.run import versions
from perturbations import Perturbation
from perturbations.augment import Augmentation


def learning_record(learning: LearningRun, variant: LearningVariant, steps: int) -> Mapping[str, Any]:  # Any: JSON
    """The metadata of a perturbation file: how it was learned."""
    settings, task = learning.settings, learning.task
    labels = task.classifier.labels
    several = {"combine": settings.combine, "surrogates": [_surrogate(one.task) for one in learning.networks]}
    return (several if learning.others else {}) | {
        "classifier": {"name": task.classifier.name} | task.classifier.source,
        "target": None if task.target is None else labels[task.target],
        "only": None if task.source is None else labels[task.source],
        "attack": {"spec": settings.attack} | asdict(task.attack),  # type: ignore[call-overload]  # all are dataclasses
        "objective": type(task.objective).__name__.lower(),
        "learned_from": settings.learn_from,
        "fit_samplers": list(variant.fitted | {spec: None for one in learning.others for spec in one.task.fitted}),
        "held_out_samplers": list(task.held_out),
        "through": list(task.through),
        "videos": learning.videos.record(),
        "seed": variant.seed,
        "steps": steps,
        "batch": settings.batch,
        "precision": settings.precision,
        "augmentation": asdict(Augmentation()),
        "versions": versions(),
    }


def _surrogate(task: LearningTask) -> dict[str, Any]:  # Any: JSON
    """One of several models that a perturbation was learned against."""
    classifier = task.classifier
    return {
        "name": task.called, **classifier.source, "frames": classifier.frames, "size": list(classifier.geometry.size),
        "classes": len(classifier.labels), "fit_samplers": list(task.fitted), "held_out_samplers": list(task.held_out),
    }  # fmt: skip


def check_writable(out: Path) -> None:
    """Refuses, before learning and not after it, a path that cannot be written.

    Raises:
        LsapError: naming the path and the reason.
    """
    trial = _partial(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink(missing_ok=True)
    except OSError as error:
        raise LsapError(f"--out {out} cannot be written ({error.strerror or error}); give another path", 1) from None


def write_perturbation(perturbation: Perturbation, out: Path) -> None:
    """Writes the file, whole or not at all.

    Raises:
        LsapError: if it cannot be written; what was learned is kept in the run folder.
    """
    partial = _partial(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        perturbation.save(partial)
        partial.replace(out)
    except OSError as error:
        raise LsapError(
            f"--out {out} cannot be written ({error.strerror or error}); what was learned is kept: the same command "
            "with --resume and --run writes it again", 1
        ) from None  # fmt: skip
    finally:
        partial.unlink(missing_ok=True)


def _partial(out: Path) -> Path:
    return out.with_name(f".{out.name}.partial")
