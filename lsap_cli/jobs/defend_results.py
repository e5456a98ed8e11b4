"""The parts of `defend`'s results that follow from its task and its rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from defenses import Defense
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.sampler_transfer import sampler_transfer
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import DefendTask
from lsap_cli.learning.settings import FITTED_SAMPLERS
from lsap_cli.results.documents import DeclaredDefense, Protocol
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.records import NO_DEFENSE
from lsap_cli.results.robustness import PerturbationSize
from lsap_cli.results.rows import Row, Rows
from lsap_cli.results.spread import SamplerTransfer


def table_rows(rows: Sequence[Row], task: DefendTask, plan: AdaptivePlan) -> tuple[Row, ...]:
    """The rows of results.json: those of every source that is judged behind all defenses, and each defense's own rungs.

    The rows of other budgets are in the budget curve.
    """
    marked: list[Row] = []
    for row in rows:
        if row.attack in task.sources:
            marked.append(row)
        elif row.attack in task.seeds:
            marked.append(msgspec.structs.replace(row, seed_of=task.name))
        elif rung := plan.rung(row.attack, row.defense):
            marked.append(msgspec.structs.replace(row, rung=rung))
    return tuple(marked)


def sampler_matrix(task: DefendTask, plan: AdaptivePlan, rows: Sequence[Row]) -> tuple[SamplerTransfer, ...]:
    """One entry for each perturbation that was not learned through a defense: the given one, and one learned here."""
    fitted = {task.name: task.perturbation.record.get("fit_samplers", []) if task.perturbation else []}
    base = plan.undefended_base
    if base and any(row.attack == base.name for row in rows):  # with --ladder fast it may not have learned
        fitted[base.name] = [task.classifier.sampler_spec, *FITTED_SAMPLERS]
    return tuple(sampler_transfer(rows, attack, specs, task.target is not None) for attack, specs in fitted.items())


def declared_defenses(defenses: Mapping[str, Defense | None]) -> dict[str, DeclaredDefense]:
    """What each defense declares, by spec."""
    return {
        spec: DeclaredDefense(
            deterministic=defense.deterministic,
            differentiable=defense.differentiable,
            frames=defense.depends_on,
            gradient=defense.gradient,
            passes_constant_in_time=defense.passes_constant_in_time,
            passes_low_frequencies=defense.passes_low_frequencies,
            passes_stripes=defense.passes_stripes,
            null_space=defense.null_space,
        )
        for spec, defense in defenses.items()
        if defense is not None
    }


def size_of(attack: str, norms: EffectiveNorms | None, rows: Sequence[Row], sampler: str) -> PerturbationSize | None:
    """How much a source changed frames and what it did with one sampler, undefended; None where it changed nothing."""
    row = Rows(tuple(rows)).find(attack, NO_DEFENSE, sampler)
    if row is None or norms is None or not norms.l2_rms:
        return None
    return PerturbationSize(attack=attack, l2_rms=norms.l2_rms, accuracy=row.attacked_accuracy)


def protocol_facts(task: DefendTask, settings: DefendSettings, videos: Sequence[Video], ladder: str = "") -> Protocol:
    """With what the run was made.

    Args:
        task: of the run.
        settings: likewise.
        videos: that were judged.
        ladder: as it was run; empty where nothing was learned by one.
    """
    perturbation, learns = task.perturbation, bool(task.fit)
    return Protocol(
        classifier=task.classifier.name,
        classes=len(task.classifier.labels),
        videos=len(videos),
        listed=task.listed,
        labelled=sum(bool(video.labels) for video in videos),
        frames=task.classifier.frames,
        views=task.evaluation.protocol.views,
        crops=task.classifier.crops,
        norm=perturbation.budget.norm if perturbation else None,
        epsilon=perturbation.budget.epsilon_text if perturbation else None,
        binding=str(perturbation.binding) if perturbation else None,
        learned_against=_learned_against(perturbation.record) if perturbation else None,
        target=None if task.target is None else task.classifier.labels[task.target],
        seed=settings.seed,
        perturbations=1 + len(task.seeds),
        draws=settings.draws,
        fit_videos=len(task.fit) if learns else None,
        steps=settings.steps if learns else None,
        ladder=ladder or None,
        learning_draws=settings.learning_draws if learns else None,
        perturbed_by="folder" if task.folder else "perturbation",
        overlap_allowed=settings.allow_overlap,
        overlap=tuple(task.overlapping),
    )


def _learned_against(record: Mapping[str, Any]) -> str | None:  # Any: JSON
    """The name of the model that a perturbation was learned on, or the names of all."""
    names = [one["name"] for one in record.get("surrogates", []) if "name" in one]
    name: str | None = record.get("classifier", {}).get("name")
    return ", ".join(names) or name
