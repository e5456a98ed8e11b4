"""What `generate` ends with: each model's verification, the files that are written, the results document."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs, to_builtins

from lsap_cli.datasets.selection import Skipped
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol
from lsap_cli.evaluation.sampler_transfer import sampler_transfer
from lsap_cli.evaluation.verification import (
    Verification,
    make_verification,
    seed_rates,
    verification_passes,
    verification_warnings,
    verify_perturbations,
)
from lsap_cli.evaluation.way_stages import way_stages
from lsap_cli.jobs.generate_cluster import GenerateCall, verifying_cluster
from lsap_cli.learning.perturbation_output import write_perturbation
from lsap_cli.learning.variant_learning import VERIFYING
from lsap_cli.learning.variants import LearnedVariant, LearningRun
from lsap_cli.learning.verification_samplers import verification_samplers
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.results.documents import GenerateResults, SurrogateResults
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.records import NO_ATTACK, NOISE
from lsap_cli.results.way_stages import WayStage
from perturbations.controls import CONTROLS


@dataclass(frozen=True)
class VerifiedNetwork:
    """One model's verification.

    Attributes:
        learning: as it is for the model.
        verification: of all learned variants.
    """

    learning: LearningRun
    verification: Verification


def verify_networks(
    call: GenerateCall,
    learning: LearningRun,
    learned: Sequence[LearnedVariant],
    codec: str | None,
    skipped: Skipped,
) -> list[VerifiedNetwork]:
    """Judges what was learned on each model.

    Args:
        call: how the command was called.
        learning: of the command.
        learned: all variants.
        codec: spec of a codec behind which the first one is judged, too; None: behind none.
        skipped: the command's list of videos that are left out; unreadable ones are appended to it.
    """
    verified = []
    for one in learning.networks:
        of_model = f" with {one.task.called}" if learning.others else ""
        samplers = len(verification_samplers(one.task, one.videos.same_video))
        passes = verification_passes(one.task.binding, samplers) * len(one.videos.verify)
        learning.run.event(StageEvent(name=f"{VERIFYING}{of_model}", videos=passes))
        verification = _verify(call, one, learned, codec, skipped)
        if learning.others:
            rows = [structs.replace(row, model=one.task.called) for row in verification.rows]
            verification = replace(verification, rows=rows)
        verified.append(VerifiedNetwork(one, verification))
    return verified


def _verify(
    call: GenerateCall, learning: LearningRun, learned: Sequence[LearnedVariant], codec: str | None, skipped: Skipped
) -> Verification:
    settings, task, videos = learning.settings, learning.task, learning.videos
    samplers = verification_samplers(task, videos.same_video)
    protocol = EvaluationProtocol(task.classifier, samplers, 1, settings.seed, task.device, settings.batch)
    records, norms = verify_perturbations(
        Evaluation(protocol, learning.run, skipped, spread=verifying_cluster(call, videos)),
        {one.variant.name: one.perturbation for one in learned},
        task.through,
        [stored.video for stored in videos.verify],
        list(CONTROLS) if settings.controls else [NOISE],
        codec,
    )
    return make_verification(records, task.target, task.source, None if codec in task.through else codec, norms)


def result_warnings(verified: Sequence[VerifiedNetwork], first: LearnedVariant) -> list[str]:
    """Reasons not to believe the figures yet; each is an event, too."""
    run = verified[0].learning.run
    warnings = [*first.learned.warnings]
    for one in verified:
        targeted = one.learning.task.target is not None
        found = verification_warnings(one.verification, first.variant.name, targeted)
        warnings += [f"{one.learning.task.called}: {text}" if len(verified) > 1 else text for text in found]
    for message in warnings:
        run.event(WarningEvent(message=message))
    return warnings


def write_learned(verified: Sequence[VerifiedNetwork], learned: Sequence[LearnedVariant]) -> None:
    """The perturbation files, the records and the pictures of delta."""
    learning = verified[0].learning
    run, rows = learning.run, [row for one in verified for row in one.verification.rows]
    for one in learned:
        own = [row for row in rows if row.attack in (NO_ATTACK, NOISE, one.variant.name)]
        record = {**one.perturbation.record, "verification": to_builtins(own)}
        path = one.variant.path(Path(learning.settings.out), run.folder)
        write_perturbation(replace(one.perturbation, record=record), path)
    for number, network in enumerate(verified):
        name = f"records-{number}.jsonl" if number else "records.jsonl"
        with LineFile(run.folder / name) as lines:
            lines.write(*network.verification.records)
    draw_slots(run.folder, learned[0].perturbation.pattern, str(learning.task.binding))


def generate_results(verified: Sequence[VerifiedNetwork], learned: Sequence[LearnedVariant]) -> GenerateResults:
    """The results document, without what the whole command alone knows."""
    first, learning, verification = learned[0], verified[0].learning, verified[0].verification
    settings, videos = learning.settings, learning.videos
    of_first, *others = (_of_network(one, learned) for one in verified)
    return GenerateResults(
        out=settings.out,
        attack=settings.attack,
        steps=first.learned.steps,
        converged=first.learned.converged,
        learn_seconds=round(first.learned.seconds, 1),
        queries=first.learned.queries,
        fit_videos=len(videos.fit),
        verification_videos=verification.videos,
        fit_samplers=of_first.fit_samplers,
        held_out_samplers=of_first.held_out_samplers,
        rows=of_first.rows,
        sampler_matrix=of_first.sampler_matrix,
        seeds=of_first.seeds,
        against_noise=of_first.against_noise,
        effective=of_first.effective,
        effective_noise=of_first.effective_noise,
        way=_way(learning, first, verification),
        surrogates=tuple(others),
    )


def _of_network(verified: VerifiedNetwork, learned: Sequence[LearnedVariant]) -> SurrogateResults:
    task, rows = verified.learning.task, verified.verification.rows
    targeted = task.target is not None
    fitted = verified.learning.settings.matrix  # then variants have samplers of their own
    seeds = {one.variant.seed: one.variant.name for one in learned if not fitted or one.variant.fitted == task.fitted}
    return SurrogateResults(
        model=task.called,
        fit_samplers=tuple(task.fitted),
        held_out_samplers=tuple(task.held_out),
        rows=tuple(rows),
        sampler_matrix=tuple(
            sampler_transfer(rows, one.variant.name, one.variant.fitted if fitted else task.fitted, targeted)
            for one in learned
        ),
        seeds=seed_rates(rows, seeds, targeted),
        against_noise=verified.verification.against_noise,
        effective=verified.verification.norms.get(learned[0].variant.name),
        effective_noise=verified.verification.norms.get(NOISE),
    )


def _way(learning: LearningRun, first: LearnedVariant, verification: Verification) -> tuple[WayStage, ...]:
    """Where the effect of the first perturbation goes, through the samplers that are held out."""
    task = learning.task
    if not first.learned.stage_rates:
        return ()
    samplers = verification_samplers(task, same_video=True) if learning.videos.same_video else task.held_out
    records = [one for one in verification.every_record if one.attack == first.variant.name]
    return way_stages(first.learned.stage_rates, records, samplers, task.target)
