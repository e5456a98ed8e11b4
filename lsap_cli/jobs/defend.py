"""`lsap defend`: clean, equal-budget noise and perturbed videos, undefended and behind each defense."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from lsap_cli.adaptive.judging.adaptive_results import AdaptiveResults, adaptive_results
from lsap_cli.adaptive.judging.checks import disjoint_check
from lsap_cli.adaptive.judging.detector_ladders import DetectorEvidence
from lsap_cli.adaptive.judging.judged_attacks import JudgedAttacks
from lsap_cli.adaptive.learning.fit_videos import FitVideos, learning_setup
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks, learn_attackers
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.detector_ladders import detectors_by_attack
from lsap_cli.adaptive.planning.plan import AdaptivePlan, AdaptiveRequest, GivenAttack, plan_adaptive
from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.certificates import certify
from lsap_cli.evaluation.corrupting import corrupt
from lsap_cli.evaluation.defense_gains import defense_gains
from lsap_cli.evaluation.detection import DetectionMatrix, Detections, detect
from lsap_cli.evaluation.judging import JudgedVideos, judge_videos, remove_progress
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.evaluation.seeds import spread_over_seeds
from lsap_cli.evaluation.shown_videos import choose_shown
from lsap_cli.evaluation.sources import AddedPerturbation
from lsap_cli.evaluation.standards import identifiers
from lsap_cli.jobs.defend_inputs import defend_inputs
from lsap_cli.jobs.defend_results import declared_defenses, protocol_facts, sampler_matrix, size_of, table_rows
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import NOISE, DefendTask, epsilon_of, make_defend_task
from lsap_cli.jobs.transfer import TransferRequest, transfer
from lsap_cli.pictures.before_after import draw_pictures
from lsap_cli.results.documents import DefendResults, SkippedVideo
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.ladders import Check
from lsap_cli.results.pictures import Pictures
from lsap_cli.results.robustness import CertificateRow
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import TransferMatrix
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import keep_inputs, remove_inputs
from lsap_cli.runs.memory import keep_memory
from perturbations.objectives import Targeted, Untargeted


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
    keep_memory()
    keep_threads(run)
    skipped: Skipped = []
    task = make_defend_task(settings, run, skipped, resume)
    keep_inputs(run.folder, defend_inputs(task, settings), resume)
    plan = _plan(task, settings)
    learned = _learn(plan, task, settings)
    judged = _judge(task, plan, learned)
    names = {record.video for record in judged.records}
    videos = [video for video in task.videos if video.name in names]
    if not videos:
        raise LsapError(f"none of the {len(task.videos)} videos in {settings.videos} could be judged", 1)
    every_row = make_rows(judged.records, task.target)
    rows = table_rows(every_row, task, plan)
    if settings.also or settings.certify or settings.detector or settings.corruptions:
        run.event(StageEvent(name="further measurements"))
    changes, sampler = judged.measurements.changes, task.evaluation.protocol.first_sampler
    effective, effective_noise = (changes[name].norms if name in changes else None for name in (task.name, NOISE))
    if effective is not None and not effective.linf:
        run.event(WarningEvent(message=f"{task.name} changes no frame: nothing of it is left in whole levels of 1/255"))
    sizes = [size_of(task.name, effective, rows, sampler), size_of(NOISE, effective_noise, rows, sampler)]
    detections = _detect(task, plan, learned, videos)
    adaptive = _adaptive_results(task, plan, learned, judged, detections, every_row)
    results = DefendResults(
        rows=rows,
        protocol=protocol_facts(task, settings, videos),
        detectors=tuple(row for row in detections.rows if row.attack in task.sources),
        defenses=declared_defenses(task.defenses),
        defense_gains=defense_gains(judged.records, task.sources),
        ladder=adaptive.ladder,
        detector_ladder=adaptive.detector_ladder,
        checks=_overlap_check(task) + adaptive.checks,
        budget_curve=adaptive.budget_curve,
        seeds=tuple(spread_over_seeds(judged.records, [task.name, *task.seeds], task.target) if task.seeds else []),
        transfer=_transfer(task, settings, videos),
        sampler_matrix=sampler_matrix(task, plan, rows),
        identifiers=identifiers(bool(task.defenses), bool(task.detectors), bool(plan.defense_ladders)),
        natural_robustness=corrupt(task.evaluation, videos, *sizes) if settings.corruptions else None,
        certificates=tuple(_certificates(task, videos)),
        effective=effective,
        effective_noise=effective_noise,
        cost=judged.measurements.cost.result(),
        skipped=tuple(SkippedVideo(**one) for one in skipped),
    )
    write_document(run.folder / RESULTS_FILE, results)  # whatever becomes of the pictures
    results = replace(results, pictures=_draw(task, judged, videos))
    write_document(run.folder / RESULTS_FILE, results)
    remove_progress(run.folder)
    remove_inputs(run.folder)
    return results


def _plan(task: DefendTask, settings: DefendSettings) -> AdaptivePlan:
    """The adaptive attackers that learn in this run."""
    if not settings.adaptive and not settings.epsilons:
        return AdaptivePlan()
    request = AdaptiveRequest(
        _given(task),
        settings.steps,
        settings.adaptive,
        tuple(epsilon_of(text) for text in settings.epsilons),
        tuple(sorted(set(settings.learning_draws))),
    )
    return plan_adaptive(request, task.defenses, task.detectors)


def _given(task: DefendTask) -> GivenAttack:
    assert task.perturbation is not None
    return GivenAttack(task.name, task.perturbation, NOISE)


def _learn(plan: AdaptivePlan, task: DefendTask, settings: DefendSettings) -> LearnedAttacks:
    if not plan.attackers:
        return LearnedAttacks()
    evaluation = task.evaluation
    objective = Untargeted() if task.target is None else Targeted(task.target)
    fit = FitVideos(task.fit, str(settings.fit), evaluation.skipped)
    with learning_setup(fit, task.classifier, objective, settings.seed, evaluation.run) as setup:
        learner = AttackerLearner(setup, evaluation.run, evaluation.resume)
        return learn_attackers(plan, _given(task).perturbation, learner)


def _judge(task: DefendTask, plan: AdaptivePlan, learned: LearnedAttacks) -> JudgedVideos:
    """All videos under all sources: those of the task, further seeds, and learned attacks."""
    added = {name: AddedPerturbation(one) for name, one in {**task.seeds, **learned.perturbations}.items()}
    matrix = EvaluationMatrix({**task.sources, **added}, task.defenses, plan.restricted)
    task.evaluation.run.event(
        StageEvent(name="evaluating", videos=len(task.videos), attacks=tuple(matrix.sources),
        defenses=tuple(matrix.defenses), samplers=tuple(task.evaluation.protocol.samplers),
    ))  # fmt: skip
    return judge_videos(task.evaluation, matrix, task.videos, "records.jsonl")


def _adaptive_results(
    task: DefendTask,
    plan: AdaptivePlan,
    learned: LearnedAttacks,
    judged: JudgedVideos,
    detections: Detections,
    every_row: Sequence[Row],
) -> AdaptiveResults:
    """The ladders of defenses and detectors with their checks."""
    attacks = JudgedAttacks(every_row, judged.records, NOISE, len(task.classifier.labels))
    sampler = task.evaluation.protocol.first_sampler
    evidence = DetectorEvidence(judged.records, detections.rows, detections.flagged, sampler, task.target, NOISE)
    return adaptive_results(plan, learned, attacks, evidence)


def _overlap_check(task: DefendTask) -> tuple[Check, ...]:
    """Law 5, where attackers of this run learn from videos."""
    if not task.fit:
        return ()
    return (disjoint_check(len(task.fit), len(task.videos), sorted(task.overlapping)),)


def _detect(task: DefendTask, plan: AdaptivePlan, learned: LearnedAttacks, videos: Sequence[Video]) -> Detections:
    """Scores of the detectors for the sources of the task, and for attacks that know a detector."""
    by_attack = detectors_by_attack(plan.detector_ladders)
    restricted = {name: specs for name, specs in by_attack.items() if name not in task.sources}
    sources = {**task.sources, **{name: AddedPerturbation(learned.perturbations[name]) for name in restricted}}
    return detect(task.evaluation, DetectionMatrix(task.detectors, sources, restricted), videos)


def _transfer(task: DefendTask, settings: DefendSettings, videos: Sequence[Video]) -> TransferMatrix | None:
    """The matrix of several models."""
    if not settings.also:
        return None
    request = TransferRequest(
        models=(settings.model, *settings.also),
        fit=Path(str(settings.fit)),
        test=Path(settings.videos),
        judged=[video.name for video in videos],
        given=_given(task),
        steps=settings.steps,
        views=settings.views,
    )
    return transfer(request, task.evaluation)


def _certificates(task: DefendTask, videos: Sequence[Video]) -> list[CertificateRow]:
    """Of randomized smoothing within the perturbation's budget."""
    if task.perturbation is None:
        return []
    return certify(task.evaluation, task.smoothings, videos, float(task.perturbation.budget.epsilon))


def _draw(task: DefendTask, judged: JudgedVideos, videos: Sequence[Video]) -> Pictures:
    records = [one for one in judged.records if one.attack == task.name]
    run = task.evaluation.run
    pictures, failures = draw_pictures(
        run.folder, choose_shown(videos, task.sources[task.name], records), task.perturbation
    )
    for failure in failures:
        run.event(WarningEvent(message=failure))
    return pictures
