"""`lsap defend`: clean, equal-budget noise and perturbed videos, undefended and behind each defense."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from defenses import Defense
from defenses.certify import Smoothing
from defenses.chain import student
from defenses.detectors import Detector
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import Video, slug
from lsap_cli.datasets.splits import overlap
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.certificates import Certified, certificate_rows, certify_video
from lsap_cli.evaluation.corruptions import corruption_names, natural_robustness
from lsap_cli.evaluation.detection import Score, detector_rows, score_all
from lsap_cli.evaluation.protocol import Added, Attack, Clean, Judge, Written
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, make_rows
from lsap_cli.evaluation.standards import identifiers
from lsap_cli.jobs.apply import load_perturbation
from lsap_cli.jobs.applying.manifest import COPY
from lsap_cli.jobs.attackers import shared_videos
from lsap_cli.jobs.campaign import Campaign, Wanted, campaign_results, run_campaign
from lsap_cli.jobs.generate import FITTED
from lsap_cli.jobs.judging import forget_progress, judge_videos
from lsap_cli.jobs.ladder import undefended
from lsap_cli.jobs.perturbed import PerturbedFolder
from lsap_cli.jobs.pictures import draw_pictures
from lsap_cli.jobs.shared import Skipped, build_samplers, choose_device, class_number, listed, skip
from lsap_cli.jobs.transfer import transfer
from lsap_cli.jobs.verifying import sampler_row
from lsap_cli.runs import Run
from lsap_cli.specs import build_defense, build_detector, build_smoothing
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Perturbation, parse_epsilon
from perturbations.controls import noise_like
from perturbations.objectives import Targeted, Untargeted

NOISE = "noise"
ALL_DEFENSES = (
    "temporal-mean:window=3",
    "temporal-median:window=3",
    "jpeg:quality=75",
    "spatial-resample:scale=0.5",
    "temporal-resample:keep=2",
)


@dataclass(frozen=True)
class Settings:
    """What `defend` was asked for; the fields are the command's options."""

    videos: str
    model: str
    perturbation: str | None = None
    perturbed: str | None = None
    sampler: tuple[str, ...] = ()
    defense: tuple[str, ...] = ()
    detector: tuple[str, ...] = ()
    draws: int = 5
    corruptions: bool = False
    certify: tuple[str, ...] = ()
    fit: str | None = None
    adaptive: bool = False
    epsilons: tuple[str, ...] = ()
    steps: int = 300
    learning_draws: tuple[int, ...] = (2, 8)
    also: tuple[str, ...] = ()  # more models, for the transfer matrix
    target: str | None = None
    views: int | None = None
    allow_overlap: bool = False
    batch: int = 8
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """The settings, turned into objects."""

    classifier: Classifier
    videos: list[Video]
    fit: list[Video]  # that attackers of this run learn from
    perturbation: Perturbation | None
    folder: PerturbedFolder | None
    name: str  # of the perturbation, as an attack
    attacks: dict[str, Attack]
    overlapping: list[str]
    target: int | None
    judge: Judge
    detectors: dict[str, Detector]
    smoothings: dict[str, Smoothing]


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
    skipped: Skipped = []
    task = _task(settings, run, skipped)
    campaign = _campaign(task, settings, skipped, run, resume)
    judge = replace(
        task.judge,
        attacks={**task.attacks, **{name: Added(one) for name, one in campaign.attacks.items()}},
        knows=campaign.knows,
    )
    run.event(
        "stage", name="evaluating", videos=len(task.videos), attacks=list(judge.attacks),
        defenses=list(judge.defenses), samplers=list(judge.samplers),
    )  # fmt: skip
    records = judge_videos(judge, task.videos, run, "records.jsonl", skipped, resume)
    if not records:
        raise LsapError(f"none of the {len(task.videos)} videos in {settings.videos} could be judged", 1)
    judged = {record.video for record in records}
    shown = [video for video in task.videos if video.name in judged]
    every_row = make_rows(records, task.classifier.labels, task.target)
    rows = _rows(every_row, task, campaign)
    if settings.also or settings.certify or settings.detector or settings.corruptions:
        run.event("stage", name="further measurements")
    results = {
        "schema": "lsap.results/1",
        "rows": rows,
        **campaign_results(
            campaign, every_row, records, NOISE, len(task.classifier.labels), len(task.fit), len(task.videos),
            task.overlapping,
        ),
        "sampler_matrix": _sampler_matrix(task, campaign, rows),
        "transfer": _transfer(task, settings, shown, run, resume),
        "certificates": _certify(task, run, judged),
        "detectors": _detect(task, run, judged),
        "natural_robustness": _natural(task, run, judged, resume) if settings.corruptions else None,
        "defenses": {spec: _declared(defense) for spec, defense in task.judge.defenses.items() if defense is not None},
        "identifiers": identifiers(bool(task.judge.defenses), bool(task.detectors), bool(campaign.ladders)),
        "protocol": _protocol(task, settings, shown),
        "effective": task.folder.effective(judged) if task.folder else _effective(task, task.name),
        "effective_noise": _effective(task, NOISE),
        "skipped": skipped,
        "pictures": draw_pictures(
            run.folder, shown, task.attacks[task.name], task.perturbation,
            [one for one in records if one.attack == task.name], task.classifier.labels,
        ),
    }  # fmt: skip
    run.write_json("results.json", results)
    forget_progress(run.folder)
    return results


