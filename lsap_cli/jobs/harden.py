"""`lsap harden`: adversarial training of a network, judged by fresh attackers beside the network before."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import convert, structs

from defenses import Chain, Defense
from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.selection import Skipped
from lsap_cli.datasets.store import FrameStore
from lsap_cli.errors import LsapError
from lsap_cli.jobs.defend_inputs import classifier_inputs, environment_inputs
from lsap_cli.jobs.expected_stages import judging_of_hardening, training_plan
from lsap_cli.jobs.harden_judging import HardeningJudge, attackers_of_a_network, paired_fields, random_draws
from lsap_cli.learning.batch_planning import BatchSettings
from lsap_cli.learning.perturbation_output import write_perturbation
from lsap_cli.learning.problems import learned_delta_size
from lsap_cli.learning.process_group import ProcessGroup, device_of_process, process_group
from lsap_cli.learning.settings import FITTED_SAMPLERS
from lsap_cli.learning.task import learnable_defense
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import keep_inputs, remove_inputs
from lsap_cli.runs.memory import keep_memory
from lsap_cli.runs.run import versions
from lsap_cli.specs import below_one_level, build_samplers
from lsap_cli.training.checkpoint import STATE_FILE
from lsap_cli.training.facts import training_facts, training_warnings
from lsap_cli.training.harden_settings import HardenSettings
from lsap_cli.training.hardened_card import HardenedCard, hardened_card
from lsap_cli.training.labeled_videos import LabeledVideos, load_videos_of_network
from lsap_cli.training.loop import Training
from lsap_cli.training.out_folder import PATTERN_FILE, check_can_be_hardened
from lsap_cli.training.output import own_out_folder, write_lists_of_split
from lsap_cli.training.perturbed_clips import (
    HARDENING_METHODS,
    HardeningClips,
    HardeningSetup,
    UniversalClips,
    labels_of_videos,
)
from lsap_cli.video.memory_limit import memory_limit
from perturbations import Binding, Budget, Perturbation, parse_binding
from perturbations.attacks.lsap import Lsap
from perturbations.augment import Augmentation

MIRROR = Augmentation.mirror


def harden_classifier(
    settings: HardenSettings, run: Run, resume: bool = False, started: float | None = None
) -> HardenResults | None:
    """Hardens a network, writes its card, and judges it and the network before against fresh attackers.

    Args:
        settings: what to do.
        run: where events and the state go.
        resume: go on from the state in the run folder, if there is one.
        started: when the time budget began, by `time.monotonic`; None: now.

    Returns:
        The results document; None in all but the first process of a group.

    Raises:
        LsapError: for anything that the user can mend.
    """
    time_budget = TimeBudget(settings.time_budget, time.monotonic() if started is None else started)
    check_can_be_hardened(settings.model, Path(settings.out))
    with own_out_folder(Path(settings.out), run):
        return _hardened(settings, run, resume, time_budget)


def _hardened(settings: HardenSettings, run: Run, resume: bool, time_budget: TimeBudget) -> HardenResults | None:
    """The same, in a folder of its own."""
    keep_memory(memory_limit())
    keep_threads(run)
    task = make_hardening_task(settings, run)
    out, skipped = Path(settings.out), Skipped()
    with (
        process_group(settings.batch, task.classifier.mean.device) as group,
        FrameStore(task.classifier.geometry.shrink, settings.memory) as store,
    ):
        labels, test = task.classifier.labels, settings.test_source
        videos = load_videos_of_network(store, labels, settings, test, skipped, run)
        hashes = {f"video {name}": one for name, one in videos.hashes.items()}
        inputs = classifier_inputs(task.classifier) | hashes | environment_inputs(task.classifier.mean.device)
        keep_inputs(run.folder, inputs, resume)
        with task.clips(videos, group) as clips:
            training = Training(
                settings, task.classifier, 1.0, clips, videos, task.classifier.mean.device, group, run,
                run.folder / STATE_FILE, time_budget,
            )  # fmt: skip
            if resume:
                training.resume()
            draws = random_draws(task.defense)
            then = judging_of_hardening(
                settings, attackers_of_a_network(settings), draws, videos, training.protocol.views
            )
            ended_by = training.train(lambda steps, seconds: training_plan(settings, steps, seconds, then))
            pattern = task.pattern(clips, videos, training)
        if not group.is_first:
            return None
        hardened = _written(task, videos, pattern, run)
        judge = HardeningJudge(settings, task.budget, task.binding, task.defense, videos, pattern, run, resume, skipped)
        before = judge.judged(load_classifier(settings.model).to(task.classifier.mean.device), "before")
        after = judge.judged(hardened, "after")
    facts = training_facts(training, ended_by)
    warnings = training_warnings(training, facts.held_out)
    for message in warnings:
        run.event(WarningEvent(message=message))
    results = HardenResults(
        **structs.asdict(facts),
        **paired_fields(before, after),
        out=settings.out,
        model=settings.model,
        method=settings.method,
        norm=settings.norm,
        epsilon=task.budget.epsilon_text,
        binding=str(task.binding),
        defense=settings.defense,
        noise=settings.noise,
        pattern=None if pattern is None else str(out / PATTERN_FILE),
        attackers=judge.attackers(before, after),
        warnings=tuple(warnings),
        skipped=convert(skipped, tuple[SkippedVideo, ...]),
    )
    task.card.write_card(out, after.undefended_accuracy.value, _notes(results))
    write_document(run.folder / RESULTS_FILE, results)
    remove_inputs(run.folder)
    judge.remove_progress()
    return results


@dataclass(frozen=True)
class HardeningTask:
    """The settings, turned into objects.

    Attributes:
        settings: as the user gave them.
        classifier: that is hardened in place, on its device.
        card: of the hardened network.
        budget: of perturbations.
        binding: of the universal delta.
        defense: in front of the network; None: none.
        through: defenses and codecs that training looks through beside none, each before that defense.
    """

    settings: HardenSettings
    classifier: Classifier
    card: HardenedCard
    budget: Budget
    binding: Binding
    defense: Defense | None
    through: tuple[Defense, ...]

    def clips(self, videos: LabeledVideos, group: ProcessGroup) -> HardeningClips:
        """The clips that the network is trained on."""
        settings, classifier = self.settings, self.classifier
        batches = BatchSettings(
            videos=videos.fit,
            clean_predictions=labels_of_videos(videos.fit),
            samplers=list(build_samplers(settings.sampler or (classifier.sampler_spec, *FITTED_SAMPLERS)).values()),
            frames=classifier.frames,
            geometry=classifier.geometry,
            binding=self.binding,
            delta_size=learned_delta_size(classifier.geometry),
            augmentation=Augmentation(mirror=0.0 if settings.no_flip else MIRROR),
            clips=settings.batch,
            seed=settings.seed,
            device=classifier.mean.device,
            resize=Lsap.resize,
            budget=self.budget,
            defenses=(self.defense, *self.through),
            process=(group.number, group.processes),
        )
        setup = HardeningSetup(settings, classifier, batches, self.budget, group)
        return HARDENING_METHODS[settings.method](setup)

    def pattern(self, clips: HardeningClips, videos: LabeledVideos, training: Training) -> Perturbation | None:
        """The universal delta of the last step; None: the method has none."""
        if not isinstance(clips, UniversalClips):
            return None
        record = self._record(videos) | {"steps": training.state.step}
        return Perturbation(clips.delta.cpu(), self.binding, self.budget, record, Lsap.resize)

    def _record(self, videos: LabeledVideos) -> dict[str, Any]:  # Any: JSON
        """What the pattern's file says of how it was made."""
        settings = self.settings
        roles = [(videos.fit, "fit"), (videos.validation, "verification")]
        return {
            "classifier": {"name": self.classifier.name} | self.classifier.source,
            "target": None,
            "attack": {
                "spec": "universal adversarial training",
                "delta_step": settings.delta_step,
                "delta_momentum": settings.delta_momentum,
                "patterns": settings.patterns,
                "restart": settings.restart,
            },
            "objective": "untargeted",
            "fit_samplers": list(settings.sampler or (self.classifier.sampler_spec, *FITTED_SAMPLERS)),
            "through": [one for one in (settings.defense, *settings.through) if one is not None],
            "videos": [
                {
                    "name": one.video.name, "sha256": videos.hashes[one.video.name], "group": one.video.group,
                    "role": role,
                }
                for part, role in roles
                for one in part
            ],
            "seed": settings.seed,
            "batch": settings.batch,
            "versions": versions(),
        }  # fmt: skip


