"""Scores and figures of detectors."""

from msgspec import field

from lsap_cli.results.base import Count, Result
from lsap_cli.results.rates import Estimate, Rate


class Detection(Result, frozen=True, kw_only=True):
    """One video under one attack and detector: a line of detections.jsonl.

    Attributes:
        detector: the spec.
        attack: as in the rows.
        video: its name.
        recording: that it was cut from.
        score: the higher, the more it looks perturbed.
        flagged: whether the score is above the threshold that clean videos of other recordings gave.
    """

    detector: str
    attack: str
    video: str
    recording: str = ""
    score: float
    flagged: bool


class OperatingPoint(Result, frozen=True, kw_only=True):
    """What a detector does at thresholds that clean videos of other recordings gave.

    Attributes:
        false_alarms_wanted: share of clean videos that may be flagged.
        thresholds: of the folds.
        recall: attacked videos that are flagged.
        true_positive_rate: the same.
        false_positive_rate: clean videos that are flagged.
        precision: flagged videos that are attacked.
        f1: harmonic mean of precision and recall.
    """

    false_alarms_wanted: float = 0.05
    thresholds: tuple[float, ...] = ()
    true_positive_rate: Rate | None = None
    false_positive_rate: Rate | None = None
    precision: Rate | None = None
    recall: Rate | None = None
    f1: Estimate | None = None


class FixedPoint(Result, frozen=True, kw_only=True):
    """What a detector does at a threshold of the literature.

    Attributes:
        name: whose threshold it is.
        threshold: scores from it on are flagged.
        recall: attacked videos that are flagged.
        true_positive_rate: the same.
        false_positive_rate: clean videos that are flagged.
        precision: flagged videos that are attacked.
        f1: harmonic mean of precision and recall.
    """

    name: str
    threshold: float
    true_positive_rate: Rate | None = None
    false_positive_rate: Rate | None = None
    precision: Rate | None = None
    recall: Rate | None = None
    f1: Estimate | None = None


class RocCurve(Result, frozen=True, kw_only=True):
    """Points of the curve, by falling threshold.

    Attributes:
        false_positive_rate: rising.
        true_positive_rate: at the same thresholds.
    """

    false_positive_rate: tuple[float, ...] = ()
    true_positive_rate: tuple[float, ...] = ()


class DetectorRow(Result, frozen=True, kw_only=True):
    """How well a detector separates videos under one attack from clean ones.

    Attributes:
        detector: the spec.
        attack: as in the rows.
        clean_videos: how many.
        attacked_videos: how many.
        auc: area under the ROC curve.
        average_precision: over all thresholds.
        tpr_at_fpr: true positive rate, by false positive rate.
        operating_point: at the threshold from clean videos of other recordings.
        fixed_points: at the thresholds of the literature.
        curve: the ROC curve.
        milliseconds_per_video: that the detector took.
    """

    detector: str
    attack: str
    clean_videos: Count
    attacked_videos: Count
    auc: Estimate | None = None
    average_precision: Estimate | None = None
    tpr_at_fpr: dict[str, Estimate] = field(default_factory=dict)
    operating_point: OperatingPoint = OperatingPoint()
    fixed_points: tuple[FixedPoint, ...] = ()
    curve: RocCurve = RocCurve()
    milliseconds_per_video: float | None = None
