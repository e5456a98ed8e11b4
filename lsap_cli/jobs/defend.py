"""`lsap defend`: clean, equal-budget noise and perturbed videos, undefended and behind each defense."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import to_builtins
from msgspec.structs import asdict

from defenses import Defense
from lsap_cli.adaptive.judging.adaptive_results import (
    JudgedAttacks,
    budget_curve,
    check_attackers,
    judge_defense_ladders,
    judge_detector_ladders,
)
from lsap_cli.adaptive.judging.checks import disjoint_check
from lsap_cli.adaptive.judging.detector_ladders import DetectorEvidence
from lsap_cli.adaptive.learning.fit_videos import FitVideos, learning_setup
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks, learn_attackers
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.detector_ladders import detectors_by_attack
from lsap_cli.adaptive.planning.plan import AdaptivePlan, AdaptiveRequest, GivenAttack, plan_adaptive
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.certificates import certify
from lsap_cli.evaluation.corrupting import corrupt
from lsap_cli.evaluation.detection import DetectionMatrix, detect
from lsap_cli.evaluation.judging import JudgedVideos, judge_videos, remove_progress
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.rows import NO_DEFENSE, make_rows
from lsap_cli.evaluation.seeds import spread_over_seeds
from lsap_cli.evaluation.shown_videos import choose_shown
from lsap_cli.evaluation.sources import AddedPerturbation
from lsap_cli.evaluation.standards import identifiers
from lsap_cli.evaluation.verification import sampler_row
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import NOISE, DefendTask, epsilon_of, make_defend_task
from lsap_cli.jobs.transfer import TransferRequest, transfer
from lsap_cli.learning.settings import FITTED_SAMPLERS
from lsap_cli.pictures.before_after import draw_pictures
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.rows import Row
from lsap_cli.runs import Run
from lsap_cli.runs.memory import keep_memory
from perturbations.objectives import Targeted, Untargeted


def defend(settings: DefendSettings, run: Run, resume: bool = False) -> dict[str, Any]:
    """Judges every video under every perturbation source, defense and sampler.

    Args:
        settings: what to do.
        run: where events, records and results go.
        resume: go on from what is in the run folder.

    Returns:
        The results document (`lsap.results/1`), also written to the run folder with records.jsonl and pictures.

    Raises:
        LsapError: for anything that the user can mend.
    """
    keep_memory()
    skipped: Skipped = []
    task = make_defend_task(settings, run, skipped, resume)
    evaluation, classifier = task.evaluation, task.classifier
    plan = _plan(task, settings)
    learned = _learn(plan, task, settings)
    sources = {name: AddedPerturbation(one) for name, one in {**task.seeds, **learned.perturbations}.items()}
    matrix = EvaluationMatrix({**task.sources, **sources}, task.defenses, plan.restricted)
    run.event(
        "stage", name="evaluating", videos=len(task.videos), attacks=list(matrix.sources),
        defenses=list(matrix.defenses), samplers=list(evaluation.protocol.samplers),
    )  # fmt: skip
    judged = judge_videos(evaluation, matrix, task.videos, "records.jsonl")
    records = judged.records
    if not records:
        raise LsapError(f"none of the {len(task.videos)} videos in {settings.videos} could be judged", 1)
    names = {record.video for record in records}
    videos = [video for video in task.videos if video.name in names]
    every_row = make_rows(records, classifier.labels, task.target)
    rows = _rows(every_row, task, plan)
    if settings.also or settings.certify or settings.detector or settings.corruptions:
        run.event("stage", name="further measurements")
    changes = judged.measurements.changes
    effective = _as_dict(task.folder.effective(names)) if task.folder else changes[task.name].as_json()
    effective_noise = changes[NOISE].as_json() if NOISE in task.sources else None
    beside = {
        "perturbation": _size(task, rows, effective, task.name),
        "noise": _size(task, rows, effective_noise, NOISE),
    }
    of_the_attack = [one for one in records if one.attack == task.name]
    chosen = choose_shown(videos, task.sources[task.name], of_the_attack, classifier.labels)
    pictures, failures = draw_pictures(run.folder, chosen, task.perturbation)
    for failure in failures:
        run.event("warning", message=failure)
    results = {
        "schema": "lsap.results/1",
        "rows": rows,
        **_ladders(task, plan, learned, judged, every_row),
        "seeds": spread_over_seeds(records, [task.name, *task.seeds], task.target) if task.seeds else [],
        "sampler_matrix": _sampler_matrix(task, plan, rows),
        "transfer": _transfer(task, settings, videos),
        "certificates": _certificates(task, videos),
        "natural_robustness": corrupt(evaluation, videos, beside) if settings.corruptions else None,
        "defenses": {spec: _declared(defense) for spec, defense in task.defenses.items() if defense is not None},
        "identifiers": identifiers(bool(task.defenses), bool(task.detectors), bool(plan.defense_ladders)),
        "protocol": _protocol(task, settings, videos),
        "effective": effective,
        "effective_noise": effective_noise,
        "cost": judged.measurements.cost.as_json(),
        "skipped": skipped,
        "pictures": to_builtins(pictures),
    }  # fmt: skip
    run.write_json("results.json", results)
    remove_progress(run.folder)
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


def _ladders(
    task: DefendTask,
    plan: AdaptivePlan,
    learned: LearnedAttacks,
    judged: JudgedVideos,
    every_row: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The ladders of defenses and detectors with their checks, and the figures of detectors for sources of this task."""
    rows = msgspec.convert(every_row, tuple[Row, ...])
    attacks = JudgedAttacks(rows, judged.records, NOISE, len(task.classifier.labels))
    restricted = {
        name: specs for name, specs in detectors_by_attack(plan.detector_ladders).items() if name not in task.sources
    }
    sources = {**task.sources, **{name: AddedPerturbation(learned.perturbations[name]) for name in restricted}}
    names = {record.video for record in judged.records}
    videos = [video for video in task.videos if video.name in names]
    detections = detect(task.evaluation, DetectionMatrix(task.detectors, sources, restricted), videos)
    detector_rows = msgspec.convert(detections.rows, tuple[DetectorRow, ...])
    sampler = task.evaluation.protocol.first_sampler
    evidence = DetectorEvidence(judged.records, detector_rows, detections.flagged, sampler, task.target, NOISE)
    detector_ladders = judge_detector_ladders(plan, learned, evidence)
    overlap = sorted(task.overlapping)
    checks = (disjoint_check(len(task.fit), len(task.videos), overlap),) if task.fit else ()
    adaptive = {
        "ladder": judge_defense_ladders(plan, attacks),
        "detector_ladder": detector_ladders,
        "checks": checks + check_attackers(plan, learned, attacks, detector_ladders),
        "budget_curve": budget_curve(plan, rows),
        "detectors": [row for row in detector_rows if row.attack in task.sources],
    }
    return dict(msgspec.to_builtins(adaptive))