def make_hardening_task(settings: HardenSettings, run: Run) -> HardeningTask:
    """Builds what the settings name, loads the model, and tries its card with other weights.

    Args:
        settings: of the command, whose folder `out` is there.
        run: gets events.

    Raises:
        LsapError: for settings that cannot work.
    """
    settings.check()
    try:
        budget = Budget.parse(settings.norm, settings.epsilon)  # type: ignore[arg-type]  # Budget checks it
        binding = parse_binding(settings.binding or Lsap().binding)
    except ValueError as error:
        raise LsapError(str(error)) from None
    if budget.is_below_one_level:
        run.event(WarningEvent(message=below_one_level(settings.epsilon)))
    defense = None if settings.defense is None else learnable_defense(settings.defense, "--defense")
    through = tuple(_in_front(learnable_defense(spec, "--through"), defense, spec) for spec in settings.through)
    device = choose_device(device_of_process(settings.device))
    run.event(StageEvent(name="loading the model"))
    classifier = load_classifier(settings.model).to(device)
    if not any(True for _ in classifier.network.parameters()):
        raise LsapError(f"the model '{settings.model}' has no parameters, so that there is nothing to train")
    classifier.require_gradients("harden", "take a network that has them")
    run.note(device=str(device), classifier=classifier.identity)
    card = hardened_card(settings.model, classifier, Path(settings.out))
    return HardeningTask(settings, classifier, card, budget, binding, defense, through)


