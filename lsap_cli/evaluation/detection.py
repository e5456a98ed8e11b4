"""Detectors on videos: scores, thresholds from clean videos only, ROC figures with intervals."""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import auc, average_precision_score, roc_curve
from torch import Tensor

from defenses import Clip, Defense
from defenses.detectors import Detector
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.bootstrap import estimate, weights_by_recording
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.protocol import Judge, defended_bytes
from lsap_cli.evaluation.rates import Rate, rate
from lsap_cli.video.reading import UnreadableVideo, read_frame_times, read_some_frames

FALSE_ALARMS = 0.05  # of the operating point
SHOWN_FALSE_ALARMS = (0.01, 0.05)
FOLDS = 5


@dataclass(frozen=True)
class Score:
    """What a detector says of one video under one attack."""

    detector: str
    attack: str
    video: str
    recording: str
    score: float
    milliseconds: float

    def as_json(self) -> dict[str, Any]:
        """A line of detections.jsonl."""
        return {
            "detector": self.detector,
            "attack": self.attack,
            "video": self.video,
            "recording": self.recording,
            "score": self.score,
        }


@dataclass
class AttackedVideo:
    """One video under one attack, for detectors (see `defenses.detectors.FrameReader`): frames are decoded once.

    Args:
        judge: classifier, samplers (the first one's clips are the classifier's own) and attacks.
        video: which.
        attack: by name.
    """

    judge: Judge
    video: Video
    attack: str
    _have: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    _native: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.uint8))

    def __post_init__(self) -> None:
        attack = self.judge.attacks[self.attack]
        self._path = attack.source(self.video)
        footage = read_frame_times(self._path)
        self.video_length = len(footage.times)
        self.clips = self.judge.choose(self.video, next(iter(self.judge.samplers.values())), footage.times)

    def read(self, indices: Tensor) -> Clip:
        return Clip(self._bytes(indices).float() / 255, indices, self.video_length)

    def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
        wanted = clips.unique()
        needed = wanted if defense is None else defense.needs(wanted, self.video_length)
        defended = defended_bytes(defense, self._bytes(needed), needed, wanted, self.video_length)
        geometry = self.judge.classifier.geometry
        small = geometry.crop(geometry.shrink(defended))
        return self.judge.probabilities(small[torch.searchsorted(wanted, clips)])

    def _bytes(self, numbers: Tensor) -> Tensor:
        """Attacked frames, (K, 3, H, W) uint8; what was decoded before is kept."""
        if not bool(torch.isin(numbers, self._have).all()):
            self._have = torch.cat([self._have, numbers]).unique()
            native = read_some_frames(self._path, self._have)
            self._native = self.judge.attacks[self.attack].change(native, self._have, self.video_length)
        return self._native[torch.searchsorted(self._have, numbers)]


def score_all(
    judge: Judge,
    detectors: Mapping[str, Detector],
    videos: Sequence[Video],
    knows: Mapping[str, Collection[str]] | None = None,
) -> Iterator[tuple[Video, list[Score] | UnreadableVideo]]:
    """Each video's scores under every attack, or why it has none. Detectors that look at other videos answer last.

    Args:
        judge: classifier, samplers and attacks.
        detectors: by spec.
        videos: which.
        knows: attacks that are meant for some detectors only, with the specs of these; all others are shown to all.
    """
    corpora: dict[tuple[str, str], Corpus] = {}
    waiting: list[tuple[Video, str, str, Tensor, float]] = []
    for video in videos:
        try:
            scores, late = _look(judge, detectors, video, knows or {})
        except UnreadableVideo as error:
            yield video, error
            continue
        for spec, attack, evidence, seconds in late:
            corpora.setdefault((spec, attack), Corpus(judge.seed, detectors[spec].comparison_videos)).add(
                video, evidence
            )
            waiting.append((video, spec, attack, evidence, seconds))
        yield video, scores
    for video, spec, attack, evidence, seconds in waiting:
        start = time.perf_counter()
        value = detectors[spec].score(evidence, corpora[spec, attack].others(video))
        yield video, [_score(spec, attack, video, value, seconds + time.perf_counter() - start)]


