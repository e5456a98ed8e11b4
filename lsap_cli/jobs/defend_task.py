"""What `defend` was asked for, and the objects that its settings name; everything that can be refused early is."""

from dataclasses import dataclass
from pathlib import Path

import torch

from defenses import Defense
from defenses.certify import Smoothing
from defenses.detectors import Detector
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.labels import class_index, slug
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, skip, videos_of_run
from lsap_cli.evaluation.corpora import require_recordings
from lsap_cli.evaluation.network_findings import warn_of_wrong_card
from lsap_cli.evaluation.noise_control import noise_control
from lsap_cli.evaluation.overlap import refuse_overlap
from lsap_cli.evaluation.perturbed_folder import PerturbedFolder
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol
from lsap_cli.evaluation.seeds import load_seeds
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, PerturbedFiles, Unperturbed
from lsap_cli.jobs.defend_checks import check_perturbation, level_warnings
from lsap_cli.jobs.defend_settings import DEFAULT_DEFENSES, DefendSettings, check_defend_settings
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.manifest import PERTURBATION_COPY
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE
from lsap_cli.runs import Run
from lsap_cli.specs import build_defense, build_detector, build_samplers, build_smoothing, load_perturbation
from perturbations import Perturbation


@dataclass(frozen=True)
class DefendTask:
    """The settings, turned into objects.

    Attributes:
        evaluation: classifier, samplers, run, and what else holds throughout.
        videos: that are judged.
        listed: how many videos the set has, with those that are left out.
        fit: that attackers of this run learn from.
        perturbation: that is judged; None where a folder of files does not say what was added.
        folder: of perturbed files, where they are judged.
        name: of the perturbation as a perturbation source.
        seeds: more perturbations of its kind, by their names as sources.
        sources: that are judged behind all defenses, by name; without `seeds`.
        defenses: by spec; None stands for no defense.
        detectors: by spec.
        smoothings: by spec.
        target: class number of a targeted attack.
        overlapping: names of judged videos that were used for learning.
    """

    evaluation: Evaluation
    videos: list[Video]
    listed: int
    fit: list[Video]
    perturbation: Perturbation | None
    folder: PerturbedFolder | None
    name: str
    seeds: dict[str, Perturbation]
    sources: dict[str, PerturbationSource]
    defenses: dict[str, Defense | None]
    detectors: dict[str, Detector]
    smoothings: dict[str, Smoothing]
    target: int | None
    overlapping: list[str]

    @property
    def classifier(self) -> Classifier:
        return self.evaluation.protocol.classifier


def make_defend_task(settings: DefendSettings, run: Run, skipped: Skipped, resume: bool) -> DefendTask:
    """Loads and builds what the settings name.

    Args:
        settings: of the command.
        run: gets warnings, and facts about device and classifier.
        skipped: gets videos that have no perturbed file.
        resume: whether to continue with what is in the run folder.

    Raises:
        LsapError: for anything in the settings that cannot work.
    """
    check_defend_settings(settings)
    device = choose_device(settings.device)
    folder = None if settings.perturbed is None else PerturbedFolder(Path(settings.perturbed))
    perturbation = folder.perturbation if folder else load_perturbation(Path(settings.perturbation or ""))
    check_perturbation(settings, perturbation)
    for message in level_warnings(settings, perturbation):
        run.event(WarningEvent(message=message))
    defenses = _defenses(settings)
    detectors = {spec: build_detector(spec) for spec in settings.detector}
    smoothings = {spec: build_smoothing(spec) for spec in settings.certify}
    protocol = _protocol(settings, device, run)
    classifier = protocol.classifier
    videos_of_set = videos_of_run(settings.source, classifier.labels, run, skipped)
    fit_source = settings.fit_source
    fit = videos_of_run(fit_source, classifier.labels, run, skipped).videos if fit_source else []
    name = _name(settings)
    sources = _sources(settings, perturbation, run)
    if folder:
        for video, reason in folder.match(videos_of_set.videos):
            skip(run, skipped, video, reason)
        sources[name] = PerturbedFiles(folder.media)
    elif perturbation:
        sources[name] = AddedPerturbation(perturbation)
    seeds = load_seeds(settings.perturbation or "", perturbation, settings.seeds, list(sources)) if perturbation else {}
    perturbations = [one for one in (perturbation, *seeds.values()) if one]
    overlapping = refuse_overlap(videos_of_set.videos, perturbations, fit, settings.allow_overlap, run)
    videos = [video for video in videos_of_set.videos if folder is None or video.name in folder.files]
    require_recordings(videos, fit if settings.adaptive else None, defenses, detectors)
    return DefendTask(
        evaluation=Evaluation(protocol, run, skipped, resume),
        videos=videos,
        listed=videos_of_set.size,
        fit=fit,
        perturbation=perturbation,
        folder=folder,
        name=name,
        seeds=seeds,
        sources=sources,
        defenses=defenses,
        detectors=detectors,
        smoothings=smoothings,
        target=_target(settings, perturbation, classifier, run),
        overlapping=overlapping,
    )


