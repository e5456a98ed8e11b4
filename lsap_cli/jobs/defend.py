"""`lsap defend`: clean, equal-budget noise and perturbed videos, undefended and behind each defense."""

from collections.abc import Sequence

from msgspec.structs import replace

from lsap_cli.adaptive.judging.adaptive_results import AdaptiveResults
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.certificates import certify
from lsap_cli.evaluation.corrupting import corrupt
from lsap_cli.evaluation.defense_gains import defense_gains, ladder_gains
from lsap_cli.evaluation.judging import JudgedVideos, judge_videos, remove_progress
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.network_findings import note_queries
from lsap_cli.evaluation.noise_comparisons import noise_comparisons
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.evaluation.seeds import spread_over_seeds
from lsap_cli.evaluation.shown_videos import choose_shown
from lsap_cli.evaluation.sources import AddedPerturbation
from lsap_cli.evaluation.standards import identifiers
from lsap_cli.jobs.defend_adaptive import (
    detect_planned,
    given_attack,
    judge_adaptive,
    learn_planned,
    overlap_check,
    plan_attacks,
)
from lsap_cli.jobs.defend_cluster import judged_on_cluster
from lsap_cli.jobs.defend_inputs import defend_inputs
from lsap_cli.jobs.defend_results import declared_defenses, protocol_facts, sampler_matrix, size_of, table_rows
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import DefendTask, make_defend_task
from lsap_cli.jobs.expected_stages import EVALUATING, defend_plan, judging_plan
from lsap_cli.jobs.transfer import TransferRequest, transfer
from lsap_cli.pictures.before_after import draw_pictures
from lsap_cli.results.documents import DefendResults, SkippedVideo
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.pictures import Pictures
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE
from lsap_cli.results.robustness import CertificateRow, PerturbationSize
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import TransferMatrix
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import keep_inputs, remove_inputs
from lsap_cli.runs.memory import keep_memory
from lsap_cli.video.memory_limit import memory_limit


def defend(settings: DefendSettings, run: Run, resume: bool = False) -> DefendResults:
    """Judges every video under every perturbation source, defense and sampler.

    Args:
        settings: what to do.
        run: where events, records and results go.
        resume: whether to continue with what is in the run folder.

    Returns:
        The results, also written to the run folder with records.jsonl and pictures.

    Raises:
        LsapError: for anything that the user can mend.
    """
    keep_memory(memory_limit())
    keep_threads(run)
    skipped: Skipped = []
    task = make_defend_task(settings, run, skipped, resume)
    inputs = defend_inputs(task, settings)
    keep_inputs(run.folder, inputs, resume)
    with judged_on_cluster(task, settings, inputs) as spread:
        return _evaluate(spread, settings)


def _evaluate(task: DefendTask, settings: DefendSettings) -> DefendResults:
    """Learns what is planned, judges and measures, and writes the results."""
    run, skipped = task.evaluation.run, task.evaluation.skipped
    plan = plan_attacks(task, settings)
    known = {**task.sources, **{name: AddedPerturbation(one) for name, one in task.seeds.items()}}
    run.event(defend_plan(task, plan, settings, EvaluationMatrix(known, task.defenses, plan.defense_subsets)))
    learned = learn_planned(plan, task, settings)
    judged = judge_planned(task, plan, learned, settings)
    names = {record.video for record in judged.records}
    videos = [video for video in task.videos if video.name in names]
    if not videos:
        reason = f"; {skipped[0]['path']}: {skipped[0]['reason']}" if skipped else ""
        raise LsapError(f"none of the {task.listed} videos in {settings.videos} could be judged{reason}", 1)
    every_row = make_rows(judged.records, task.target, threshold=task.classifier.gives.threshold)
    rows = table_rows(every_row, task, plan)
    if settings.also or settings.certify or settings.detector or settings.corruptions:
        run.event(StageEvent(name="further measurements"))
    effective, effective_noise, sizes = _sizes(task, judged, rows)
    detections = detect_planned(task, plan, learned, videos)
    adaptive = judge_adaptive(task, plan, learned, judged, detections, every_row)
    results = DefendResults(
        rows=rows,
        protocol=protocol_facts(task, settings, videos, learned.ladder),
        detectors=tuple(row for row in detections.rows if row.attack in task.sources),
        defenses=declared_defenses(task.defenses),
        against_noise=noise_comparisons(judged.records, _undefended_attacks(task, adaptive), task.target),
        defense_gains=defense_gains(judged.records, task.sources),
        ladder=adaptive.ladder,
        ladder_gains=ladder_gains(judged.records, adaptive.ladder),
        detector_ladder=adaptive.detector_ladder,
        pair_ladder=adaptive.pair_ladder,
        checks=overlap_check(task) + adaptive.checks,
        budget_curve=adaptive.budget_curve,
        seeds=tuple(spread_over_seeds(judged.records, [task.name, *task.seeds], task.target) if task.seeds else []),
        transfer=_transfer(task, settings, videos),
        sampler_matrix=sampler_matrix(task, plan, rows),
        identifiers=identifiers(
            defended=bool(task.defenses),
            detected=bool(task.detectors),
            adaptive=bool(plan.defense_ladders),
            labeled=any(video.labels for video in videos),
            corrupted=settings.corruptions,
        ),
        natural_robustness=corrupt(task.evaluation, videos, *sizes) if settings.corruptions else None,
        certificates=tuple(_certificates(task, videos)),
        effective=effective,
        effective_noise=effective_noise,
        cost=judged.measurements.cost.result(),
        skipped=tuple(SkippedVideo(**one) for one in skipped),
    )
    write_document(run.folder / RESULTS_FILE, results)  # whatever becomes of the pictures
    results = replace(results, pictures=_draw(task, settings, judged, videos))
    write_document(run.folder / RESULTS_FILE, results)
    note_queries(task.classifier, run)
    remove_progress(run.folder)
    remove_inputs(run.folder)
    return results