def _look(
    judge: Judge, detectors: Mapping[str, Detector], video: Video, knows: Mapping[str, Collection[str]]
) -> tuple[list[Score], list[tuple[str, str, Tensor, float]]]:
    """Scores that can be given now, and the evidence for those that cannot."""
    scores: list[Score] = []
    late: list[tuple[str, str, Tensor, float]] = []
    for attack in judge.attacks:
        watched = AttackedVideo(judge, video, attack)
        for spec, detector in detectors.items():
            if spec not in knows.get(attack, detectors):
                continue
            start = time.perf_counter()
            evidence = detector.evidence(watched)
            seconds = time.perf_counter() - start
            if detector.comparison_videos:
                late.append((spec, attack, evidence, seconds))
            else:
                scores.append(_score(spec, attack, video, detector.score(evidence), seconds))
    return scores, late


def _score(spec: str, attack: str, video: Video, value: Tensor, seconds: float) -> Score:
    return Score(spec, attack, video.name, video.group, float(value), seconds * 1000)


def detector_rows(
    scores: Sequence[Score], detectors: Mapping[str, Detector], clean: str
) -> tuple[list[dict[str, Any]], dict[tuple[str, str, str], bool]]:
    """One row for each detector and attack, clean videos against attacked ones; and which videos were flagged.

    Args:
        scores: of all videos.
        detectors: by spec.
        clean: the name of no attack.

    Returns:
        Rows of results.json, and by detector, attack and video whether the operating point's threshold was exceeded.
    """
    rows: list[dict[str, Any]] = []
    flagged: dict[tuple[str, str, str], bool] = {}
    for spec, detector in detectors.items():
        mine = [one for one in scores if one.detector == spec]
        thresholds = _thresholds([one for one in mine if one.attack == clean])
        if not thresholds:
            continue
        flagged |= {(spec, one.attack, one.video): one.score > thresholds[one.recording] for one in mine}
        for attack in dict.fromkeys(one.attack for one in mine if one.attack != clean):
            cell = [one for one in mine if one.attack in (clean, attack)]
            rows.append(_row(spec, attack, cell, clean, flagged, detector.published_thresholds, thresholds))
    return rows, flagged


