"""Judging on a cluster: a task is a video through the whole matrix, and what comes back is added in any order."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from defenses.fitting import fittable_part
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.classifiers.same_classifier import classifier_fingerprint, require_same_classifier
from lsap_cli.classifiers.spec_checks import absolute_spec
from lsap_cli.cluster.pool import ClusterPool
from lsap_cli.cluster.work import Report, WorkFailure, WorkOutcome
from lsap_cli.cluster.worker import Reporter, SharedFile, TaskProblem
from lsap_cli.datasets.base import Video, absolute_video
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.cost import Cost
from lsap_cli.evaluation.judging_cluster import JudgingCluster
from lsap_cli.evaluation.matrix import Cell, EvaluationMatrix, FrameChanges, Measurements, Prediction
from lsap_cli.evaluation.matrix_judge import MatrixJudge, judge_all
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.sources import PerturbedFiles
from lsap_cli.results.events import JudgingEvent
from lsap_cli.runs.memory import keep_memory
from lsap_cli.video.media import Media, absolute_media, media_hash
from lsap_cli.video.memory_limit import memory_limit
from lsap_cli.video.reading import UnreadableVideo

SLOW_SECONDS = 2.0  # the interval of progress events within one video
Outcome = list[Prediction] | UnreadableVideo | NoPrediction


@dataclass(frozen=True)
class JudgingSetup:
    """What all videos of a matrix have in common. The classifier is loaded by each worker, and compared.

    Attributes:
        model: its spec, with an absolute path.
        fingerprint: of its parameters, buffers and labels.
        protocol: without the classifier.
        matrix: what is judged.
        corpora: evidence of all videos, for defenses that are fitted on the others.
    """

    model: str
    fingerprint: str
    protocol: EvaluationProtocol
    matrix: EvaluationMatrix
    corpora: Mapping[Cell, Corpus] = field(default_factory=dict)

    def prepare(self, report: Report) -> "JudgingSetup":
        """The same with the classifier.

        Raises:
            LsapError: if another one is loaded here.
        """
        keep_memory(memory_limit())
        classifier = load_classifier(self.model).to(self.protocol.device)
        require_same_classifier(classifier, self.fingerprint, self.model)
        return replace(self, protocol=replace(self.protocol, classifier=classifier))

    def judge(self, on_progress: Callable[[Video, float], None] | None, corpora: bool) -> MatrixJudge:
        """A judge of one video, whose measurements are of that video alone."""
        measurements = Measurements(corpora=dict(self.corpora) if corpora else {})
        return MatrixJudge(self.protocol, self.matrix, on_progress, measurements)


@dataclass(frozen=True)
class JudgedVideo:
    """What a worker gives of one video: the outcome, and the measurements."""

    outcome: Outcome
    changes: FrameChanges
    cost: Cost
    corpora: Mapping[Cell, Corpus] = field(default_factory=dict)


@dataclass(frozen=True)
class JudgeVideo:
    """Judges one video, or shows it to the defenses that are fitted on a set of videos.

    Attributes:
        video: with an absolute path.
        read: what is decoded, with the hashes that it must have.
        observes: whether it is only shown.
    """

    video: Video
    read: tuple[tuple[Media, str | None], ...]
    observes: bool = False

    @property
    def name(self) -> str:
        return self.video.name

    @property
    def files(self) -> tuple[SharedFile, ...]:
        return tuple(SharedFile(media if isinstance(media, Path) else media.path) for media, _ in self.read)

    def run(self, state: JudgingSetup, report: Reporter) -> JudgedVideo | TaskProblem:
        """Raises what judging raises, but for a video that cannot be judged."""
        last = time.monotonic()

        def on_progress(video: Video, share: float) -> None:
            nonlocal last
            if time.monotonic() - last >= SLOW_SECONDS:
                last = time.monotonic()
                report.event(JudgingEvent(path=video.name, share=round(share, 4)))

        judge = state.judge(on_progress, corpora=not self.observes)
        made = judge.measurements
        try:
            for (media, sha256), file in zip(self.read, self.files, strict=True):
                if sha256 is not None and media_hash(media) != sha256:
                    return TaskProblem("content", f"finds another content in {file.path}", file.path)
            if self.observes:
                judge.observe(self.video)
                return JudgedVideo([], made.changes, made.cost, made.corpora)
            return JudgedVideo(judge.predict(self.video), made.changes, made.cost)
        except (UnreadableVideo, NoPrediction) as error:
            return JudgedVideo(error, made.changes, made.cost, made.corpora if self.observes else {})


def outcomes_of(
    cluster: JudgingCluster | None, judge: MatrixJudge, videos: Sequence[Video], done: Collection[str] = ()
) -> Iterator[tuple[Video, Outcome]]:
    """Each video's predictions, or why it cannot be judged: in order here, as they come from a cluster."""
    return judge_all(judge, videos, done) if cluster is None else judge_spread(cluster, judge, videos, done)