def _campaign(task: Task, settings: Settings, skipped: Skipped, run: Run, resume: bool) -> Campaign:
    """The attackers who learn in this run."""
    if not settings.adaptive and not settings.epsilons:
        return Campaign()
    assert task.perturbation is not None
    wanted = Wanted(
        settings.adaptive,
        tuple(_epsilon(text) for text in settings.epsilons),
        settings.steps,
        tuple(sorted(set(settings.learning_draws))),
        settings.seed,
        resume,
    )
    return run_campaign(
        wanted, task.fit, str(settings.fit), task.classifier, task.perturbation, task.name, NOISE,
        task.judge.defenses, Untargeted() if task.target is None else Targeted(task.target), skipped, run,
    )  # fmt: skip


def _epsilon(text: str) -> Fraction:
    try:
        return parse_epsilon(text)
    except ValueError as error:
        raise LsapError(f"--epsilons: {error}") from None


def _rows(every_row: Sequence[dict[str, Any]], task: Task, campaign: Campaign) -> list[dict[str, Any]]:
    """The rows of the table: those of every attack that is judged behind all defenses, and each defense's own rungs.

    The rows of other budgets are in the budget curve.
    """
    rungs = campaign.rungs
    rows = []
    for row in every_row:
        if row["attack"] in task.attacks:
            rows.append(row)
        elif (row["attack"], row["defense"]) in rungs:
            rows.append(row | {"rung": rungs[row["attack"], row["defense"]]})
    return rows


