"""The attackers of `--ladder full` learned on a cluster: a task is an attacker, from its first step to its last.

Each worker decodes the fit videos once. States are saved in the run folder, so a task that is done again, or a resumed
command, goes on from there; the command's own process writes what is finished.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.adaptive.learning.attacker_files import attacker_files
from lsap_cli.adaptive.learning.fit_videos import FitVideos, learning_setup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.classifiers.same_classifier import classifier_fingerprint, require_same_classifier
from lsap_cli.classifiers.spec_checks import absolute_spec
from lsap_cli.cluster.pool import ClusterPool
from lsap_cli.cluster.session import ClusterSession
from lsap_cli.cluster.work import Report, WorkFailure, WorkOutcome
from lsap_cli.cluster.worker import Reporter, SharedFile
from lsap_cli.datasets.base import Video, absolute_video
from lsap_cli.errors import LsapError
from lsap_cli.learning.schedule import Schedule
from lsap_cli.results.events import EndEvent, Event, StageEvent, StartEvent, StepEvent
from lsap_cli.runs import Run
from lsap_cli.runs.memory import keep_memory
from lsap_cli.video.media import media_hash
from lsap_cli.video.memory_limit import memory_limit
from perturbations.objectives import Objective
from perturbations.state import State


@dataclass(frozen=True)
class AttackersSetup:
    """What all attackers learn from.

    Attributes:
        model: the spec of the classifier, with an absolute path.
        fingerprint: of the classifier.
        videos: to learn from, in their order, with their content hashes.
        objective: what attackers want.
        seed: of everything that is drawn.
        folder: the run folder, where states are saved.
    """

    model: str
    fingerprint: str
    videos: tuple[tuple[Video, str], ...]
    objective: Objective
    seed: int
    folder: Path

    def prepare(self, report: Report) -> AttackerLearner:
        """Decodes the videos, which stay in memory as long as the worker's process.

        Raises:
            LsapError: if one of them cannot be read here, or is another.
        """
        keep_memory(memory_limit())
        classifier = load_classifier(self.model)
        require_same_classifier(classifier, self.fingerprint, self.model)
        for video, sha256 in self.videos:
            if media_hash(video.media) != sha256:
                raise LsapError(f"{video.path} is another video for a worker than for the command", 1)
        fit = FitVideos([video for video, _ in self.videos], "the fit videos", [])
        stack = ExitStack()  # is closed by the end of the process
        run = stack.enter_context(_own_run(lambda _: report(0)))
        setup = stack.enter_context(learning_setup(fit, classifier, self.objective, self.seed, run))
        if len(setup.videos) != len(self.videos):
            raise LsapError(f"a worker cannot read a fit video: {fit.skipped[0]['path']}", 1)
        learner = AttackerLearner(setup, run, resume=True)
        learner.files = attacker_files(self.folder, setup, True)
        return learner


@dataclass(frozen=True)
class LearnAttacker:
    """Learns one attacker.

    Attributes:
        attacker: which one.
        files: of the fit videos.
    """

    attacker: Attacker
    files: tuple[SharedFile, ...]

    @property
    def name(self) -> str:
        return self.attacker.name

    def run(self, state: AttackerLearner, report: Reporter) -> State:
        """Goes on from the saved state where there is one.

        Raises:
            LsapError: see `AttackerLearner.advance`.
        """
        with _own_run(report.event) as run:
            state.run = run
            return state.advance(self.attacker, Schedule(self.attacker.steps), self.attacker.start)


def learn_on_cluster(plan: AdaptivePlan, learner: AttackerLearner, session: ClusterSession, model: str) -> None:
    """Learns the attackers of a plan that are not finished, as many at a time as there are workers.

    What they have learned is then in the run folder, where `learn_attackers` takes it from.

    Args:
        plan: which attackers.
        learner: of the command's own process.
        session: of the cluster.
        model: the spec of the classifier.

    Raises:
        LsapError: if one cannot learn; the states of all are kept for `--resume`.
    """
    waiting = [attacker for attacker in plan.attackers if not learner.is_finished(attacker)]
    if not waiting:
        return
    learner.run.event(StageEvent(name="learning on the cluster", attackers=len(waiting)))
    videos = [absolute_video(stored.video) for stored in learner.setup.videos]
    hashed = tuple((video, media_hash(video.media)) for video in videos)
    fingerprint, folder = classifier_fingerprint(learner.setup.classifier), learner.run.folder.absolute()
    setup = AttackersSetup(
        absolute_spec(model), fingerprint, hashed, learner.setup.objective, learner.setup.seed, folder
    )
    files = tuple(SharedFile(video.path) for video in videos)
    tasks = [LearnAttacker(attacker, files) for attacker in waiting]

    def without_steps(_: str, event: Event) -> None:
        """Steps of several attackers at a time make no curve."""
        if not isinstance(event, StepEvent):
            learner.run.event(event)

    for step in ClusterPool(session, memory_limit(), setup, without_steps).work(tasks):
        if not isinstance(step, WorkOutcome):
            continue
        if isinstance(step.result, WorkFailure):
            raise LsapError(f"{step.task.name} cannot be learned: {step.result.reason}; go on with --resume", 1)
        learner.finish(step.task.attacker, step.result)


@contextmanager
def _own_run(listener: Callable[[Event], None]) -> Iterator[Run]:
    """A run folder of a worker, whose events are listened to."""

    def forward(event: Event) -> None:
        if not isinstance(event, StartEvent | EndEvent):
            listener(event)

    with (
        tempfile.TemporaryDirectory(prefix="lsap-attacker-") as folder,
        Run(Path(folder) / "run", "defend", {}, [forward]) as run,
    ):
        yield run
