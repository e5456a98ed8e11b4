"""Detectors on videos: every video's score under every perturbation source."""

import time
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.detectors import Detector
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.detection_rows import detector_rows
from lsap_cli.evaluation.frames import defended_levels, read_with_appended
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.scores import DetectorScore
from lsap_cli.evaluation.sources import PerturbationSource
from lsap_cli.results.detectors import Detection, DetectorRow
from lsap_cli.results.events import StageEvent, VideoEvent
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.records import NO_ATTACK
from lsap_cli.video.media import Media
from lsap_cli.video.reading import FrameReader, UnreadableVideo
from perturbations.samplers import lengthened


@dataclass(frozen=True)
class Detections:
    """Results of the detectors.

    Attributes:
        rows: one for each detector and perturbation source that it scored.
        flagged: by detector, source and video, whether the score was above the threshold.
    """

    rows: list[DetectorRow] = field(default_factory=list)
    flagged: dict[tuple[str, str, str], bool] = field(default_factory=dict)


@dataclass(frozen=True)
class DetectionMatrix:
    """What detectors are shown.

    Attributes:
        detectors: by spec.
        sources: perturbation sources by name.
        detector_subsets: sources that some detectors only score, with the specs of these.
    """

    detectors: Mapping[str, Detector]
    sources: Mapping[str, PerturbationSource]
    detector_subsets: Mapping[str, Collection[str]] = field(default_factory=dict)

    def detectors_of(self, source: str) -> list[str]:
        """The specs of the detectors that score a source."""
        return [spec for spec in self.detectors if spec in self.detector_subsets.get(source, self.detectors)]


class DetectorInput:
    """One video under one perturbation source, for detectors (see `defenses.detectors.DetectorVideo`).

    A source that appends frames makes the video longer: detectors are shown what the classifier would be.

    Args:
        protocol: the clips of its first sampler are the classifier's own.
        video: which.
        source: the perturbation source.
        reader: of the file that the source names; None: it is decoded here.

    Attributes:
        video: as given.
        source: as given.
        video_length: frames, with appended ones.
        clips: (views, T) int64 indices of the classifier's own clips.

    Raises:
        UnreadableVideo: if the video, or the perturbed copy of it, cannot be read.
    """

    def __init__(
        self,
        protocol: EvaluationProtocol,
        video: Video,
        source: PerturbationSource,
        reader: FrameReader | None = None,
    ) -> None:
        self.video, self.source, self._protocol = video, source, protocol
        self._reader = FrameReader(source.file_of(video)) if reader is None else reader
        self._indices = torch.empty(0, dtype=torch.int64)
        self._levels = torch.empty(0, dtype=torch.uint8)
        times = lengthened(self._reader.times, source.appended)
        self.video_length = len(times)
        self.clips = protocol.clip_indices(video, protocol.first_sampler, times)

    def read(self, indices: Tensor) -> Clip:
        """Perturbed frames by index, (K,) int64."""
        return Clip(self._perturbed(indices).float() / 255, indices, self.video_length)

    def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
        """The classifier's output for clips of the (defended) video, the mean of its crops: (B, T) -> (B, classes)."""
        sampled = clips.unique()
        needed = sampled if defense is None else defense.needs(sampled, self.video_length)
        defended = defended_levels(defense, Clip(self._perturbed(needed), needed, self.video_length), sampled)
        classifier = self._protocol.classifier
        crops = classifier.geometry.crops_of(classifier.geometry.shrink(defended), classifier.crops)
        rows = torch.searchsorted(sampled, clips)
        return torch.stack([self._protocol.probabilities(small[rows]) for small in crops]).mean(0)

    def _perturbed(self, indices: Tensor) -> Tensor:
        """Perturbed frames, (K, 3, H, W) uint8."""
        if not bool(torch.isin(indices, self._indices).all()):
            self._indices = torch.cat([self._indices, indices]).unique()
            native = read_with_appended(self._reader, self._indices)
            self._levels = self.source.change(native, self._indices, len(self._reader.times))
        return self._levels[torch.searchsorted(self._indices, indices)]


