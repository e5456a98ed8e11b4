"""The objects that the settings of `generate` name; everything that can be refused before videos are read is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from defenses import Defense
from defenses.fitting import fittable_part
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.classifiers.labels import class_index
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.errors import LsapError
from lsap_cli.learning.process_group import device_of_process
from lsap_cli.learning.settings import FITTED_SAMPLERS, HELD_OUT_SAMPLERS, GenerateSettings
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.runs import Run
from lsap_cli.specs import below_one_level, build_attack, build_defense, build_samplers
from perturbations import Binding, Budget, parse_binding, parse_epsilon
from perturbations.attacks import ATTACKS, Attack
from perturbations.attacks.lsap import Lsap
from perturbations.objectives import Discriminative, Objective, Targeted, Untargeted
from perturbations.resizing import BILINEAR
from perturbations.samplers import Sampler


@dataclass(frozen=True)
class LearningTask:
    """The settings, turned into objects.

    Attributes:
        resize: how files enlarge delta, a name of `perturbations.resizing.RESIZINGS`.
        target: class number of a targeted attack; None: any wrong class.
        source: class number of the only class whose videos are attacked; None: all videos.
        fitted: samplers that are learned through, by spec.
        held_out: samplers that only verification uses, by spec.
        through: defenses that are learned through beside none, by spec.
        called: the classifier's name; where several models have it, with the model's spec.
    """

    budget: Budget
    binding: Binding
    attack: Attack
    device: torch.device
    classifier: Classifier
    network: InstrumentedClassifier
    objective: Objective
    resize: str
    target: int | None
    source: int | None
    fitted: dict[str, Sampler]
    held_out: dict[str, Sampler]
    through: dict[str, Defense]
    called: str


def make_learning_task(settings: GenerateSettings, run: Run) -> LearningTask:
    """The task of settings with one model: see `make_learning_tasks`."""
    (task,) = make_learning_tasks(settings, run)
    return task


def make_learning_tasks(settings: GenerateSettings, run: Run) -> list[LearningTask]:
    """Builds what the settings name, and loads the models: a task for each.

    Raises:
        LsapError: for settings that do not exist or cannot be combined.
    """
    specs = settings.models
    parts = _parts_without_model(settings, run)
    device = choose_device(device_of_process(settings.device))
    tasks = []
    for spec in specs:
        run.event(StageEvent(name="loading the model" if len(specs) == 1 else f"loading the model {spec}"))
        tasks.append(_task_with_model(settings, parts, load_classifier(spec).to(device), device, run))
    names = Counter(task.called for task in tasks)
    tasks = [
        task if names[task.called] == 1 else replace(task, called=f"{task.called} ({spec})")
        for spec, task in zip(specs, tasks, strict=True)
    ]
    run.note(device=str(device), classifier=_identity(tasks))
    return tasks


def _identity(tasks: Sequence[LearningTask]) -> dict[str, str]:
    """Names, specs and hashes of the models: of the first one as they are, of each other one with its name."""
    first, *others = tasks
    return (
        first.classifier.identity
        | {"name": ", ".join(task.called for task in tasks)}
        | {f"{what} of {task.called}": text for task in others for what, text in task.classifier.source.items()}
    )


def learning_task_of(
    settings: GenerateSettings, classifier: Classifier, device: torch.device, run: Run
) -> LearningTask:
    """The same with a model that is loaded.

    Args:
        settings: whose model is not looked at.
        classifier: on the device.
        device: of learning.
        run: gets warnings.

    Raises:
        LsapError: for settings that do not exist or cannot be combined.
    """
    return _task_with_model(settings, _parts_without_model(settings, run), classifier, device, run)


def parts_without_model(settings: GenerateSettings) -> tuple[Attack, Budget, Binding]:
    """What can be refused before a run begins and a model is loaded.

    Raises:
        LsapError: for settings that do not exist or cannot be combined.
    """
    attack = build_attack(settings.attack)
    try:
        budget = Budget(settings.norm, parse_epsilon(settings.epsilon))  # type: ignore[arg-type]  # Budget checks it
        binding = parse_binding(settings.binding or attack.binding)
    except ValueError as error:
        raise LsapError(str(error)) from None
    try:
        attack.check(binding, budget)
    except ValueError as error:
        raise LsapError(f"--attack {settings.attack}: {error}") from None
    return attack, budget, binding


def _parts_without_model(settings: GenerateSettings, run: Run) -> tuple[Attack, Budget, Binding]:
    attack, budget, binding = parts_without_model(settings)
    if budget.is_below_one_level:
        run.event(WarningEvent(message=below_one_level(settings.epsilon)))
    return attack, budget, binding


def _task_with_model(
    settings: GenerateSettings,
    parts: tuple[Attack, Budget, Binding],
    classifier: Classifier,
    device: torch.device,
    run: Run,
) -> LearningTask:
    attack, budget, binding = parts
    if attack.uses_gradients:
        free = " or ".join(f"--attack {name}" for name, kind in ATTACKS.items() if not kind.uses_gradients)
        classifier.require_gradients(
            f"--attack {settings.attack}", f"use {free}, or learn on a network that is like it"
        )
    fitted = build_samplers(settings.sampler or (classifier.sampler_spec, *FITTED_SAMPLERS))
    target, source = _classes(settings, classifier)
    objective = _objective(target, source)
    if settings.compiled and isinstance(attack, Lsap) and attack.needs_internals(objective):
        message = (
            "--compile has no effect on steps that look into the network: use it with --attack lsap:excite=0 "
            "--coherence off"
        )
        run.event(WarningEvent(message=message))
    run.note(device=str(device), classifier=classifier.identity)
    return LearningTask(
        budget=budget,
        binding=binding,
        attack=attack,
        device=device,
        classifier=classifier,
        network=InstrumentedClassifier(classifier, settings.layer, settings.precision, settings.compiled),
        objective=objective,
        resize=BILINEAR if binding.appended else attack.resize,  # appended frames are pictures, not small values
        target=target,
        source=source,
        fitted=fitted,
        held_out=_held_out(fitted, run),
        through={spec: learnable_defense(spec, "--through") for spec in settings.through},
        called=classifier.name,
    )


def _held_out(fitted: dict[str, Sampler], run: Run) -> dict[str, Sampler]:
    held_out = {
        spec: sampler for spec, sampler in build_samplers(HELD_OUT_SAMPLERS).items() if sampler not in fitted.values()
    }
    if held_out:
        return held_out
    message = "every sampler is learned through: verification has none that is new to the perturbation"
    run.event(WarningEvent(message=message))
    return fitted


def _classes(settings: GenerateSettings, classifier: Classifier) -> tuple[int | None, int | None]:
    """Class numbers of --target and --only."""
    if settings.target is not None and settings.only is not None:
        raise LsapError("--target and --only are two different goals; give one of them")
    target = None if settings.target is None else _class_index(settings.target, classifier, "--target")
    source = None if settings.only is None else _class_index(settings.only, classifier, "--only")
    if settings.learn_from == "target-class" and target is None:
        raise LsapError("--from target-class needs --target LABEL")
    return target, source


def _class_index(label: str, classifier: Classifier, flag: str) -> int:
    return class_index(label, classifier.labels, classifier.name, flag)


def _objective(target: int | None, source: int | None) -> Objective:
    if target is not None:
        return Targeted(target)
    return Untargeted() if source is None else Discriminative(source)


def learnable_defense(spec: str, flag: str) -> Defense:
    """A defense that learning can look through.

    Args:
        spec: of it.
        flag: of the command that names it, for sentences.

    Raises:
        LsapError: see `build_defense`; also if it must see a set of videos before it can defend one.
    """
    defense = build_defense(spec)
    if fittable_part(defense) is not None:
        raise LsapError(f"{flag} {spec} must see a set of videos before it can defend one; use another defense")
    return defense
