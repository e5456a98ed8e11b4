"""`lsap defend`: clean, equal-budget noise and perturbed videos, undefended and behind each defense."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
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
from lsap_cli.evaluation.protocol import Added, Attack, Clean, Judge, Written, judge_all
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, Record, make_records, make_rows
from lsap_cli.jobs.apply import load_perturbation
from lsap_cli.jobs.applying.manifest import COPY
from lsap_cli.jobs.perturbed import PerturbedFolder
from lsap_cli.jobs.pictures import draw_pictures
from lsap_cli.jobs.shared import Skipped, build_samplers, choose_device, class_number, listed, skip
from lsap_cli.runs import Run
from lsap_cli.specs import build_defense, build_detector, build_smoothing
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Perturbation
from perturbations.controls import noise_like

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
    perturbation: Perturbation | None
    folder: PerturbedFolder | None
    name: str  # of the perturbation, as an attack
    attacks: dict[str, Attack]
    overlapping: list[str]
    target: int | None
    judge: Judge
    detectors: dict[str, Detector]
    smoothings: dict[str, Smoothing]


def defend(settings: Settings, run: Run) -> dict[str, Any]:
    """Judges every video under every attack, defense and sampler.

    Returns:
        The results document (`lsap.results/1`), also written to the run folder with records.jsonl and pictures.

    Raises:
        LsapError: for anything that the user can mend.
    """
    skipped: Skipped = []
    task = _task(settings, run, skipped)
    run.event(
        "stage", name="evaluating", videos=len(task.videos), attacks=list(task.attacks),
        defenses=list(task.judge.defenses), samplers=list(task.judge.samplers),
    )  # fmt: skip
    records: list[Record] = []
    with (run.folder / "records.jsonl").open("w", encoding="utf-8") as lines:
        for video, outcome in judge_all(task.judge, task.videos):
            if isinstance(outcome, UnreadableVideo):
                skip(run, skipped, video, outcome)
                continue
            mine = make_records(video, outcome)
            records += mine
            lines.writelines(json.dumps(record.as_json(task.classifier.labels)) + "\n" for record in mine)
            lines.flush()  # whoever watches sees the matrix fill up
            run.event("video", path=video.name, judged=len(mine))
    if not records:
        raise LsapError(f"none of the {len(task.videos)} videos in {settings.videos} could be judged", 1)
    detections = _detect(task, run, {record.video for record in records})
    natural = _natural(task, run, {record.video for record in records}) if settings.corruptions else None
    certificates = _certify(task, run, {record.video for record in records})
    rows = make_rows(records, task.classifier.labels, task.target)
    judged = {record.video for record in records}
    shown = [video for video in task.videos if video.name in judged]
    results = {
        "schema": "lsap.results/1",
        "rows": rows,
        "detectors": detections,
        "natural_robustness": natural,
        "certificates": certificates,
        "defenses": {spec: _declared(defense) for spec, defense in task.judge.defenses.items() if defense is not None},
        "protocol": _protocol(task, settings, shown),
        "effective": task.folder.effective(judged) if task.folder else _effective(task, task.name),
        "effective_noise": _effective(task, NOISE),
        "skipped": skipped,
        "pictures": draw_pictures(
            run.folder, shown, task.attacks[task.name], task.perturbation, records, task.classifier.labels
        ),
    }
    run.write_json("results.json", results)
    return results


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
    overlapping = _overlap(videos, perturbation, settings, run)
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
        classifier, videos, perturbation, folder, name, attacks, overlapping, number, judge, detectors, smoothings
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


def _natural(task: Task, run: Run, judged: Collection[str]) -> dict[str, Any] | None:
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
    records: list[Record] = []
    with (run.folder / "corruptions.jsonl").open("w", encoding="utf-8") as lines:
        for video, outcome in judge_all(judge, videos):
            if isinstance(outcome, UnreadableVideo):
                raise LsapError(f"{video.name} could be judged, but not be read again: {outcome}", 1)
            mine = make_records(video, outcome)
            records += mine
            lines.writelines(json.dumps(record.as_json(task.classifier.labels)) + "\n" for record in mine)
            run.event("video", path=video.name, judged=len(mine))
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


def _overlap(videos: Sequence[Video], perturbation: Perturbation | None, settings: Settings, run: Run) -> list[str]:
    """Law 5: videos that the perturbation has seen; refused unless that is waived."""
    names = overlap(videos, perturbation.record) if perturbation else []
    if not names:
        return []
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    if not settings.allow_overlap:
        raise LsapError(
            f"{len(names)} of {len(videos)} videos were seen when the perturbation was learned ({shown}), or share a recording "
            "with one that was; use other videos, or --allow-overlap to evaluate all the same and say so in every output"
        )
    run.event(
        "warning",
        message=f"--allow-overlap: {len(names)} of {len(videos)} videos were seen when the perturbation was learned",
    )
    return names


def _effective(task: Task, attack: str) -> dict[str, float] | None:
    """Norms of what an attack added to the frames that were looked at, after rounding."""
    return task.judge.changes[attack].as_json() if attack in task.attacks else None


def _protocol(task: Task, settings: Settings, videos: Sequence[Video]) -> dict[str, Any]:
    perturbation = task.perturbation
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
        "perturbed_by": "folder" if task.folder else "perturbation",
        "overlap_allowed": settings.allow_overlap,
        "overlap": task.overlapping,
    }