def _sampler_matrix(task: Task, campaign: Campaign, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a perturbation that was not learned for a defense: the given one, and that which was learned here."""
    fitted = {task.name: task.perturbation.record.get("fit_samplers", []) if task.perturbation else []}
    if campaign.ladders:
        fitted[undefended(campaign.ladders).base.name] = [task.classifier.sampler_spec, *FITTED]
    return [sampler_row(rows, attack, specs, task.target is not None) for attack, specs in fitted.items()]


def _transfer(task: Task, settings: Settings, shown: Sequence[Video], run: Run, resume: bool) -> dict[str, Any] | None:
    """The matrix of several models."""
    if not settings.also:
        return None
    assert task.perturbation is not None
    return transfer(
        (settings.model, *settings.also), Path(str(settings.fit)), Path(settings.videos),
        [video.name for video in shown], task.perturbation, task.name, NOISE, settings.steps, settings.views,
        settings.seed, task.judge.device, settings.batch, run, resume,
    )  # fmt: skip


def _task(settings: Settings, run: Run, skipped: Skipped) -> Task:
    if (settings.perturbation is None) == (settings.perturbed is None):
        raise LsapError(
            "give one of --perturbation FILE (add it here) and --perturbed FOLDER (files that lsap apply wrote)"
        )
    device = choose_device(settings.device)
    folder = None if settings.perturbed is None else PerturbedFolder(Path(settings.perturbed))
    perturbation = folder.perturbation if folder else load_perturbation(Path(settings.perturbation or ""))
    if perturbation is not None and not perturbation.binding.fits_a_video:
        raise LsapError(
            f"{settings.perturbation} is bound to slots after sampling ({perturbation.binding}): no video can carry it, so "
            "there is nothing to defend; its own rates are in the run of lsap generate"
        )
    defenses: dict[str, Defense | None] = {NO_DEFENSE: None}
    defenses |= {spec: build_defense(spec) for spec in settings.defense or ALL_DEFENSES}
    detectors = {spec: build_detector(spec) for spec in settings.detector}
    smoothings = {spec: build_smoothing(spec) for spec in settings.certify}
    if smoothings and perturbation is None:
        raise LsapError(f"--certify needs a budget, and {settings.perturbed} has no {COPY} that says one")
    run.event("stage", name="loading the model")
    classifier = load_classifier(settings.model).to(device)
    samplers = build_samplers(settings.sampler or (classifier.sampler_spec,))
    run.note(device=str(device), classifier=classifier.source | {"name": classifier.name})
    target = settings.target or (perturbation.record.get("target") if perturbation else None)
    videos = listed(Path(settings.videos), classifier, run).videos
    fit = _fit_videos(settings, perturbation, classifier, run)
    overlapping = _overlap(videos, perturbation, fit, settings, run)
    attacks, name = _attacks(settings, perturbation, folder, videos, skipped, run)
    if folder:
        videos = [video for video in videos if video.name in folder.files]
    judge = Judge(
        classifier=classifier,
        samplers=samplers,
        defenses=defenses,
        attacks=attacks,
        views=settings.views or classifier.views,
        seed=settings.seed,
        device=device,
        batch=settings.batch,
        draws=settings.draws,
    )
    _check_recordings(videos, defenses, detectors)
    if settings.target is None and target is not None and slug(target) not in map(slug, classifier.labels):
        run.event(
            "warning", message=f"{classifier.name} has no class '{target}', the perturbation's target: no success rates"
        )
        target = None
    number = None if target is None else class_number(target, classifier, "the perturbation's target")
    return Task(
        classifier, videos, fit, perturbation, folder, name, attacks, overlapping, number, judge, detectors, smoothings
    )


def _attacks(
    settings: Settings,
    perturbation: Perturbation | None,
    folder: PerturbedFolder | None,
    videos: Sequence[Video],
    skipped: Skipped,
    run: Run,
) -> tuple[dict[str, Attack], str]:
    """Clean, noise and perturbed, and what the last one is called."""
    name = Path(settings.perturbation or settings.perturbed or "").stem
    name = f"{name} (perturbation)" if name in ("", NO_ATTACK, NOISE) else name
    attacks: dict[str, Attack] = {NO_ATTACK: Clean()}
    if perturbation is None:
        run.event(
            "warning",
            message=f"{settings.perturbed} has no {COPY}: there is no noise control, and no check that these videos were not learned from",
        )
    else:
        attacks[NOISE] = Added(noise_like(perturbation, settings.seed))
    if folder is None:
        assert perturbation is not None
        attacks[name] = Added(perturbation)
    else:
        for video, reason in folder.match(videos):
            skip(run, skipped, video, reason)
        attacks[name] = Written(folder.files)
    return attacks, name


def _check_recordings(
    videos: Sequence[Video], defenses: Mapping[str, Defense | None], detectors: Mapping[str, Detector]
) -> None:
    """Refuses too few videos before any is judged."""
    together = [spec for spec, one in defenses.items() if one is not None and student(one) is not None]
    together += [spec for spec, detector in detectors.items() if detector.others]
    recordings = len({video.group for video in videos})
    if together and recordings < 3:
        raise LsapError(
            f"'{together[0]}' looks for what videos have in common: it needs at least 3 recordings, not {recordings}"
        )
    if detectors and recordings < 2:
        raise LsapError(f"a detector's threshold comes from other recordings: at least 2 are needed, not {recordings}")


def _detect(task: Task, run: Run, judged: Collection[str]) -> list[dict[str, Any]]:
    """The detectors' rows; their scores go to detections.jsonl."""
    if not task.detectors:
        return []
    videos = [video for video in task.videos if video.name in judged]
    run.event("stage", name="detecting", videos=len(videos), detectors=list(task.detectors))
    scores: list[Score] = []
    seen: set[str] = set()  # a video comes again with the scores that take the others
    for video, outcome in score_all(task.judge, task.detectors, videos):
        if isinstance(outcome, UnreadableVideo):
            raise LsapError(f"{video.name} could be judged, but not be read again: {outcome}", 1)
        scores += outcome
        if video.name not in seen:
            run.event("video", path=video.name)
        seen.add(video.name)
    rows, flagged = detector_rows(scores, task.detectors, NO_ATTACK)
    with (run.folder / "detections.jsonl").open("w", encoding="utf-8") as lines:
        for one in scores:
            alarm = flagged[one.detector, one.attack, one.video]
            lines.write(json.dumps(one.as_json() | {"flagged": alarm}) + "\n")
    return rows


def _natural(task: Task, run: Run, judged: Collection[str], resume: bool) -> dict[str, Any] | None:
    """Clean videos under natural corruptions, with the first sampler; predictions go to corruptions.jsonl."""
    sampler = next(iter(task.judge.samplers))
    judge = replace(
        task.judge,
        samplers={sampler: task.judge.samplers[sampler]},
        attacks={NO_ATTACK: Clean()},
        defenses={NO_DEFENSE: None, **corruption_names()},
        draws=1,
        changes={},
    )
    videos = [video for video in task.videos if video.name in judged and video.labels]
    run.event("stage", name="corrupting", videos=len(videos), corruptions=len(judge.defenses) - 1)
    records = judge_videos(judge, videos, run, "corruptions.jsonl", resume=resume)
    return natural_robustness(records, sampler)


def _certify(task: Task, run: Run, judged: Collection[str]) -> list[dict[str, Any]]:
    """What randomized smoothing can promise within the perturbation's budget; certificates go to certificates.jsonl."""
    if not task.smoothings or task.perturbation is None:
        return []
    videos = [video for video in task.videos if video.name in judged]
    run.event("stage", name="certifying", videos=len(videos), smoothings=list(task.smoothings))
    epsilon = float(task.perturbation.budget.epsilon)
    certified: list[Certified] = []
    with (run.folder / "certificates.jsonl").open("w", encoding="utf-8") as lines:
        for video in videos:
            mine = list(certify_video(task.judge, task.smoothings, video, epsilon))
            certified += mine
            lines.writelines(json.dumps(one.as_json(task.classifier.labels)) + "\n" for one in mine)
            run.event("video", path=video.name)
    return certificate_rows(certified)


def _declared(defense: Defense) -> dict[str, Any]:
    """What a defense says of itself, for whoever wants to attack it."""
    return {
        "deterministic": defense.deterministic,
        "differentiable": defense.differentiable,
        "frames": defense.frames,
        "gradient": defense.gradient,
        "passes_constant_in_time": defense.passes_constant_in_time,
        "passes_low_frequencies": defense.passes_low_frequencies,
        "null_space": defense.null_space,
    }


def _fit_videos(settings: Settings, perturbation: Perturbation | None, classifier: Classifier, run: Run) -> list[Video]:
    """The videos that attackers of this run learn from; checks that they can."""
    learning = [
        flag
        for flag, given in (
            ("--adaptive", settings.adaptive), ("--epsilons", settings.epsilons), ("several --model", settings.also)
        )
        if given
    ]  # fmt: skip
    if not learning and settings.fit is not None:
        raise LsapError("--fit is for attackers who learn in this run: give --adaptive, --epsilons or several --model")
    if not learning:
        return []
    if len({settings.model, *settings.also}) <= len(settings.also):
        raise LsapError("a transfer matrix is of different models; give each --model once")
    for text in settings.epsilons:
        _epsilon(text)
    if settings.fit is None:
        raise LsapError(f"{learning[0]} learns perturbations: give --fit VIDEOS, others than those that are judged")
    if perturbation is None:
        raise LsapError(f"{learning[0]} needs the perturbation whose budget attackers get; give --perturbation FILE")
    if perturbation.binding.appended:
        raise LsapError(f"{learning[0]} is for patterns that are added to frames, not for appended frames")
    if not any(settings.learning_draws) or min(settings.learning_draws) < 1:
        raise LsapError("--learning-draws takes whole numbers of at least 1, such as 2,8")
    return listed(Path(settings.fit), classifier, run).videos


def _overlap(
    videos: Sequence[Video], perturbation: Perturbation | None, fit: Sequence[Video], settings: Settings, run: Run
) -> list[str]:
    """Law 5: videos that a perturbation has seen; refused unless that is waived."""
    seen = set(overlap(videos, perturbation.record)) if perturbation else set()
    names = sorted(seen | set(shared_videos(videos, fit)))
    if not names:
        return []
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    if not settings.allow_overlap:
        where = " or are among --fit" if fit else ""
        raise LsapError(
            f"{len(names)} of {len(videos)} videos were seen when the perturbation was learned{where} ({shown}), or share a "
            "recording with one that was; use other videos, or --allow-overlap to evaluate all the same and say so in every "
            "output"
        )
    run.event("warning", message=f"--allow-overlap: {len(names)} of {len(videos)} videos were seen when learning")
    return names


def _effective(task: Task, attack: str) -> dict[str, float] | None:
    """Norms of what an attack added to the frames that were looked at, after rounding."""
    return task.judge.changes[attack].as_json() if attack in task.attacks else None


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
        "draws": settings.draws,
        "fit_videos": len(task.fit) if learns else None,
        "steps": settings.steps if learns else None,
        "learning_draws": list(settings.learning_draws) if learns else None,
        "perturbed_by": "folder" if task.folder else "perturbation",
        "overlap_allowed": settings.allow_overlap,
        "overlap": task.overlapping,
    }
