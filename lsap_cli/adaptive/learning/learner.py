"""Learns a run's attackers: on the fit videos, as `generate` does, through the attacked defense."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from defenses import Defense
from defenses.corpus import CorpusDefense
from defenses.detectors import Detector
from defenses.fitting import fittable_part
from lsap_cli.adaptive.learning.attacker_files import attacker_files
from lsap_cli.adaptive.learning.detector_constraint import FitVideoConstraint, PerturbedFitVideos
from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.patterns import pattern_basis, pattern_size, whole_delta
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.errors import LsapError
from lsap_cli.learning.batch_planning import BatchSettings
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.fitted_defense import FittedDefense
from lsap_cli.learning.learning_loop import LearningLog, load_or_start_state, run_learning
from lsap_cli.learning.problems import clean_predictions, learned_delta_size, make_problem
from lsap_cli.learning.schedule import Schedule
from lsap_cli.results.events import StageEvent
from lsap_cli.results.ladders import FitThreshold
from lsap_cli.runs import Run
from perturbations import Binding, Perturbation
from perturbations.augment import Augmentation
from perturbations.problem import Problem
from perturbations.resizing import BILINEAR
from perturbations.state import State

CLIPS = 4  # of a batch, as in generate


class AttackerPlace(NamedTuple):
    """Which of a run's attackers learns.

    Attributes:
        number: from 1; of a race, how many have begun, which never falls.
        total: number of all attackers.
        seconds_after: that the others are estimated to take after it.
        seconds: that it may learn; None: no limit.
    """

    number: int
    total: int
    seconds_after: float
    seconds: float | None = None


class AttackerLearner:
    """Learns the perturbations of attackers, one after the other; what is learned is kept in the run folder.

    It owns what attackers share: the clean predictions of the fit videos, fitted defenses, thresholds of detectors.

    Args:
        setup: what all attackers have in common.
        run: gets events; its folder gets the learned perturbations.
        resume: take what an earlier part of the run has learned.
    """

    def __init__(self, setup: LearningSetup, run: Run, resume: bool = False) -> None:
        self.setup, self.run, self.resume = setup, run, resume
        self.files = attacker_files(run.folder, setup, resume)
        self._network = InstrumentedClassifier(setup.classifier)
        self._clean = clean_predictions(setup.classifier, setup.videos, setup.seed, CLIPS)
        self.detector_videos = PerturbedFitVideos(setup.classifier, self._network, setup.videos, setup.seed)
        self._network_size = learned_delta_size(setup.classifier.geometry)
        self._fitted: dict[tuple[CorpusDefense, Binding], FittedDefense] = {}
        self._states: set[str] = set()  # of attackers that have begun in this process

    def is_finished(self, attacker: Attacker) -> bool:
        """Whether an earlier part of the run has learned the attacker's perturbation.

        Raises:
            LsapError: if that was with other settings.
        """
        self.files.begin(attacker)
        return self.files.finished(attacker) is not None

    def learn(self, attacker: Attacker, place: AttackerPlace | None = None) -> Perturbation:
        """The attacker's perturbation; one that an earlier part of the run has finished is loaded.

        Args:
            attacker: that learns.
            place: among the attackers of the run; None: it is the only one.

        Raises:
            LsapError: if the method cannot work on the problem, or files of an earlier part of the run do not fit.
        """
        self.files.begin(attacker)
        finished = self.files.finished(attacker)
        if finished is not None:
            return finished
        self._announce(attacker, place)
        schedule = Schedule(attacker.steps, self._seconds(place), place.seconds_after if place else 0.0)
        return self.finish(attacker, self.advance(attacker, schedule, attacker.start))

    def advance(
        self, attacker: Attacker, schedule: Schedule, start: Perturbation | None, videos: Sequence[int] | None = None
    ) -> State:
        """Learns until a schedule ends, from the state that is in the run folder, which stays there.

        Args:
            attacker: that learns; `files.begin` was called for it.
            schedule: when it ends.
            start: where the first step begins; None: zeros.
            videos: numbers of those that are learned from; None: all.

        Raises:
            LsapError: if the method cannot work on the problem, or the saved state is damaged.
        """
        log = LearningLog(self.run, self.files.path(attacker, ".state"), attacker.name)
        with self.problem(attacker, videos) as problem:
            try:
                state = self.saved_state(attacker, problem.shape)
                if start is not None and not state.steps:
                    state.delta = _first_delta(start, _resize(attacker), problem.shape[2:])
                state.move(self.setup.device)
                run_learning(problem, attacker.attack, state, schedule, None, log)
            except ValueError as error:
                raise LsapError(f"{attacker.name}: {error}", 1) from None
        self._states.add(attacker.name)
        return state

    def saved_state(self, attacker: Attacker, shape: tuple[int, int, int, int]) -> State:
        """The state of an earlier round or of an earlier part of the run, else zeros.

        Raises:
            ValueError: if the saved state is damaged or of another shape.
        """
        own = self.resume or attacker.name in self._states
        return load_or_start_state(self.files.path(attacker, ".state"), shape, own)

    def perturbation(self, attacker: Attacker, state: State) -> Perturbation:
        """What an attacker has learned so far."""
        record = attacker.record() | {"seed": self.setup.seed, "classifier": {"name": self.setup.classifier.name}}
        delta = whole_delta(state.delta.cpu(), attacker, self._network_size)
        return Perturbation(delta, attacker.binding, attacker.budget, record, _resize(attacker))

    def finish(self, attacker: Attacker, state: State) -> Perturbation:
        """Writes what an attacker has learned, and removes its state."""
        learned = self.perturbation(attacker, state)
        self.files.finish(attacker, learned, state.steps, state.seconds)
        self.files.path(attacker, ".state").unlink(missing_ok=True)
        return learned

    def _seconds(self, place: AttackerPlace | None) -> float | None:
        return None if place is None else place.seconds

    def _announce(self, attacker: Attacker, place: AttackerPlace | None) -> None:
        if place is None:
            self.run.event(StageEvent(name=f"learning: {attacker.name}", steps=attacker.steps, seconds=None))
            return
        name = f"learning {place.number} of {place.total}: {attacker.name}"
        self.run.event(
            StageEvent(name=name, steps=attacker.steps, seconds=None, attacker=place.number, attackers=place.total)
        )

    @contextmanager
    def problem(self, attacker: Attacker, videos: Sequence[int] | None = None) -> Iterator[Problem]:
        """The optimization problem of an attacker; its batches can be drawn until the block ends.

        Args:
            attacker: whose.
            videos: numbers of those that are learned from; None: all.
        """
        with BatchSource(self.batch_settings(attacker, videos)) as source:
            problem = make_problem(source, self._network, self.setup.objective, attacker.budget, CLIPS, self.run)
            if attacker.detector is not None:
                constraint = FitVideoConstraint(
                    self.detector_videos,
                    attacker.detector,
                    attacker.binding,
                    attacker.tolerated_share,
                    self.detector_threshold(attacker.detector).aim,
                )
                problem = replace(problem, constraint=constraint)
            yield problem

    def detector_threshold(self, detector: Detector) -> FitThreshold:
        """A detector's threshold, from the clean fit videos.

        Raises:
            LsapError: if they are too few for it.
        """
        return self.detector_videos.threshold(detector)

    def fitted_defense(self, defense: Defense | None, binding: Binding) -> FittedDefense | None:
        """A defense that is fitted on the videos that it defends, fitted on the fit videos; None for other defenses."""
        part = None if defense is None else fittable_part(defense)
        if part is None:
            return None
        key = (part, binding)
        if key not in self._fitted:
            setup = self.setup
            fitted = FittedDefense.from_videos(part, setup.videos, setup.classifier.geometry, binding, setup.seed)
            self._fitted[key] = fitted.to(setup.device)
        return self._fitted[key]

    def batch_settings(self, attacker: Attacker, videos: Sequence[int] | None = None) -> BatchSettings:
        """How the attacker's batches are drawn, of all fit videos or those with some numbers."""
        setup = self.setup
        chosen = range(len(setup.videos)) if videos is None else videos
        return BatchSettings(
            videos=[setup.videos[number] for number in chosen],
            clean_predictions=self._clean[list(chosen)],
            samplers=setup.samplers,
            frames=setup.classifier.frames,
            geometry=setup.classifier.geometry,
            binding=attacker.binding,
            delta_size=pattern_size(attacker, self._network_size),
            basis=pattern_basis(attacker, self._network_size),
            resize=_resize(attacker),
            budget=attacker.budget,
            augmentation=Augmentation(),
            clips=CLIPS,
            seed=setup.seed,
            device=setup.device,
            defenses=(attacker.defense,),
            draws=attacker.draws,
            fitted_defense=self.fitted_defense(attacker.defense, attacker.binding),
        )


def _resize(attacker: Attacker) -> str:
    """How files enlarge what an attacker learns: patterns with a given form, and those of a detector, bilinearly."""
    formed = attacker.low_frequency or attacker.striped or attacker.detector is not None
    return BILINEAR if formed or attacker.binding.appended else attacker.attack.resize


def _first_delta(start: Perturbation, resize: str, size: tuple[int, int]) -> Tensor:
    """The delta that adds the same as another perturbation, of a size (h, w)."""
    if start.resize == resize and start.delta.shape[2:] == size:
        return start.delta.clone()
    return start.resized(*size)
