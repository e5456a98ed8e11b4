"""`lsap generate`: learn one perturbation for all videos of a set, and verify it on videos it was not fitted on."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import convert, structs, to_builtins

from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.selection import Skipped
from lsap_cli.datasets.store import FrameStore
from lsap_cli.evaluation.network_findings import note_queries, warn_of_wrong_card
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol
from lsap_cli.evaluation.sampler_transfer import sampler_transfer
from lsap_cli.evaluation.verification import (
    Verification,
    make_verification,
    seed_rates,
    verification_warnings,
    verify_perturbations,
)
from lsap_cli.evaluation.way_stages import way_stages
from lsap_cli.jobs.defend_inputs import classifier_inputs, environment_inputs
from lsap_cli.jobs.generate_cluster import GenerateCall, members_session, verifying_cluster
from lsap_cli.learning.perturbation_output import check_writable, write_perturbation
from lsap_cli.learning.problems import clean_predictions
from lsap_cli.learning.process_group import process_group
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.spread_members import learn_members
from lsap_cli.learning.task import LearningTask, make_learning_task
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.learning.training_videos import TrainingVideos, load_training_videos
from lsap_cli.learning.variant_learning import affordable_verification, codec_stage, learn_variants
from lsap_cli.learning.variants import LearnedVariant, LearningRun
from lsap_cli.learning.verification_samplers import verification_samplers
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.results.documents import GenerateResults, SkippedVideo
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.records import NO_ATTACK, NOISE
from lsap_cli.results.way_stages import WayStage
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import keep_inputs, remove_inputs
from lsap_cli.runs.memory import keep_memory
from perturbations.controls import CONTROLS


def generate(
    settings: GenerateSettings, run: Run, resume: bool = False, started: float | None = None
) -> GenerateResults | None:
    """Learns, verifies, and writes the perturbation file.

    Args:
        settings: what to do.
        run: where events and the state go.
        resume: go on from the state in the run folder, if there is one.
        started: when the time budget began, by `time.monotonic`; None: now.

    Returns:
        The results document; None in all but the first process of a group.

    Raises:
        LsapError: for anything that the user can mend.
    """
    budget = TimeBudget(settings.time_budget, time.monotonic() if started is None else started)
    keep_memory()
    keep_threads(run)
    check_writable(Path(settings.out))
    task = make_learning_task(settings, run)
    warn_of_wrong_card(task.classifier, task.device, settings.seed, run)
    with members_session(settings, run, task.device) as session:
        return _generate(GenerateCall(settings, run, resume, budget, session), task)


def _generate(call: GenerateCall, task: LearningTask) -> GenerateResults | None:
    """Decodes, learns, verifies and writes."""
    settings, run, resume, budget = call.settings, call.run, call.resume, call.budget
    skipped: Skipped = []
    with (
        process_group(settings.batch, task.device) as group,
        FrameStore(task.classifier.geometry.shrink, settings.memory) as store,
    ):
        deadline = budget.loading_deadline if group.processes == 1 else float("inf")  # all load the same videos
        videos = load_training_videos(store, task, settings, deadline, skipped, run)
        deadline = budget.predicting_deadline if group.processes == 1 else float("inf")
        before = time.monotonic()
        clean = clean_predictions(task.classifier, videos.fit, settings.seed, settings.batch, deadline)
        pace = (time.monotonic() - before) / (2 * len(clean))  # seconds a clip
        if group.processes == 1:
            videos = videos.first(len(clean), affordable_verification(task, settings, videos, pace), run)
        keep_inputs(run.folder, _inputs(task, videos, settings), resume)
        learning = LearningRun(settings, task, videos, group, run, resume, clean)
        if call.session is not None:
            learned = learn_members(learning, call.session)
        else:
            learned = list(learn_variants(learning, budget, store.cost.seconds))
    if not group.is_first:
        return None
    run.event(StageEvent(name="verifying on the videos' own frames"))
    codec = codec_stage(learning, store.cost.seconds)
    verification = _verify(call, learning, learned, codec, skipped)
    warnings = _warnings(learning, learned[0], verification)
    _write(learning, learned, verification)
    results = structs.replace(
        _results(learning, learned, verification),
        frame_store=store.cost,
        doubts=tuple(warnings),
        skipped=convert(skipped, tuple[SkippedVideo, ...]),
    )
    write_document(run.folder / RESULTS_FILE, results)
    note_queries(task.classifier, run)
    remove_inputs(run.folder)
    return results


def _inputs(task: LearningTask, videos: TrainingVideos, settings: GenerateSettings) -> dict[str, str]:
    """Hashes of the network and the videos; of a time budget, how many are decoded depends on the time."""
    hashes = {} if settings.time_budget else {f"video {name}": one for name, one in videos.hashes.items()}
    return classifier_inputs(task.classifier) | hashes | environment_inputs(task.device)


def _verify(
    call: GenerateCall, learning: LearningRun, learned: Sequence[LearnedVariant], codec: str | None, skipped: Skipped
) -> Verification:
    settings, task, videos = learning.settings, learning.task, learning.videos
    samplers = verification_samplers(task, videos.same_video)
    protocol = EvaluationProtocol(task.classifier, samplers, 1, settings.seed, task.device, settings.batch)
    records = verify_perturbations(
        Evaluation(protocol, learning.run, skipped, spread=verifying_cluster(call, videos)),
        {one.variant.name: one.perturbation for one in learned},
        task.through,
        [stored.video for stored in videos.verify],
        list(CONTROLS) if settings.controls else [NOISE],
        codec,
    )
    return make_verification(records, task.target, task.source, None if codec in task.through else codec)


def _warnings(learning: LearningRun, first: LearnedVariant, verification: Verification) -> list[str]:
    """Reasons not to believe the figures yet; each is an event, too."""
    targeted = learning.task.target is not None
    warnings = [
        *first.learned.warnings,
        *verification_warnings(verification, first.variant.name, targeted),
    ]
    for message in warnings:
        learning.run.event(WarningEvent(message=message))
    return warnings


def _write(learning: LearningRun, learned: Sequence[LearnedVariant], verification: Verification) -> None:
    """The perturbation files, the records and the pictures of delta."""
    run, task = learning.run, learning.task
    for one in learned:
        rows = [row for row in verification.rows if row.attack in (NO_ATTACK, NOISE, one.variant.name)]
        record = {**one.perturbation.record, "verification": to_builtins(rows)}
        path = one.variant.path(Path(learning.settings.out), run.folder)
        write_perturbation(replace(one.perturbation, record=record), path)
    with LineFile(run.folder / "records.jsonl") as lines:
        lines.write(*verification.records)
    draw_slots(run.folder, learned[0].perturbation.pattern, str(task.binding))


def _results(learning: LearningRun, learned: Sequence[LearnedVariant], verification: Verification) -> GenerateResults:
    settings, task, videos = learning.settings, learning.task, learning.videos
    first, targeted, rows = learned[0], task.target is not None, verification.rows
    seeds = {one.variant.seed: one.variant.name for one in learned if one.variant.fitted == task.fitted}
    return GenerateResults(
        out=settings.out,
        attack=settings.attack,
        steps=first.learned.steps,
        converged=first.learned.converged,
        learn_seconds=round(first.learned.seconds, 1),
        queries=first.learned.queries,
        fit_videos=len(videos.fit),
        verification_videos=verification.videos,
        fit_samplers=tuple(task.fitted),
        held_out_samplers=tuple(task.held_out),
        rows=tuple(rows),
        sampler_matrix=tuple(sampler_transfer(rows, one.variant.name, one.variant.fitted, targeted) for one in learned),
        seeds=seed_rates(rows, seeds, targeted),
        way=_way(learning, first, verification),
    )


def _way(learning: LearningRun, first: LearnedVariant, verification: Verification) -> tuple[WayStage, ...]:
    """Where the effect of the first perturbation goes, through the samplers that are held out."""
    task = learning.task
    if not first.learned.stage_rates:
        return ()
    samplers = verification_samplers(task, same_video=True) if learning.videos.same_video else task.held_out
    records = [one for one in verification.every_record if one.attack == first.variant.name]
    return way_stages(first.learned.stage_rates, records, samplers, task.target)
