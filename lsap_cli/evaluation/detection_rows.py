"""Figures of detectors: ROC, precision and operating points with intervals; thresholds from clean videos only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from defenses.detectors import Detector
from lsap_cli.evaluation.bootstrap import estimate, weights_by_recording
from lsap_cli.evaluation.scores import DetectorScore
from lsap_cli.results.detectors import DetectorRow, FixedPoint, OperatingPoint, RocCurve
from lsap_cli.results.rates import Estimate, Rate, rate

FALSE_ALARMS = 0.05  # of the operating point
SHOWN_FALSE_ALARMS = (0.01, 0.05)
FOLDS = 5


def detector_rows(
    scores: Sequence[DetectorScore], detectors: Mapping[str, Detector], clean: str
) -> tuple[list[DetectorRow], dict[tuple[str, str, str], bool]]:
    """One row for each detector and attack, clean videos against attacked ones; and which videos were flagged.

    Args:
        scores: of all videos.
        detectors: by spec.
        clean: the name of no attack.

    Returns:
        Rows of results.json, and by detector, attack and video whether the operating point's threshold was exceeded.
    """
    rows: list[DetectorRow] = []
    flagged: dict[tuple[str, str, str], bool] = {}
    for spec, detector in detectors.items():
        selected = [one for one in scores if one.detector == spec]
        thresholds = _thresholds([one for one in selected if one.attack == clean])
        if not thresholds:
            continue
        flagged |= {(spec, one.attack, one.video): one.score > thresholds[one.recording] for one in selected}
        for attack in dict.fromkeys(one.attack for one in selected if one.attack != clean):
            cell = [one for one in selected if one.attack in (clean, attack)]
            rows.append(_row(spec, attack, cell, clean, flagged, detector.published_thresholds, thresholds))
    return rows, flagged


def _row(
    spec: str,
    attack: str,
    cell: Sequence[DetectorScore],
    clean: str,
    flagged: Mapping[tuple[str, str, str], bool],
    fixed_points: Mapping[str, float],
    thresholds: Mapping[str, float],
) -> DetectorRow:
    from sklearn.metrics import auc, average_precision_score, roc_curve  # half a second, for detectors alone

    truth = np.asarray([one.attack != clean for one in cell])
    values = np.asarray([one.score for one in cell])
    alarms = np.asarray([flagged[spec, one.attack, one.video] for one in cell])
    recordings = [one.recording for one in cell]
    drawn, count = Ranking.of(truth, values).drawn_figures(recordings), len(set(recordings))
    false_rates, true_rates, _ = roc_curve(truth, values, drop_intermediate=False)
    return DetectorRow(
        detector=spec,
        attack=attack,
        clean_videos=int((~truth).sum()),
        attacked_videos=int(truth.sum()),
        auc=estimate(float(auc(false_rates, true_rates)), drawn["auc"], count),
        average_precision=estimate(float(average_precision_score(truth, values)), drawn["average_precision"], count),
        tpr_at_fpr={
            f"{limit:g}": estimate(float(true_rates[false_rates <= limit].max()), drawn[f"{limit:g}"], count)
            for limit in SHOWN_FALSE_ALARMS
        },
        operating_point=_operating_point(ThresholdFigures.of(truth, alarms, recordings), thresholds),
        fixed_points=tuple(
            _fixed_point(name, threshold, ThresholdFigures.of(truth, values >= threshold, recordings))
            for name, threshold in fixed_points.items()
        ),
        curve=RocCurve(false_positive_rate=tuple(false_rates.tolist()), true_positive_rate=tuple(true_rates.tolist())),
        milliseconds_per_video=round(sum(one.milliseconds for one in cell) / len(cell), 2),
    )


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

    def drawn_figures(self, recordings: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """`figures` of all sets that the bootstrap draws from the recordings of n videos."""
        parts = [self.figures(weights) for weights in weights_by_recording(recordings)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def figures(self, weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """ROC AUC, average precision, and true positive rates at few false alarms, by scikit-learn.

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
        figures = {
            "auc": np.trapezoid(true_rates, false_rates, axis=1),
            "average_precision": (np.diff(true_rates, axis=1) * precision[:, 1:]).sum(1),
        }
        for limit in SHOWN_FALSE_ALARMS:
            figures[f"{limit:g}"] = np.where(false_rates <= limit, true_rates, 0).max(1)
        empty = (hits[:, -1] == 0) | (alarms[:, -1] == 0)
        return {name: np.where(empty, math.nan, values) for name, values in figures.items()}

    def _counts(self, weights: NDArray[np.int64], kind: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Videos of a kind at or above each threshold, from none to all: (R, thresholds + 1)."""
        above = np.cumsum((weights * kind)[:, self.order], axis=1)[:, self.ends]
        return np.concatenate([np.zeros((len(weights), 1), dtype=np.int64), above], axis=1)


@dataclass(frozen=True)
class ThresholdFigures:
    """Figures of a detector at one threshold; `recall` is the true positive rate."""

    recall: Rate | None
    false_positive_rate: Rate | None
    precision: Rate | None
    f1: Estimate

    @classmethod
    def of(cls, truth: NDArray[np.bool_], alarms: NDArray[np.bool_], recordings: Sequence[str]) -> "ThresholdFigures":
        """From (n,) truths (is the video attacked?) and alarms (is it flagged?)."""
        once = np.ones((1, len(truth)), dtype=np.int64)
        f1 = estimate(
            float(_f1(truth, alarms, once)[0]),
            np.concatenate([_f1(truth, alarms, weights) for weights in weights_by_recording(recordings)]),
            len(set(recordings)),
        )
        return cls(rate(alarms[truth].tolist()), rate(alarms[~truth].tolist()), rate(truth[alarms].tolist()), f1)


def _operating_point(figures: ThresholdFigures, thresholds: Mapping[str, float]) -> OperatingPoint:
    return OperatingPoint(
        false_alarms_wanted=FALSE_ALARMS,
        thresholds=tuple(sorted(set(thresholds.values()))),
        true_positive_rate=figures.recall,
        false_positive_rate=figures.false_positive_rate,
        precision=figures.precision,
        recall=figures.recall,
        f1=figures.f1,
    )


def _fixed_point(name: str, threshold: float, figures: ThresholdFigures) -> FixedPoint:
    return FixedPoint(
        name=name,
        threshold=threshold,
        true_positive_rate=figures.recall,
        false_positive_rate=figures.false_positive_rate,
        precision=figures.precision,
        recall=figures.recall,
        f1=figures.f1,
    )


def _f1(truth: NDArray[np.bool_], alarms: NDArray[np.bool_], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """2 TP / (2 TP + FP + FN) of weighted sets (R, n); 0 where nothing is attacked and nothing is flagged."""
    marked = weights @ (truth.astype(np.int64) + alarms)
    return np.where(marked > 0, 2 * (weights @ (truth & alarms)) / np.maximum(marked, 1), 0.0)


def clean_threshold(scores: Sequence[float]) -> float:
    """The threshold from n clean scores: that of rank ceil((n + 1) (1 - false alarms)), or the largest."""
    rank = math.ceil((len(scores) + 1) * (1 - FALSE_ALARMS))
    return sorted(scores)[min(rank, len(scores)) - 1]


def _thresholds(clean: Sequence[DetectorScore]) -> dict[str, float]:
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