def _row(
    spec: str,
    attack: str,
    cell: Sequence[Score],
    clean: str,
    flagged: Mapping[tuple[str, str, str], bool],
    fixed_points: Mapping[str, float],
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    truth = np.asarray([one.attack != clean for one in cell])
    values = np.asarray([one.score for one in cell])
    alarms = np.asarray([flagged[spec, one.attack, one.video] for one in cell])
    recordings = [one.recording for one in cell]
    drawn = Ranking.of(truth, values).figures(weights_by_recording(recordings))
    false_rates, true_rates, _ = roc_curve(truth, values, drop_intermediate=False)
    return {
        "detector": spec,
        "attack": attack,
        "clean_videos": int((~truth).sum()),
        "attacked_videos": int(truth.sum()),
        "auc": estimate(float(auc(false_rates, true_rates)), drawn["auc"]),
        "average_precision": estimate(float(average_precision_score(truth, values)), drawn["average_precision"]),
        "tpr_at_fpr": {
            f"{limit:g}": estimate(float(true_rates[false_rates <= limit].max()), drawn[f"{limit:g}"])
            for limit in SHOWN_FALSE_ALARMS
        },
        "operating_point": {
            "false_alarms_wanted": FALSE_ALARMS,
            "thresholds": sorted(set(thresholds.values())),
            **_point(truth, alarms, recordings),
        },
        "fixed_points": [
            {"name": name, "threshold": threshold, **_point(truth, values >= threshold, recordings)}
            for name, threshold in fixed_points.items()
        ],
        "curve": {"false_positive_rate": false_rates.tolist(), "true_positive_rate": true_rates.tolist()},
        "milliseconds_per_video": round(sum(one.milliseconds for one in cell) / len(cell), 2),
    }


@dataclass(frozen=True)
class Ranking:
    """Scores in falling order, for the figures of many weighted copies of a set at once.

    Attributes:
        order: numbers of the videos, the highest score first.
        ends: places in that order after which a score changes: the thresholds that exist.
        truth: whether each video is attacked.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    truth: NDArray[np.bool_]

    @classmethod
    def of(cls, truth: NDArray[np.bool_], values: NDArray[np.float64]) -> "Ranking":
        """From (n,) truths and scores."""
        order = np.argsort(-values, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
        return cls(order, ends, truth)

    def figures(self, weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Area under the ROC curve, average precision, and true positives at few false alarms, as scikit-learn has them.

        Args:
            weights: (R, n), how often each video is in each set.

        Returns:
            (R,) by name; not a number for sets without clean or without attacked videos.
        """
        hits = self._counts(weights, self.truth)
        alarms = self._counts(weights, ~self.truth)
        with np.errstate(divide="ignore", invalid="ignore"):
            true_rates, false_rates = hits / hits[:, -1:], alarms / alarms[:, -1:]
            precision = np.nan_to_num(hits / (hits + alarms))
        found = {
            "auc": np.trapezoid(true_rates, false_rates, axis=1),
            "average_precision": (np.diff(true_rates, axis=1) * precision[:, 1:]).sum(1),
        }
        for limit in SHOWN_FALSE_ALARMS:
            found[f"{limit:g}"] = np.where(false_rates <= limit, true_rates, 0).max(1)
        empty = (hits[:, -1] == 0) | (alarms[:, -1] == 0)
        return {name: np.where(empty, math.nan, values) for name, values in found.items()}

    def _counts(self, weights: NDArray[np.int64], kind: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Videos of a kind at or above each threshold, from none to all: (R, thresholds + 1)."""
        above = np.cumsum((weights * kind)[:, self.order], axis=1)[:, self.ends]
        return np.concatenate([np.zeros((len(weights), 1), dtype=np.int64), above], axis=1)


def _point(truth: NDArray[np.bool_], alarms: NDArray[np.bool_], recordings: Sequence[str]) -> dict[str, Any]:
    """Rates of one threshold: recall is the true positive rate."""
    recall: Rate | None = rate(alarms[truth].tolist())
    once = np.ones((1, len(truth)), dtype=np.int64)
    return {
        "true_positive_rate": recall,
        "false_positive_rate": rate(alarms[~truth].tolist()),
        "precision": rate(truth[alarms].tolist()),
        "recall": recall,
        "f1": estimate(float(_f1(truth, alarms, once)[0]), _f1(truth, alarms, weights_by_recording(recordings))),
    }


def _f1(truth: NDArray[np.bool_], alarms: NDArray[np.bool_], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """2 TP / (2 TP + FP + FN) of weighted sets (R, n); 0 where nothing is attacked and nothing is flagged."""
    marked = weights @ (truth.astype(np.int64) + alarms)
    return np.where(marked > 0, 2 * (weights @ (truth & alarms)) / np.maximum(marked, 1), 0.0)


def clean_threshold(scores: Sequence[float]) -> float:
    """The threshold that n clean videos give: the score of rank ceil((n + 1) (1 - false alarms)), or the largest one."""
    rank = math.ceil((len(scores) + 1) * (1 - FALSE_ALARMS))
    return sorted(scores)[min(rank, len(scores)) - 1]


def _thresholds(clean: Sequence[Score]) -> dict[str, float]:
    """For each recording the threshold that the clean videos of other recordings give; empty with fewer than two.

    Recordings are dealt to folds; a fold's threshold comes from the other folds, so it has seen neither the videos that
    it is measured on nor any attack.
    """
    recordings = sorted({one.recording for one in clean})
    folds = min(FOLDS, len(recordings))
    if folds < 2:
        return {}
    fold_of = {recording: number % folds for number, recording in enumerate(recordings)}
    by_fold = []
    for fold in range(folds):
        by_fold.append(clean_threshold([one.score for one in clean if fold_of[one.recording] != fold]))
    return {recording: by_fold[fold] for recording, fold in fold_of.items()}