def _undefended_attacks(task: DefendTask, adaptive: AdaptiveResults) -> set[str]:
    """Names of those among which the worst one for the undefended network is looked for."""
    rungs = {rung.attack for one in adaptive.ladder if one.defense == NO_DEFENSE for rung in one.rungs}
    return (rungs | set(task.sources)) - {NO_ATTACK, NOISE}


def _sizes(
    task: DefendTask, judged: JudgedVideos, rows: Sequence[Row]
) -> tuple[EffectiveNorms | None, EffectiveNorms | None, tuple[PerturbationSize | None, PerturbationSize | None]]:
    """How large perturbation and noise are in the frames, and both beside their rates; none where nothing is added."""
    changes, sampler = judged.measurements.changes.by_source, task.evaluation.protocol.first_sampler
    effective, effective_noise = (changes[name].norms if name in changes else None for name in (task.name, NOISE))
    if effective is not None and not effective.linf:
        message = f"{task.name} changes no frame: nothing of it is left in whole levels of 1/255"
        task.evaluation.run.event(WarningEvent(message=message))
    sizes = size_of(task.name, effective, rows, sampler), size_of(NOISE, effective_noise, rows, sampler)
    return effective, effective_noise, sizes


def judge_planned(
    task: DefendTask, plan: AdaptivePlan, learned: LearnedAttacks, settings: DefendSettings
) -> JudgedVideos:
    """All videos under all sources: those of the task, further seeds, and learned attacks."""
    added = {name: AddedPerturbation(one) for name, one in {**task.seeds, **learned.perturbations}.items()}
    matrix = EvaluationMatrix({**task.sources, **added}, task.defenses, plan.defense_subsets)
    task.evaluation.run.event(judging_plan(task, plan, settings, matrix))
    task.evaluation.run.event(
        StageEvent(name=EVALUATING, videos=len(task.videos), attacks=tuple(matrix.sources),
        defenses=tuple(matrix.defenses), samplers=tuple(task.evaluation.protocol.samplers),
    ))  # fmt: skip
    return judge_videos(task.evaluation, matrix, task.videos, "records.jsonl")


def _transfer(task: DefendTask, settings: DefendSettings, videos: Sequence[Video]) -> TransferMatrix | None:
    """The matrix of several models."""
    if not settings.also:
        return None
    assert settings.fit_source is not None  # as check_defend_settings has seen
    request = TransferRequest(
        models=(settings.model, *settings.also),
        fit=settings.fit_source,
        test=settings.source,
        judged=[video.name for video in videos],
        given=given_attack(task),
        steps=settings.steps,
        views=settings.views,
    )
    return transfer(request, task.evaluation)


def _certificates(task: DefendTask, videos: Sequence[Video]) -> list[CertificateRow]:
    """Of randomized smoothing within the perturbation's budget."""
    if task.perturbation is None:
        return []
    return certify(task.evaluation, task.smoothings, videos, float(task.perturbation.budget.epsilon))


def _draw(task: DefendTask, settings: DefendSettings, judged: JudgedVideos, videos: Sequence[Video]) -> Pictures:
    records = [one for one in judged.records if one.attack == task.name]
    clean = [one for one in judged.records if one.attack == NO_ATTACK]
    run = task.evaluation.run
    shown = choose_shown(videos, task.sources[task.name], records, clean, settings.pictures)
    pictures, failures = draw_pictures(run.folder, shown, task.perturbation)
    for failure in failures:
        run.event(WarningEvent(message=failure))
    return pictures
