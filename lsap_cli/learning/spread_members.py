"""The perturbations of one `generate` learned on a cluster: a task is one of them, from its first step to its last.

Each worker decodes the videos once. The state of each perturbation is saved in the run folder, so a task that is done
again, or a resumed command, goes on from there.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from torch import Tensor

from lsap_cli.classifiers.same_classifier import classifier_fingerprint, require_same_classifier
from lsap_cli.classifiers.spec_checks import absolute_spec
from lsap_cli.cluster.pool import ClusterPool
from lsap_cli.cluster.session import ClusterSession
from lsap_cli.cluster.work import Report, WorkFailure, WorkOutcome
from lsap_cli.cluster.worker import Reporter, SharedFile
from lsap_cli.datasets.base import Video, absolute_video
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.learning.learning_loop import LearningLog
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.schedule import Schedule
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import LearningTask, make_learning_task
from lsap_cli.learning.training_videos import TrainingVideos
from lsap_cli.learning.variant_learning import learn_variant, learned_variant, state_path
from lsap_cli.learning.variants import LearnedDelta, LearnedVariant, LearningRun, LearningVariant, make_variants
from lsap_cli.results.events import EndEvent, Event, StartEvent
from lsap_cli.runs import Run
from lsap_cli.runs.memory import keep_memory
from lsap_cli.video.media import absolute_media, media_hash
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.reading import UnreadableVideo


@dataclass(frozen=True)
class MemberSetup:
    """What all perturbations of the command are learned from.

    Attributes:
        settings: of the command, with absolute paths.
        fit: videos to learn from, in their order.
        verify: videos to verify on.
        hashes: content hashes, by video name.
        clean: (videos to learn from, 2) int64, predictions of each and of its mirror image.
        state_folder: where states are saved: the run folder.
        fingerprint: of the classifier.
    """

    settings: GenerateSettings
    fit: tuple[Video, ...]
    verify: tuple[Video, ...]
    hashes: dict[str, str]
    clean: Tensor
    state_folder: Path
    fingerprint: str

    def prepare(self, report: Report) -> "WorkerVideos":
        """Decodes the videos. They stay in memory as long as the worker's process.

        Raises:
            LsapError: if one of them cannot be read here, or is another.
        """
        keep_memory(memory_limit())
        with _own_run(self.settings, None) as run:
            task = make_learning_task(self.settings, run)
        require_same_classifier(task.classifier, self.fingerprint, self.settings.models[0])
        videos = {video.name: video for video in (*self.fit, *self.verify)}
        for video in videos.values():
            if media_hash(video.media) != self.hashes[video.name]:
                raise LsapError(f"{video.path} is another video for a worker than for the command", 1)
        store = FrameStore(task.classifier.geometry.shrink, self.settings.memory)
        stored: dict[str, StoredVideo] = {}
        for video, decoded in store.load(list(videos.values())):
            if isinstance(decoded, UnreadableVideo):
                raise LsapError(f"{video.name} could be read by the command, but not by a worker: {decoded}", 1)
            stored[video.name] = decoded
            report(len(stored))
        fit, verify = ([stored[video.name] for video in some] for some in (self.fit, self.verify))
        return WorkerVideos(self, task, store, TrainingVideos(fit, verify, self.hashes))


@dataclass(frozen=True)
class WorkerVideos:
    """The videos as one worker has them.

    Attributes:
        setup: that they come from.
        task: the objects that the settings name.
        store: that holds their frames; it is open as long as this is used.
        videos: decoded.
    """

    setup: MemberSetup
    task: LearningTask
    store: FrameStore
    videos: TrainingVideos


@dataclass(frozen=True)
class LearnMember:
    """Learns one of the perturbations.

    Attributes:
        number: among all, from 0.
        count: of all.
        variant: which one.
        files: of the videos and the model.
    """

    number: int
    count: int
    variant: LearningVariant
    files: tuple[SharedFile, ...]

    @property
    def name(self) -> str:
        return self.variant.name

    def run(self, state: WorkerVideos, report: Reporter) -> LearnedDelta:
        """Goes on from the saved state where there is one.

        Raises:
            LsapError: see `learn_variant`.
        """
        setup = state.setup
        with _own_run(setup.settings, report) as run:
            learning = LearningRun(
                setup.settings, state.task, state.videos, ProcessGroup(), run, True, setup.clean.clone()
            )
            log = LearningLog(run, state_path(setup.state_folder, self.number), self.variant.name)
            schedule = Schedule(setup.settings.step_limit, queries=setup.settings.queries)
            name = f"learning {self.variant.name} ({self.number + 1} of {self.count})"
            return learn_variant(learning, self.variant, log, lambda _: schedule, name)


def learn_members(learning: LearningRun, session: ClusterSession) -> list[LearnedVariant]:
    """Learns all perturbations of the command at the same time, as many as there are workers.

    Args:
        learning: what they have in common.
        session: of the cluster.

    Returns:
        In the order of `make_variants`.

    Raises:
        LsapError: if one cannot be learned; the states of all are kept for `--resume`.
    """
    variants = make_variants(learning.task, learning.settings)
    setup = _setup(learning)
    media = [absolute_media(video.media) for video in (*setup.fit, *setup.verify)]
    files = tuple(SharedFile(one if isinstance(one, Path) else one.path) for one in media)
    tasks = [LearnMember(number, len(variants), variant, files) for number, variant in enumerate(variants)]
    events = MemberEvents(learning.run, [variant.name for variant in variants])
    learned: dict[str, LearnedVariant] = {}
    for step in ClusterPool(session, memory_limit(), setup, events.take).work(tasks):
        if not isinstance(step, WorkOutcome):
            continue
        if isinstance(step.result, WorkFailure):
            raise LsapError(f"{step.task.name} cannot be learned: {step.result.reason}; go on with --resume", 1)
        events.end(step.task.name)
        learned[step.task.name] = learned_variant(learning, step.task.variant, step.result)
    return [learned[variant.name] for variant in variants]


@dataclass
class MemberEvents:
    """The events of several perturbations, one after the other: as they are where one is learned after the other.

    Those of the first one that is not done go to the run at once; those of the others wait for their turn.

    Args:
        run: that gets them.
        names: of the perturbations, in their order.
    """

    run: Run
    names: list[str]
    _waiting: dict[str, list[Event]] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def take(self, name: str, event: Event) -> None:
        """An event of one of them."""
        if name == self.names[0]:
            self.run.event(event)
        else:
            self._waiting.setdefault(name, []).append(event)

    def end(self, name: str) -> None:
        """One of them is learned."""
        self._ended.add(name)
        while self.names and self.names[0] in self._ended:
            self.names.pop(0)
            for event in self._waiting.pop(self.names[0], []) if self.names else []:
                self.run.event(event)


def _setup(learning: LearningRun) -> MemberSetup:
    settings = replace(learning.settings, model=absolute_spec(learning.settings.models[0]))
    fit, verify = (
        tuple(absolute_video(stored.video) for stored in some) for some in (learning.videos.fit, learning.videos.verify)
    )
    hashes = {video.name: learning.videos.hashes[video.name] for video in (*fit, *verify)}
    fingerprint = classifier_fingerprint(learning.task.classifier)
    return MemberSetup(settings, fit, verify, hashes, learning.clean, learning.run.folder.absolute(), fingerprint)


@contextmanager
def _own_run(settings: GenerateSettings, report: Reporter | None) -> Iterator[Run]:
    """A run folder of a worker, whose events are those of the task; with no reporter they are heard by nobody."""

    def forward(event: Event) -> None:
        if report is not None and not isinstance(event, StartEvent | EndEvent):
            report.event(event)

    with (
        tempfile.TemporaryDirectory(prefix="lsap-member-") as folder,
        Run(Path(folder) / "run", "generate", asdict(settings), [forward]) as run,
    ):
        yield run