def _in_front(first: Defense, then: Defense | None, spec: str) -> Defense:
    """A codec or defense of the video that comes before the network's own defense."""
    if then is None:
        return first
    try:
        return Chain((first, then))
    except ValueError as error:
        raise LsapError(f"--through {spec} cannot come before --defense: {error}") from None


def _written(task: HardeningTask, videos: LabeledVideos, pattern: Perturbation | None, run: Run) -> Classifier:
    """Writes the folder, and loads the network that its card gives."""
    out = Path(task.settings.out)
    card = task.card.write(out, task.classifier)
    write_lists_of_split(out, videos, run)
    if pattern is None:
        (out / PATTERN_FILE).unlink(missing_ok=True)
    else:
        write_perturbation(pattern, out / PATTERN_FILE)
        draw_slots(run.folder, pattern.pattern, str(pattern.binding))
    return load_card(card).to(task.classifier.mean.device)


def _notes(results: HardenResults) -> tuple[str, ...]:
    """What the card says of its network, as comments."""
    against = f"{results.norm} {results.epsilon}" if results.method != "noise" else f"noise of sigma {results.noise:g}"
    notes = [f"hardened by lsap harden --method {results.method} against {against}, from the model {results.model}"]
    if results.defense is not None:
        notes.append(f"trained behind the defense {results.defense}, which belongs in front of it")
    before, after = results.before, results.after
    notes.append(f"clean accuracy on held-out recordings: before {before.clean_accuracy}, after {after.clean_accuracy}")
    if before.fooling_rate is not None and after.fooling_rate is not None:
        notes.append(
            f"worst fresh attacker's fooling rate: before {before.fooling_rate.rate}, after {after.fooling_rate.rate}"
        )
    return tuple(notes)
