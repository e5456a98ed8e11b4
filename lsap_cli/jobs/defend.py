"""`lsap defend`: clean, equal-budget noise and perturbed videos, undefended and behind each defense."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from defenses import Defense
from lsap_cli.adaptive.judging.adaptive_results import JudgedAttacks, adaptive_results
from lsap_cli.adaptive.judging.checks import disjoint_check
from lsap_cli.adaptive.judging.detector_checks import detector_checks
from lsap_cli.adaptive.judging.detector_ladders import DetectorEvidence, detector_ladder_results
from lsap_cli.adaptive.learning.fit_videos import FitVideos, learning_setup
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks, learn_attackers
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.detector_ladders import detectors_by_attack
from lsap_cli.adaptive.planning.plan import AdaptivePlan, AdaptiveRequest, GivenAttack, plan_adaptive
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.judging import forget_progress, judge_videos
from lsap_cli.evaluation.measuring import certify, corrupt, detect
from lsap_cli.evaluation.protocol import Added
from lsap_cli.evaluation.rows import NO_DEFENSE, Record, make_rows
from lsap_cli.evaluation.seeds import spread_over_seeds
from lsap_cli.evaluation.standards import identifiers
from lsap_cli.jobs.defending.task import NOISE, Settings, Task, epsilon_of, make_task
from lsap_cli.jobs.transfer import TransferRequest, transfer
from lsap_cli.learning.task import FITTED
from lsap_cli.learning.verification import sampler_row
from lsap_cli.pictures.before_after import draw_pictures
from lsap_cli.runs import Run
from lsap_cli.runs.memory import keep_memory
from perturbations.objectives import Targeted, Untargeted


def defend(settings: Settings, run: Run, resume: bool = False) -> dict[str, Any]:
    """Judges every video under every attack, defense and sampler.

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
    task = make_task(settings, run, skipped)
    plan = _plan(task, settings)
    learned = _learn(plan, task, settings, skipped, run, resume)
    judge = replace(
        task.judge,
        attacks={**task.attacks, **{name: Added(one) for name, one in {**task.seeds, **learned.perturbations}.items()}},
        knows=plan.restricted,
    )
    run.event(
        "stage", name="evaluating", videos=len(task.videos), attacks=list(judge.attacks),
        defenses=list(judge.defenses), samplers=list(judge.samplers),
    )  # fmt: skip
    records = judge_videos(judge, task.videos, run, "records.jsonl", skipped, resume)
    if not records:
        raise LsapError(f"none of the {len(task.videos)} videos in {settings.videos} could be judged", 1)
    cost = judge.cost.as_json()  # of the matrix; further measurements come after it
    judged = {record.video for record in records}
    shown = [video for video in task.videos if video.name in judged]
    every_row = make_rows(records, task.classifier.labels, task.target)
    rows = _rows(every_row, task, plan)
    if settings.also or settings.certify or settings.detector or settings.corruptions:
        run.event("stage", name="further measurements")
    found = _ladders(task, plan, learned, run, records, every_row)
    effective = task.folder.effective(judged) if task.folder else _effective(task, task.name)
    effective_noise = _effective(task, NOISE)
    beside = {
        "perturbation": _size(task, rows, effective, task.name),
        "noise": _size(task, rows, effective_noise, NOISE),
    }
    results = {
        "schema": "lsap.results/1",
        "rows": rows,
        **found,
        "seeds": spread_over_seeds(records, [task.name, *task.seeds], task.target) if task.seeds else [],
        "sampler_matrix": _sampler_matrix(task, plan, rows),
        "transfer": _transfer(task, settings, shown, run, resume),
        "certificates": certify(task, run, judged),
        "natural_robustness": corrupt(task, run, judged, beside, resume) if settings.corruptions else None,
        "defenses": {spec: _declared(defense) for spec, defense in task.judge.defenses.items() if defense is not None},
        "identifiers": identifiers(bool(task.judge.defenses), bool(task.detectors), bool(plan.defense_ladders)),
        "protocol": _protocol(task, settings, shown),
        "effective": effective,
        "effective_noise": effective_noise,
        "cost": cost,
        "skipped": skipped,
        "pictures": draw_pictures(
            run.folder, shown, task.attacks[task.name], task.perturbation,
            [one for one in records if one.attack == task.name], task.classifier.labels,
        ),
    }  # fmt: skip
    run.write_json("results.json", results)
    forget_progress(run.folder)
    return results


def _plan(task: Task, settings: Settings) -> AdaptivePlan:
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
    return plan_adaptive(request, task.judge.defenses, task.detectors)


def _given(task: Task) -> GivenAttack:
    assert task.perturbation is not None
    return GivenAttack(task.name, task.perturbation, NOISE)