def _defenses(settings: DefendSettings) -> dict[str, Defense | None]:
    """No defense, and those of the settings or the usual ones, by spec."""
    specs = settings.defense or DEFAULT_DEFENSES
    return {NO_DEFENSE: None} | {spec: build_defense(spec) for spec in specs if spec.strip() != NO_DEFENSE}


def _protocol(settings: DefendSettings, device: torch.device, run: Run) -> EvaluationProtocol:
    """Classifier, samplers and what else holds for every prediction; the run gets facts and warnings about them."""
    run.event(StageEvent(name="loading the model"))
    classifier = load_classifier(settings.model).to(device)
    if settings.adaptive:
        classifier.require_gradients(
            "--adaptive",
            "judge it without, under perturbations of generate --attack random-search or u3d, or of a similar network",
        )
    run.note(device=str(device), classifier=classifier.identity)
    warn_of_wrong_card(classifier, device, settings.seed, run)
    return EvaluationProtocol(
        classifier,
        build_samplers(settings.sampler or (classifier.sampler_spec,)),
        views=settings.views or classifier.views,
        seed=settings.seed,
        device=device,
        batch=settings.batch,
        draws=settings.draws,
    )


def _name(settings: DefendSettings) -> str:
    """The perturbation's name as a perturbation source: that of its file or folder, unless it is taken."""
    name = Path(settings.perturbation or settings.perturbed or "").stem
    return f"{name} (perturbation)" if name in ("", NO_ATTACK, NOISE) else name


def _sources(settings: DefendSettings, perturbation: Perturbation | None, run: Run) -> dict[str, PerturbationSource]:
    """The clean videos, and the noise control where the budget is known."""
    sources: dict[str, PerturbationSource] = {NO_ATTACK: Unperturbed()}
    if perturbation is None:
        run.event(
            WarningEvent(
                message=f"{settings.perturbed} has no {PERTURBATION_COPY}: there is no noise control, "
                "and no check that these videos were not learned from",
            )
        )
    else:
        sources[NOISE] = noise_control(perturbation, settings.seed)
    return sources


def _target(
    settings: DefendSettings, perturbation: Perturbation | None, classifier: Classifier, run: Run
) -> int | None:
    """The class number of the target: the one of --target, or the perturbation's own where the classifier has it."""
    target = settings.target or (perturbation.record.get("target") if perturbation else None)
    if target is None:
        return None
    if settings.target is None and slug(target) not in map(slug, classifier.labels):
        run.event(
            WarningEvent(
                message=f"{classifier.name} has no class '{target}', the perturbation's target: no success rates"
            )
        )
        return None
    return class_index(target, classifier.labels, classifier.name, "the perturbation's target")