def _rows(every_row: Sequence[dict[str, Any]], task: DefendTask, plan: AdaptivePlan) -> list[dict[str, Any]]:
    """The rows of the table: those of every attack that is judged behind all defenses, and each defense's own rungs.

    The rows of other budgets are in the budget curve.
    """
    rows = []
    for row in every_row:
        if row["attack"] in task.sources:
            rows.append(row)
        elif row["attack"] in task.seeds:
            rows.append(row | {"seed_of": task.name})
        elif rung := plan.rung(row["attack"], row["defense"]):
            rows.append(row | {"rung": rung})
    return rows


def _sampler_matrix(task: DefendTask, plan: AdaptivePlan, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a perturbation that was not learned for a defense: the given one, and that which was learned here."""
    fitted = {task.name: task.perturbation.record.get("fit_samplers", []) if task.perturbation else []}
    if plan.undefended_base:
        fitted[plan.undefended_base.name] = [task.classifier.sampler_spec, *FITTED_SAMPLERS]
    return [sampler_row(rows, attack, specs, task.target is not None) for attack, specs in fitted.items()]


def _transfer(task: DefendTask, settings: DefendSettings, videos: Sequence[Video]) -> dict[str, Any] | None:
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


def _certificates(task: DefendTask, videos: Sequence[Video]) -> list[dict[str, Any]]:
    """Of randomized smoothing within the perturbation's budget."""
    if task.perturbation is None:
        return []
    return certify(task.evaluation, task.smoothings, videos, float(task.perturbation.budget.epsilon))


def _declared(defense: Defense) -> dict[str, Any]:
    """What a defense says of itself, for whoever wants to attack it."""
    return {
        "deterministic": defense.deterministic,
        "differentiable": defense.differentiable,
        "frames": defense.depends_on,
        "gradient": defense.gradient,
        "passes_constant_in_time": defense.passes_constant_in_time,
        "passes_low_frequencies": defense.passes_low_frequencies,
        "null_space": defense.null_space,
    }


def _as_dict(norms: EffectiveNorms | None) -> dict[str, float] | None:
    return None if norms is None else asdict(norms)


def _size(
    task: DefendTask, rows: Sequence[dict[str, Any]], effective: Mapping[str, float] | None, attack: str
) -> dict[str, Any] | None:
    """How much an attack changed the frames (None: not at all, or it is not known), and what it did with the first sampler and no defense."""
    sampler = task.evaluation.protocol.first_sampler
    place = (attack, NO_DEFENSE, sampler)
    row = next((row for row in rows if (row["attack"], row["defense"], row["sampler"]) == place), None)
    if row is None or not effective or not effective["l2_rms"]:
        return None
    return {"attack": attack, "l2_rms": effective["l2_rms"], "accuracy": row["attacked_accuracy"]}


def _protocol(task: DefendTask, settings: DefendSettings, videos: Sequence[Video]) -> dict[str, Any]:
    perturbation = task.perturbation
    learns = bool(task.fit)
    return {
        "classifier": task.classifier.name,
        "classes": len(task.classifier.labels),
        "videos": len(videos),
        "labelled": sum(bool(video.labels) for video in videos),
        "frames": task.classifier.frames,
        "views": task.evaluation.protocol.views,
        "norm": perturbation.budget.norm if perturbation else None,
        "epsilon": perturbation.budget.epsilon_text if perturbation else None,
        "binding": str(perturbation.binding) if perturbation else None,
        "learned_against": perturbation.record.get("classifier", {}).get("name") if perturbation else None,
        "target": None if task.target is None else task.classifier.labels[task.target],
        "seed": settings.seed,
        "perturbations": 1 + len(task.seeds),
        "draws": settings.draws,
        "fit_videos": len(task.fit) if learns else None,
        "steps": settings.steps if learns else None,
        "learning_draws": list(settings.learning_draws) if learns else None,
        "perturbed_by": "folder" if task.folder else "perturbation",
        "overlap_allowed": settings.allow_overlap,
        "overlap": task.overlapping,
    }
