"""What `defend` was asked for, and the objects that its settings name; everything that can be refused early is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch

from defenses import Defense
from defenses.certify import Smoothing
from defenses.detectors import Detector
from defenses.fitting import fittable_part
from lsap_cli.adaptive.learning.fit_videos import shared_videos
from lsap_cli.applying.manifest import COPY
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.labels import class_index, slug
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, skip, videos_of_run
from lsap_cli.datasets.splits import overlap
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.perturbed_folder import PerturbedFolder
from lsap_cli.evaluation.protocol import Added, Attack, Clean, Judge, Written
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE
from lsap_cli.runs import Run
from lsap_cli.specs import build_defense, build_detector, build_samplers, build_smoothing, load_perturbation
from perturbations import Perturbation, parse_epsilon
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
    seeds: tuple[str, ...] = ()  # more perturbation files, learned as the first but for the seed
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
    seeds: dict[str, Perturbation]  # more of its kind, by their names as attacks
    attacks: dict[str, Attack]
    overlapping: list[str]
    target: int | None
    judge: Judge
    detectors: dict[str, Detector]
    smoothings: dict[str, Smoothing]


def make_task(settings: Settings, run: Run, skipped: Skipped) -> Task:
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
    defenses |= {spec: build_defense(spec) for spec in settings.defense or ALL_DEFENSES if spec.strip() != NO_DEFENSE}
    detectors = {spec: build_detector(spec) for spec in settings.detector}
    smoothings = {spec: build_smoothing(spec) for spec in settings.certify}
    if smoothings and perturbation is None:
        raise LsapError(f"--certify needs a budget, and {settings.perturbed} has no {COPY} that says one")
    run.event("stage", name="loading the model")
    classifier = load_classifier(settings.model).to(device)
    samplers = build_samplers(settings.sampler or (classifier.sampler_spec,))
    run.note(device=str(device), classifier=classifier.source | {"name": classifier.name})
    target = settings.target or (perturbation.record.get("target") if perturbation else None)
    videos = videos_of_run(Path(settings.videos), classifier, run).videos
    fit = _fit_videos(settings, perturbation, classifier, run)
    attacks, name = _attacks(settings, perturbation, folder, videos, skipped, run)
    seeds = _seeds(settings, perturbation, [*attacks])
    overlapping = _overlap(videos, [one for one in (perturbation, *seeds.values()) if one], fit, settings, run)
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
    _check_recordings(videos, fit if settings.adaptive else None, defenses, detectors)
    if settings.target is None and target is not None and slug(target) not in map(slug, classifier.labels):
        run.event(
            "warning", message=f"{classifier.name} has no class '{target}', the perturbation's target: no success rates"
        )
        target = None
    number = (
        None if target is None else class_index(target, classifier.labels, classifier.name, "the perturbation's target")
    )
    return Task(
        classifier, videos, fit, perturbation, folder, name, seeds, attacks, overlapping, number, judge, detectors,
        smoothings,
    )  # fmt: skip


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


def _seeds(settings: Settings, perturbation: Perturbation | None, taken: list[str]) -> dict[str, Perturbation]:
    """Perturbations that differ from the first one in nothing but what they learned.

    Args:
        settings: name the files.
        perturbation: the first one.
        taken: names of attacks that there are already.
    """
    found: dict[str, Perturbation] = {}
    first = settings.perturbation
    if settings.seeds and (first is None or perturbation is None):
        raise LsapError("several perturbations are compared with --perturbation FILE only, not with --perturbed FOLDER")
    for file in settings.seeds:
        assert perturbation is not None
        other, name = load_perturbation(Path(file)), Path(file).stem
        for what, mine, its in (
            ("budget", f"{perturbation.budget.norm} {perturbation.budget.epsilon_text}", f"{other.budget.norm} {other.budget.epsilon_text}"),
            ("binding", str(perturbation.binding), str(other.binding)),
            ("target", perturbation.record.get("target"), other.record.get("target")),
        ):  # fmt: skip
            if mine != its:
                raise LsapError(
                    f"{file} has the {what} {its}, {first} has {mine}: several --perturbation must differ in their seed "
                    "alone, as those of lsap generate --seeds do"
                )
        if name in taken:
            raise LsapError(f"two attacks would be called '{name}'; give {file} another file name")
        same = [known for known, one in ((first, perturbation), *found.items()) if _equal(one, other)]
        if same:
            raise LsapError(f"{file} holds the same pattern as {same[0]}; give perturbations of different seeds")
        found[name] = other
        taken.append(name)
    return found


def _equal(one: Perturbation, other: Perturbation) -> bool:
    return torch.equal(one.delta, other.delta)


def _check_recordings(
    videos: Sequence[Video],
    fit: Sequence[Video] | None,
    defenses: Mapping[str, Defense | None],
    detectors: Mapping[str, Detector],
) -> None:
    """Refuses too few videos before any is judged, or learned from by attackers who know the defense."""
    together = [spec for spec, one in defenses.items() if one is not None and fittable_part(one) is not None]
    learned_from = 3 if fit is None else len({video.group for video in fit})
    if together and learned_from < 3:
        raise LsapError(
            f"'{together[0]}' looks for what videos have in common: to learn through it takes at least 3 recordings in --fit, "
            f"not {learned_from}"
        )
    together += [spec for spec, detector in detectors.items() if detector.comparison_videos]
    recordings = len({video.group for video in videos})
    if together and recordings < 3:
        raise LsapError(
            f"'{together[0]}' looks for what videos have in common: it needs at least 3 recordings, not {recordings}"
        )
    if detectors and recordings < 2:
        raise LsapError(f"a detector's threshold comes from other recordings: at least 2 are needed, not {recordings}")


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
        epsilon_of(text)
    if settings.fit is None:
        raise LsapError(f"{learning[0]} learns perturbations: give --fit VIDEOS, others than those that are judged")
    if perturbation is None:
        raise LsapError(f"{learning[0]} needs the perturbation whose budget attackers get; give --perturbation FILE")
    if perturbation.binding.appended:
        raise LsapError(f"{learning[0]} is for patterns that are added to frames, not for appended frames")
    if not any(settings.learning_draws) or min(settings.learning_draws) < 1:
        raise LsapError("--learning-draws takes whole numbers of at least 1, such as 2,8")
    return videos_of_run(Path(settings.fit), classifier, run).videos


def _overlap(
    videos: Sequence[Video], given: Sequence[Perturbation], fit: Sequence[Video], settings: Settings, run: Run
) -> list[str]:
    """Law 5: videos that a perturbation has seen; refused unless that is waived."""
    seen = {name for one in given for name in overlap(videos, one.record)}
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


def epsilon_of(text: str) -> Fraction:
    try:
        return parse_epsilon(text)
    except ValueError as error:
        raise LsapError(f"--epsilons: {error}") from None
