"""What `generate` was asked for, and the objects that its settings name."""

from dataclasses import dataclass

import torch

from defenses import Defense
from defenses.fitting import fittable_part
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.classifiers.labels import class_index
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.errors import LsapError
from lsap_cli.learning.process_group import own_device
from lsap_cli.learning.training_videos import LearnFrom
from lsap_cli.runs import Run
from lsap_cli.specs import build_attack, build_defense, build_samplers
from perturbations import Binding, Budget, parse_binding, parse_epsilon
from perturbations.attacks import Attack
from perturbations.attacks.lsap import Lsap
from perturbations.objectives import Discriminative, Objective, Targeted, Untargeted
from perturbations.samplers import Sampler

FITTED = ("segments", "dense:stride=1", "dense:stride=4", "rate:fps=8")  # beside the classifier's own
HELD_OUT = ("uniform", "dense:stride=2", "random", "rate:fps=5")


@dataclass(frozen=True)
class Settings:
    """What `generate` was asked for. The fields are the command's options; `None` leaves a choice to the job."""

    videos: str
    model: str
    out: str
    attack: str = "lsap"
    norm: str = "linf"
    epsilon: str = "8/255"
    binding: str | None = None
    target: str | None = None
    only: str | None = None
    learn_from: LearnFrom = "any"
    pool: int | None = None
    sampler: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    steps: int | None = None
    time_budget: float | None = None
    seeds: int = 1
    matrix: bool = False
    controls: bool = False
    layer: str | None = None
    batch: int = 4
    micro_batch: int | None = None
    precision: str = "fp32"
    compiled: bool = False
    memory: int = 4 * 2**30
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """The settings, turned into objects."""

    budget: Budget
    binding: Binding
    attack: Attack
    device: torch.device
    classifier: Classifier
    network: InstrumentedClassifier
    objective: Objective
    target: int | None
    source: int | None
    fitted: dict[str, Sampler]
    held_out: dict[str, Sampler]
    through: dict[str, Defense]


def make_task(settings: Settings, run: Run) -> Task:
    attack = build_attack(settings.attack)
    try:
        budget = Budget(settings.norm, parse_epsilon(settings.epsilon))  # type: ignore[arg-type]  # Budget checks it
        binding = parse_binding(settings.binding or attack.binding)
    except ValueError as error:
        raise LsapError(str(error)) from None
    device = choose_device(own_device(settings.device))
    run.event("stage", name="loading the model")
    classifier = load_classifier(settings.model).to(device)
    fitted = build_samplers(settings.sampler or (classifier.sampler_spec, *FITTED))
    held_out = {spec: sampler for spec, sampler in build_samplers(HELD_OUT).items() if sampler not in fitted.values()}
    if not held_out:
        message = "every sampler is learned through: verification has none that is new to the perturbation"
        run.event("warning", message=message)
        held_out = fitted
    if settings.target is not None and settings.only is not None:
        raise LsapError("--target and --only are two different goals; give one of them")
    target = (
        None
        if settings.target is None
        else class_index(settings.target, classifier.labels, classifier.name, "--target")
    )
    source = None if settings.only is None else class_index(settings.only, classifier.labels, classifier.name, "--only")
    if settings.learn_from == "target-class" and target is None:
        raise LsapError("--from target-class needs --target LABEL")
    objective: Objective = Untargeted()
    if target is not None:
        objective = Targeted(target)
    elif source is not None:
        objective = Discriminative(source)
    if settings.compiled and isinstance(attack, Lsap) and attack.looks_inside(objective):
        message = "--compile has no effect on steps that look into the network: use it with --attack lsap:excite=0 --coherence off"
        run.event("warning", message=message)
    run.note(device=str(device), classifier=classifier.source | {"name": classifier.name})
    return Task(
        budget, binding, attack, device, classifier,
        InstrumentedClassifier(classifier, settings.layer, settings.precision, settings.compiled), objective, target, source,
        fitted, held_out, {spec: _learnable(spec) for spec in settings.through},
    )  # fmt: skip


def _learnable(spec: str) -> Defense:
    defense = build_defense(spec)
    if fittable_part(defense) is not None:
        raise LsapError(f"--through {spec} must see a set of videos before it can defend one; use another defense")
    return defense
