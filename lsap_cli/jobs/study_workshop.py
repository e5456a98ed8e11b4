"""What a process keeps from cell to cell of a study: networks, decoded videos, clean predictions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.cluster.work import Report
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.jobs.defend_inputs import classifier_inputs
from lsap_cli.jobs.study_readers import KeptReaders
from lsap_cli.learning.problems import clean_predictions
from lsap_cli.results.events import Event, VideoEvent
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.runs.memory import keep_memory
from lsap_cli.runs.worker_run import WorkerRun
from lsap_cli.study.cells import StudyVideo
from lsap_cli.study.settings import StudySource
from lsap_cli.study.store import CellStore
from lsap_cli.video.media import media_hash
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.reading import UnreadableVideo
from perturbations.samplers import Sampler


@dataclass(frozen=True)
class StudySetup:
    """What all cells have in common, for every process that works on them.

    Attributes:
        folder: of the study.
        source: of the videos.
        folds: the videos of each fold.
        networks: of each spec: the spec for a process of any folder, and hashes of what it must be.
        device: where networks are.
        batch: clips of a learning step.
        views: clips of a judged video; None: the victim's own number.
        seconds: of learning one perturbation, at most.
        seed: of judging.
        threads: of torch.
        ladder_steps: of each adaptive attacker.
        memory: bytes of decoded frames, before they go to the disk.
    """

    folder: Path
    source: StudySource
    folds: tuple[tuple[StudyVideo, ...], ...]
    networks: Mapping[str, tuple[str, Mapping[str, str]]]
    device: str
    batch: int
    views: int | None
    seconds: float | None
    seed: int
    threads: int
    ladder_steps: int
    memory: int

    def prepare(self, report: Report) -> "StudyWorkshop":
        """The workshop of a process."""
        keep_memory(memory_limit())
        torch.set_num_threads(self.threads)
        return StudyWorkshop(self)


@dataclass(frozen=True)
class WorkshopNetwork:
    """A network, with the videos as it knows them.

    Attributes:
        classifier: on the device.
        videos: by name, with the network's own class numbers as labels.
    """

    classifier: Classifier
    videos: Mapping[str, Video]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.classifier.mean.device


@dataclass
class StudyWorkshop:
    """The state of one process.

    Attributes:
        setup: of the study.
        listener: gets the events of the work; replaced for each piece of work.
        readers: decoded videos for judging.
        clean: predictions of clean videos, by victim, sampler, defense, fold (of defenses that are fitted on the
            other videos; else none) and video.
        clean_scores: detectors' scores of clean videos, by victim, sampler, detector and fold, then by video.
    """

    setup: StudySetup
    listener: Callable[[Event], None] = lambda _: None
    readers: KeptReaders = field(default_factory=KeptReaders)
    clean: dict[tuple[str, str, str, int | None, str], Prediction] = field(default_factory=dict)
    clean_scores: dict[tuple[str, str, str, int], dict[str, float]] = field(default_factory=dict)
    _networks: dict[str, WorkshopNetwork | LsapError] = field(default_factory=dict)
    _stores: dict[Geometry, dict[str, StoredVideo | str]] = field(default_factory=dict)
    _frames: list[FrameStore] = field(default_factory=list)
    _pairs: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    @property
    def run(self) -> WorkerRun:
        """A stand-in for a run, whose events go to the listener."""
        return WorkerRun(self.setup.folder, lambda event: self.listener(event))

    @cached_property
    def store(self) -> CellStore:
        """Of the study."""
        return CellStore(self.setup.folder)

    def network(self, spec: str) -> WorkshopNetwork:
        """A network, loaded once.

        Raises:
            LsapError: if it cannot be loaded, or is another than the study began with.
        """
        if spec not in self._networks:
            try:
                self._networks[spec] = self._load(spec)
            except LsapError as error:
                self._networks[spec] = error
        found = self._networks[spec]
        if isinstance(found, LsapError):
            raise found
        return found

    def stored(self, spec: str, names: Sequence[str]) -> tuple[list[StoredVideo], list[SkippedVideo]]:
        """Videos as a network learns from them, decoded once; and those that cannot be used.

        Args:
            spec: of the network.
            names: of the videos.
        """
        network = self.network(spec)
        geometry = network.classifier.geometry
        known = self._stores.setdefault(geometry, {})
        missing = [name for name in names if name not in known]
        if missing:
            frames = FrameStore(geometry.shrink, self.setup.memory)
            self._frames.append(frames)  # holds them as long as the process lives
            for video, one in frames.load([network.videos[name] for name in missing]):
                known[video.name] = str(one) if isinstance(one, UnreadableVideo) else one
                self.listener(VideoEvent(path=video.name))
        usable, skipped = [], []
        for name in names:
            found = known[name]
            if isinstance(found, str):
                skipped.append(SkippedVideo(path=name, reason=found))
            else:
                usable.append(StoredVideo(network.videos[name], found.frames, found.times, found.size))
        return usable, skipped

    def clean_pairs(self, spec: str, videos: Sequence[StoredVideo]) -> Tensor:
        """Predictions of clean videos and their mirror images, (videos, 2) int64, each made once."""
        known = self._pairs.setdefault(spec, {})
        for one in videos:
            if one.video.name not in known:
                classifier = self.network(spec).classifier
                known[one.video.name] = clean_predictions(classifier, [one], self.setup.seed, self.setup.batch)[0]
        return torch.stack([known[one.video.name] for one in videos])

    def protocol(self, victim: str, samplers: Mapping[str, Sampler]) -> EvaluationProtocol:
        """How a victim judges."""
        network, setup = self.network(victim), self.setup
        views = setup.views or network.classifier.views
        return EvaluationProtocol(network.classifier, samplers, views, setup.seed, network.device, setup.batch)

    def _load(self, spec: str) -> WorkshopNetwork:
        place, identity = self.setup.networks.get(spec, (spec, {}))
        device = choose_device(self.setup.device)
        classifier = load_classifier(place).to(device)
        if identity and classifier_inputs(classifier, "it") != identity:
            raise LsapError(f"the model {spec} has changed since the study began; go on with --resume", 1)
        listed = {one.name: one for one in list_videos(self.setup.source.source, classifier.labels).videos}
        for video in (one for fold in self.setup.folds for one in fold if identity):
            if video.name not in listed or media_hash(listed[video.name].media) != video.sha256:
                raise LsapError(f"the video {video.name} has changed since the study began; go on with --resume", 1)
        return WorkshopNetwork(classifier, listed)


def same_sampler(samplers: Mapping[str, Sampler], sampler: Sampler) -> str:
    """The spec under which a sampler is in a table of them: of equal ones, the first."""
    return next(spec for spec, one in samplers.items() if one == sampler)
