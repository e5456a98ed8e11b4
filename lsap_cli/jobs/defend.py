"""`lsap defend`: clean, equal-budget noise and perturbed videos, undefended and behind each defense."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defenses import DEFENSES, Defense
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import Video, slug
from lsap_cli.datasets.splits import overlap
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.protocol import Added, Attack, Clean, Judge, Written, judge_all
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, Record, make_records, make_rows
from lsap_cli.jobs.apply import COPY, load_perturbation
from lsap_cli.jobs.perturbed import PerturbedFolder
from lsap_cli.jobs.pictures import draw_pictures
from lsap_cli.jobs.shared import Skipped, build_samplers, choose_device, class_number, listed, skip
from lsap_cli.runs import Run
from lsap_cli.specs import build
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
    rows = make_rows(records, task.classifier.labels, task.target)
    judged = {record.video for record in records}
    shown = [video for video in task.videos if video.name in judged]
    results = {
        "schema": "lsap.results/1",
        "rows": rows,
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
    defenses |= {spec: build(spec, DEFENSES, "defense") for spec in settings.defense or ALL_DEFENSES}
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
    )
    if settings.target is None and target is not None and slug(target) not in map(slug, classifier.labels):
        run.event(
            "warning", message=f"{classifier.name} has no class '{target}', the perturbation's target: no success rates"
        )
        target = None
    number = None if target is None else class_number(target, classifier)
    return Task(classifier, videos, perturbation, folder, name, attacks, overlapping, number, judge)


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
        "perturbed_by": "folder" if task.folder else "perturbation",
        "overlap_allowed": settings.allow_overlap,
        "overlap": task.overlapping,
    }