def judge_spread(
    spread: JudgingCluster,
    judge: MatrixJudge,
    videos: Sequence[Video],
    done: Collection[str] = (),
) -> Iterator[tuple[Video, Outcome]]:
    """As `judge_all`, on a cluster: each video's predictions, or why it cannot be judged, as they come.

    Args:
        spread: where.
        judge: of the matrix; it gets the measurements.
        videos: all videos of the evaluation.
        done: names of videos that were judged before.

    Raises:
        LsapError: see `ClusterPool.work`.
    """
    setup = _setup(spread, judge.protocol, judge.matrix)
    measurements = judge.measurements
    if any(defense is not None and fittable_part(defense) for defense in setup.matrix.defenses.values()):
        shown = {video.name: made for video, made in _judged(spread, setup, videos, observes=True)}
        for video in videos:  # in this order, in which the others of a video are numbered
            if isinstance(made := shown[video.name], JudgedVideo):
                measurements.cost.add_earlier(made.cost)
                for cell, corpus in made.corpora.items():
                    measurements.corpora.setdefault(cell, Corpus(setup.protocol.seed)).merge(corpus)
        setup = replace(setup, corpora=measurements.corpora)
    for video, made in _judged(spread, setup, [one for one in videos if one.name not in done]):
        if isinstance(made, WorkFailure):
            yield video, UnreadableVideo(made.reason)
            continue
        measurements.cost.add_earlier(made.cost)
        if isinstance(made.outcome, list):
            measurements.changes.merge(made.changes)
        yield video, made.outcome


def _setup(spread: JudgingCluster, protocol: EvaluationProtocol, matrix: EvaluationMatrix) -> JudgingSetup:
    sources = {
        name: PerturbedFiles({video: absolute_media(media) for video, media in source.files.items()})
        if isinstance(source, PerturbedFiles)
        else source
        for name, source in matrix.sources.items()
    }
    # Any: each worker loads the classifier itself, since networks of a user's own code may not be picklable
    without: Any = None
    return JudgingSetup(
        absolute_spec(spread.model),
        classifier_fingerprint(protocol.classifier),
        replace(protocol, classifier=without, device=torch.device(protocol.device.type)),
        replace(matrix, sources=sources),
    )


def _judged(
    spread: JudgingCluster, setup: JudgingSetup, videos: Sequence[Video], observes: bool = False
) -> Iterator[tuple[Video, JudgedVideo | WorkFailure]]:
    by_name = {video.name: video for video in videos}
    pool = ClusterPool(spread.session, memory_limit(), setup)
    tasks = (_task(spread, setup, video, observes) for video in videos)
    for step in pool.work(tasks):
        if isinstance(step, WorkOutcome):
            yield by_name[step.task.name], step.result


def _task(spread: JudgingCluster, setup: JudgingSetup, video: Video, observes: bool) -> JudgeVideo:
    there = absolute_video(video)
    media = [there.media, *(source.file_of(there) for source in setup.matrix.sources.values())]
    read = {one: spread.hashes.get(one) for one in media}  # each once
    return JudgeVideo(there, tuple(read.items()), observes)