def _learn(
    plan: AdaptivePlan, task: Task, settings: Settings, skipped: Skipped, run: Run, resume: bool
) -> LearnedAttacks:
    if not plan.attackers:
        return LearnedAttacks()
    objective = Untargeted() if task.target is None else Targeted(task.target)
    fit = FitVideos(task.fit, str(settings.fit), skipped)
    with learning_setup(fit, task.classifier, objective, settings.seed, run) as setup:
        return learn_attackers(plan, _given(task).perturbation, AttackerLearner(setup, run, resume))


def _ladders(
    task: Task,
    plan: AdaptivePlan,
    learned: LearnedAttacks,
    run: Run,
    records: Sequence[Record],
    every_row: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The ladders of defenses and detectors with their checks, and what detectors notice of attacks that all meet."""
    of_defenses = adaptive_results(plan, learned, JudgedAttacks(every_row, records, NOISE, len(task.classifier.labels)))
    checks = (
        [disjoint_check(len(task.fit), len(task.videos), sorted(task.overlapping))]
        if task.fit and plan.attackers
        else []
    )
    detectors = {
        name: specs for name, specs in detectors_by_attack(plan.detector_ladders).items() if name not in task.attacks
    }
    attacks = {**task.attacks, **{name: Added(learned.perturbations[name]) for name in detectors}}
    noticed = detect(task, run, {record.video for record in records}, attacks, detectors)
    evidence = DetectorEvidence(records, noticed.rows, noticed.flagged, next(iter(task.judge.samplers)), task.target)
    of_detectors = detector_ladder_results(plan.detector_ladders, learned.thresholds, evidence, NOISE)
    return of_defenses | {
        "checks": checks + of_defenses["checks"] + detector_checks(of_detectors),
        "detectors": [row for row in noticed.rows if row["attack"] in task.attacks],
        "detector_ladder": of_detectors,
    }


def _rows(every_row: Sequence[dict[str, Any]], task: Task, plan: AdaptivePlan) -> list[dict[str, Any]]:
    """The rows of the table: those of every attack that is judged behind all defenses, and each defense's own rungs.

    The rows of other budgets are in the budget curve.
    """
    rows = []
    for row in every_row:
        if row["attack"] in task.attacks:
            rows.append(row)
        elif row["attack"] in task.seeds:
            rows.append(row | {"seed_of": task.name})
        elif rung := plan.rung(row["attack"], row["defense"]):
            rows.append(row | {"rung": rung})
    return rows


def _sampler_matrix(task: Task, plan: AdaptivePlan, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a perturbation that was not learned for a defense: the given one, and that which was learned here."""
    fitted = {task.name: task.perturbation.record.get("fit_samplers", []) if task.perturbation else []}
    if plan.undefended_base:
        fitted[plan.undefended_base.name] = [task.classifier.sampler_spec, *FITTED]
    return [sampler_row(rows, attack, specs, task.target is not None) for attack, specs in fitted.items()]


def _transfer(task: Task, settings: Settings, shown: Sequence[Video], run: Run, resume: bool) -> dict[str, Any] | None:
    """The matrix of several models."""
    if not settings.also:
        return None
    request = TransferRequest(
        models=(settings.model, *settings.also),
        fit=Path(str(settings.fit)),
        test=Path(settings.videos),
        judged=[video.name for video in shown],
        given=_given(task),
        steps=settings.steps,
        views=settings.views,
    )
    return transfer(request, task.judge, run, resume)


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


def _effective(task: Task, attack: str) -> dict[str, float] | None:
    """Norms of what an attack added to the frames that were looked at, after rounding."""
    return task.judge.changes[attack].as_json() if attack in task.attacks else None


def _size(
    task: Task, rows: Sequence[dict[str, Any]], effective: Mapping[str, float] | None, attack: str
) -> dict[str, Any] | None:
    """How much an attack changed the frames (None: not at all, or it is not known), and what it did with the first sampler and no defense."""
    sampler = next(iter(task.judge.samplers))
    place = (attack, NO_DEFENSE, sampler)
    row = next((row for row in rows if (row["attack"], row["defense"], row["sampler"]) == place), None)
    if row is None or not effective or not effective["l2_rms"]:
        return None
    return {"attack": attack, "l2_rms": effective["l2_rms"], "accuracy": row["attacked_accuracy"]}


def _protocol(task: Task, settings: Settings, videos: Sequence[Video]) -> dict[str, Any]:
    perturbation = task.perturbation
    learns = bool(task.fit)
    return {
        "classifier": task.classifier.name,
        "classes": len(task.classifier.labels),
        "videos": len(videos),
        "labelled": sum(bool(video.labels) for video in videos),
        "frames": task.classifier.frames,
        "views": task.judge.views,
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
