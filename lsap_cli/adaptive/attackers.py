"""Attackers whom `defend` lets learn: each on fit videos, through the defense that he knows, as `generate` does."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from defenses import Defense
from defenses.base import CorpusDefense
from defenses.chain import student
from defenses.detectors import Detector
from lsap_cli.adaptive.detector_constraint import DetectorAlarm, OperatingPoint, Watchtower
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.classifiers.labels import slug
from lsap_cli.datasets.base import Video, content_hash
from lsap_cli.datasets.selection import Skipped, skip
from lsap_cli.datasets.splits import overlap
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.learning.batches import BatchSource, as_problem, clean_predictions, size_of_delta
from lsap_cli.learning.fitted_defense import Crowd
from lsap_cli.learning.schedule import Schedule, run_learning, starting_state
from lsap_cli.runs import Run
from lsap_cli.runs.run import write_atomically
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Binding, Budget, Perturbation
from perturbations.attacks import Attack
from perturbations.attacks.base import objective_loss, small_noise
from perturbations.augment import Augmentation
from perturbations.gradients import Loss, Seen, gradient_at
from perturbations.objectives import Objective
from perturbations.problem import Batch, Problem
from perturbations.samplers import Sampler
from perturbations.seeds import seeded

COARSE = 8  # a low-frequency pattern has this part of the network's height and width
CLIPS = 4  # of a batch, as in generate
PROBES = 3  # batches on which a gradient is tried
FOLDER = "attackers"


@dataclass(frozen=True)
class Attacker:
    """Who learns a perturbation, and what he knows.

    Attributes:
        name: in rows, events and file names.
        attack: his method.
        defense: that he looks through; None: none.
        budget: norm and epsilon.
        binding: frame to slot.
        steps: of learning.
        draws: of a random defense, for each clip of a step.
        coarse: whether the pattern is smooth in space.
        evades: a detector whose alarm he keeps quiet; None: none.
        bearable: the share of flagged videos at which quieting them counts as much to him as the margin.
        begins_at: a perturbation with this binding that he goes on from; None: nothing.
    """

    name: str
    attack: Attack
    defense: Defense | None
    budget: Budget
    binding: Binding
    steps: int
    draws: int = 1
    coarse: bool = False
    evades: Detector | None = None
    bearable: float = 1.0
    begins_at: Perturbation | None = field(default=None, compare=False)  # tensors do not compare

    def record(self) -> dict[str, Any]:
        """What results.json says of him beside his name."""
        return {
            "method": type(self.attack).__name__.lower(),
            "epsilon": self.budget.epsilon_text,
            "binding": str(self.binding),
            "steps": self.steps,
            "draws": self.draws,
            "low_frequency": self.coarse,
            "goes_on_from_given": self.begins_at is not None,
            **({} if self.evades is None else {"bearable": self.bearable}),
        }


@dataclass(frozen=True)
class Probe:
    """Whether the gradient through a defense is good for anything, and what comes out of the defense.

    Attributes:
        without_gradient: batches in which no gradient reached the perturbation.
        batches: that were tried.
        along: by how many logits a step of half the budget along the gradient lowers the margin, in the mean.
        by_chance: the same for a step of that size along random signs.
        low: the smallest value that the defense gave.
        high: the largest.
        shape_kept: whether frames kept their number and size.
    """

    without_gradient: int
    batches: int
    along: float
    by_chance: float
    low: float
    high: float
    shape_kept: bool


class School:
    """Fit videos, decoded, and a classifier: where attackers learn.

    Args:
        classifier: on its device.
        videos: decoded, at least one.
        samplers: that are learned through.
        objective: what attackers want.
        seed: of everything that is drawn.
        run: is told what happens; what is learned is kept in its folder.
        resume: take what an earlier part of the run has learned.
    """

    def __init__(
        self,
        classifier: Classifier,
        videos: Sequence[StoredVideo],
        samplers: Sequence[Sampler],
        objective: Objective,
        seed: int,
        run: Run,
        resume: bool = False,
    ) -> None:
        self._classifier, self._videos, self._samplers = classifier, videos, samplers
        self._objective, self._seed, self._run, self._resume = objective, seed, run, resume
        self._device = classifier.mean.device
        self._network = InstrumentedClassifier(classifier)
        self._clean = clean_predictions(classifier, videos, seed, CLIPS)
        self._tower = Watchtower(classifier, self._network, videos, seed)
        self._crowds: dict[tuple[CorpusDefense, Binding], Crowd] = {}
        self._folder = run.folder / FOLDER
        self._folder.mkdir(exist_ok=True)

    def learn(self, attacker: Attacker) -> Perturbation:
        """The attacker's perturbation; one that an earlier part of the run has finished is taken as it is."""
        path = self._path(attacker, ".safetensors")
        if self._resume and path.exists():
            return Perturbation.load(path)
        self._run.event("stage", name=f"learning: {attacker.name}", steps=attacker.steps, seconds=None)
        problem = self.problem(attacker)
        state_path = path.with_suffix(".state")
        try:
            state = starting_state(state_path, problem.shape, self._resume)
            if attacker.begins_at is not None and not state.steps:
                state.delta = attacker.begins_at.resized(*problem.shape[2:])
            state.move(self._device)
            schedule = Schedule(attacker.steps, None)
            run_learning(problem, attacker.attack, state, schedule, None, state_path, self._run, member=attacker.name)
        except ValueError as error:
            raise LsapError(f"{attacker.name}: {error}", 1) from None
        record = attacker.record() | {"seed": self._seed, "classifier": {"name": self._classifier.name}}
        learned = Perturbation(state.delta.cpu(), attacker.binding, attacker.budget, record)
        partial = path.with_suffix(".partial")
        learned.save(partial)
        partial.replace(path)
        state_path.unlink()
        return learned

    def problem(self, attacker: Attacker) -> Problem:
        """What an attacker has to solve."""
        classifier = self._classifier
        height, width = size_of_delta(classifier.geometry)
        if attacker.coarse:
            height, width = max(1, height // COARSE), max(1, width // COARSE)
        source = BatchSource(
            videos=self._videos,
            clean_predictions=self._clean,
            samplers=self._samplers,
            frames=classifier.frames,
            geometry=classifier.geometry,
            binding=attacker.binding,
            delta_size=(height, width),
            augmentation=Augmentation(),
            clips=CLIPS,
            seed=self._seed,
            device=self._device,
            defenses=(attacker.defense,),
            draws=attacker.draws,
            crowd=self._crowd(attacker.defense, attacker.binding),
        )
        problem = as_problem(source, self._network, self._objective, attacker.budget, CLIPS, self._run)
        if attacker.evades is None:
            return problem
        return replace(problem, alarm=DetectorAlarm(self._tower, attacker.evades, attacker.binding, attacker.bearable))

    def operating_point(self, detector: Detector) -> OperatingPoint:
        """Where the clean fit videos put a detector's threshold.

        Raises:
            LsapError: if they are too few for it.
        """
        return self._tower.operating_point(detector)

    def probe(self, attacker: Attacker) -> Probe:
        """Tries the gradient that an attacker would have, and looks at what his defense gives.

        What an earlier part of the run has found is taken as it is.
        """
        path = self._path(attacker, ".probe.json")
        if self._resume and path.exists():
            with suppress(ValueError, TypeError):  # a damaged file is made anew
                return Probe(**json.loads(path.read_text(encoding="utf-8")))
        self._run.event("stage", name=f"trying the gradient: {attacker.name}", steps=PROBES, seconds=None)
        found = self._probe(attacker)
        write_atomically(path, json.dumps(asdict(found)))
        return found

    def _path(self, attacker: Attacker, ending: str) -> Path:
        return self._folder / f"{slug(f'{self._classifier.name} {attacker.name}')}{ending}"

    def _probe(self, attacker: Attacker) -> Probe:
        problem = self.problem(attacker)
        loss = objective_loss(problem, float("inf"))
        start, half = small_noise(problem), problem.epsilon / 2
        without, along, by_chance = 0, 0.0, 0.0
        for number in range(PROBES):
            batch = problem.draw(number)
            found = gradient_at(problem, batch, start, loss)
            without += int(not bool(found.gradient.abs().max() > 0))
            signs = torch.randn(problem.shape, generator=seeded(self._seed, "probe", number)).sign().to(self._device)
            before = float(found.losses.mean())
            moved = [start - half * direction for direction in (found.gradient.sign(), signs)]
            after = [_mean_loss(problem, batch, problem.budget.project(delta), loss) for delta in moved]
            along += (before - after[0]) / PROBES
            by_chance += (before - after[1]) / PROBES
        low, high, kept = self._output(attacker.defense, attacker.binding)
        return Probe(without, PROBES, along, by_chance, low, high, kept)

    def _output(self, defense: Defense | None, binding: Binding) -> tuple[float, float, bool]:
        """Smallest and largest value that a defense makes of a few fit videos, and whether shapes are kept."""
        values: list[Tensor] = []
        kept = True
        crowd = self._crowd(defense, binding)
        for stored in self._videos[:3] if defense is not None else ():
            assert defense is not None
            generator = seeded(self._seed, "output", stored.video.name)
            indices = self._samplers[0].draw(stored.times, self._classifier.frames, generator)
            count = len(stored.times)
            drawn = defense.drawn(generator)
            needed = drawn.needs(indices, count)
            frames = stored.clip(needed).float() / 255
            if crowd is not None:
                nothing = torch.zeros(binding.period, *frames.shape[1:])
                drawn = crowd.taught(drawn, nothing, stored.video.group)
            given = drawn.defend(frames, needed, indices, count)
            kept = kept and given.shape == (len(indices), *frames.shape[1:])
            values.append(given.flatten())
        if not values:
            return 0.0, 1.0, True
        every = torch.cat(values)
        return float(every.min()), float(every.max()), kept and bool(every.isfinite().all())

    def _crowd(self, defense: Defense | None, binding: Binding) -> Crowd | None:
        """The fit videos as a defense sees them that is fitted on the videos that it defends; None for others."""
        part = None if defense is None else student(defense)
        if part is None:
            return None
        key = (part, binding)
        if key not in self._crowds:
            self._crowds[key] = Crowd.of(
                part, self._videos, self._classifier.geometry, binding, self._seed, self._device
            )
        return self._crowds[key]


def _mean_loss(problem: Problem, batch: Batch, delta: Tensor, loss: Loss) -> float:
    with torch.no_grad():
        clips = batch.perturbed(delta)
        return float(loss(Seen(clips, problem.network.score(batch.through(clips)), batch)).mean())


def load_fit_videos(
    store: FrameStore, videos: Sequence[Video], source: str, skipped: Skipped, run: Run
) -> list[StoredVideo]:
    """Decodes the fit videos; what cannot be read is named.

    Raises:
        LsapError: if none can be used.
    """
    run.event("stage", name="decoding the videos to learn from", videos=len(videos))
    usable: list[StoredVideo] = []
    for video, stored in store.load(videos):
        if isinstance(stored, UnreadableVideo):
            skip(run, skipped, video, stored)
            continue
        usable.append(stored)
        run.event("video", path=video.name, frames=len(stored.times))
    if not usable:
        raise LsapError(f"none of the {len(videos)} videos in --fit {source} can be used", 1)
    return usable


def shared_videos(videos: Sequence[Video], fit: Sequence[Video]) -> list[str]:
    """Names of videos that are, by content or recording, among those that attackers learn from (law 5)."""
    seen: list[Mapping[str, str]] = [
        {"name": one.name, "group": one.group, "sha256": content_hash(one.path)} for one in fit if one.path.is_file()
    ]
    return overlap(videos, {"videos": seen})