def detect(evaluation: Evaluation, matrix: DetectionMatrix, videos: Sequence[Video]) -> Detections:
    """Scores of all detectors; they are written to detections.jsonl.

    Args:
        evaluation: how videos are classified; its run folder gets the scores.
        matrix: what detectors are shown.
        videos: that could be read before.

    Raises:
        LsapError: if one cannot be read any more.
    """
    if not matrix.detectors:
        return Detections()
    run = evaluation.run
    run.event(StageEvent(name="detecting", videos=len(videos), detectors=tuple(matrix.detectors)))
    scores: list[DetectorScore] = []
    finished: set[str] = set()  # a video comes again with the scores of detectors that look at the other videos
    for video, outcome in score_all(evaluation.protocol, matrix, videos):
        if isinstance(outcome, UnreadableVideo):
            raise LsapError(f"{video.name} could be judged, but not be read again: {outcome}", 1)
        if isinstance(outcome, NoPrediction):
            skip(run, evaluation.skipped, video, outcome)
            continue
        scores += outcome
        if video.name not in finished:
            run.event(VideoEvent(path=video.name))
        finished.add(video.name)
    rows, flagged = detector_rows(scores, matrix.detectors, NO_ATTACK)
    with LineFile(run.folder / "detections.jsonl") as lines:
        lines.write(*(_line(one, flagged[one.detector, one.attack, one.video]) for one in scores))
    return Detections(rows, flagged)


@dataclass(frozen=True)
class _Evidence:
    """What a detector took from one video; its score needs the evidence of other videos, too."""

    video: Video
    detector: str
    source: str
    values: Tensor
    seconds: float


def score_all(
    protocol: EvaluationProtocol,
    matrix: DetectionMatrix,
    videos: Sequence[Video],
    readers: MutableMapping[Media, FrameReader] | None = None,
) -> Iterator[tuple[Video, list[DetectorScore] | UnreadableVideo | NoPrediction]]:
    """Each video's scores under every source, or why it has none.

    Scores of detectors that look at the other videos come last.

    Args:
        protocol: classifier and samplers.
        matrix: what detectors are shown.
        videos: which.
        readers: of videos that were decoded before; these are added. None: nothing is kept.
    """
    corpora: dict[tuple[str, str], Corpus] = {}
    waiting: list[_Evidence] = []
    for video in videos:
        try:
            scores, late = _examine(protocol, matrix, video, readers)
        except (UnreadableVideo, NoPrediction) as error:
            yield video, error
            continue
        for one in late:
            corpus = Corpus(protocol.seed, matrix.detectors[one.detector].comparison_videos)
            corpora.setdefault((one.detector, one.source), corpus).add(video, one.values)
        waiting += late
        yield video, scores
    for one in waiting:
        start = time.perf_counter()
        others = corpora[one.detector, one.source].others(one.video)
        score = matrix.detectors[one.detector].score(one.values, others)
        yield one.video, [_score(one, score, one.seconds + time.perf_counter() - start)]


def _examine(
    protocol: EvaluationProtocol,
    matrix: DetectionMatrix,
    video: Video,
    kept: MutableMapping[Media, FrameReader] | None,
) -> tuple[list[DetectorScore], list[_Evidence]]:
    """Scores that can be given now, and the evidence for those that cannot."""
    scores: list[DetectorScore] = []
    late: list[_Evidence] = []
    own: dict[Media, FrameReader] = {}  # each file is decoded once, for all sources and detectors
    for name, source in matrix.sources.items():
        path = source.file_of(video)
        readers = own if kept is None or path != video.media else kept
        if path not in readers:
            readers[path] = FrameReader(path)
        examined = DetectorInput(protocol, video, source, readers[path])
        for spec in matrix.detectors_of(name):
            detector = matrix.detectors[spec]
            start = time.perf_counter()
            values = detector.evidence(examined)
            evidence = _Evidence(video, spec, name, values, time.perf_counter() - start)
            if detector.comparison_videos:
                late.append(evidence)
            else:
                scores.append(_score(evidence, detector.score(values), evidence.seconds))
    return scores, late


def _score(evidence: _Evidence, score: Tensor, seconds: float) -> DetectorScore:
    video = evidence.video
    return DetectorScore(evidence.detector, evidence.source, video.name, video.group, float(score), seconds * 1000)


def _line(score: DetectorScore, flagged: bool) -> Detection:
    """A line of detections.jsonl."""
    return Detection(
        detector=score.detector,
        attack=score.attack,
        video=score.video,
        recording=score.recording,
        score=score.score,
        flagged=flagged,
    )
