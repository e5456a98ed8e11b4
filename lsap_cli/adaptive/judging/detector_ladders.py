"""Ladders of detectors from records and detections: what each attack wins, and the worst of them.

An attack wins a video when the prediction is what it wanted and the video is not flagged. Law 8: a detector's figure is the
minimum over the ladder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lsap_cli.adaptive.judging.defense_ladders import rung_result
from lsap_cli.adaptive.learning.detector_constraint import FitThreshold
from lsap_cli.adaptive.planning.detector_ladders import DETECTOR_DESCRIPTIONS, MISSING_RUNGS, DetectorLadderPlan
from lsap_cli.evaluation.rates import rate
from lsap_cli.evaluation.rows import NO_DEFENSE, Record


@dataclass(frozen=True)
class DetectorEvidence:
    """Predictions and detections of the evaluation videos.

    Attributes:
        records: of all attacks.
        rows: of all detectors and attacks.
        flagged: by detector, attack and video, whether the threshold from other clean videos was exceeded.
        sampler: whose clips the detectors looked at: the first one.
        target: the class of a targeted attack.
    """

    records: Sequence[Record]
    rows: Sequence[Mapping[str, Any]]
    flagged: Mapping[tuple[str, str, str], bool]
    sampler: str
    target: int | None


def detector_ladder_results(
    ladders: Sequence[DetectorLadderPlan],
    thresholds: Mapping[str, FitThreshold],
    evidence: DetectorEvidence,
    noise: str,
) -> list[dict[str, Any]]:
    """Each detector's rungs with what they win, the noise control, and the worst of them.

    Args:
        ladders: as planned.
        thresholds: on clean fit videos, by the detector's spec.
        evidence: predictions and detections.
        noise: the name of the noise control.
    """
    return [_result(ladder, thresholds[ladder.spec], evidence, noise) for ladder in ladders]


def _result(
    ladder: DetectorLadderPlan, threshold: FitThreshold, evidence: DetectorEvidence, noise: str
) -> dict[str, Any]:
    rungs = [rung_result(one, DETECTOR_DESCRIPTIONS, _rows(ladder.spec, one.attack, evidence)) for one in ladder.rungs]
    return {
        "detector": ladder.spec,
        "gradient": ladder.detector.gradient,
        "null_space": ladder.detector.null_space,
        "fit": asdict(threshold) | {"aim": threshold.aim},
        "rungs": rungs,
        "missing": [{"rung": rung, "why": why} for rung, why in MISSING_RUNGS.items()],
        "noise": _rows(ladder.spec, noise, evidence),
        "robust": _worst(ladder, rungs, evidence),
    }


def _rows(spec: str, attack: str, evidence: DetectorEvidence) -> list[dict[str, Any]]:
    """What an attack wins against the bare model with a detector beside it: one row, none where it was not measured."""
    wins = _wins(spec, attack, evidence)
    detection = next((row for row in evidence.rows if (row["detector"], row["attack"]) == (spec, attack)), None)
    if detection is None or not wins:
        return []
    records = [one for one in evidence.records if _is_of(one, attack, evidence)]
    return [
        {
            "attack": attack,
            "detector": spec,
            "sampler": evidence.sampler,
            "videos": len(records),
            "fooling_rate": rate([one.prediction != one.clean_prediction for one in records]),
            "flagged_rate": detection["operating_point"]["recall"],
            "false_alarms": detection["operating_point"]["false_positive_rate"],
            "evasion_rate": rate(list(wins.values())),
            "robust_rate": rate([not won for won in wins.values()]),
            "auc": detection["auc"],
            "tpr_at_fpr": detection["tpr_at_fpr"],
        }
    ]


def _worst(
    ladder: DetectorLadderPlan, rungs: Sequence[Mapping[str, Any]], evidence: DetectorEvidence
) -> list[dict[str, Any]]:
    """The minimum over the ladder: the rung that wins most videos, and the videos that no rung wins."""
    rows = [(row, rung) for rung in rungs for row in rung["rows"]]
    if not rows:
        return []
    row, rung = max(rows, key=lambda one: float(one[0]["evasion_rate"]["value"]))
    won: dict[str, bool] = {}
    for one in ladder.rungs:
        for video, wins in _wins(ladder.spec, one.attack, evidence).items():
            won[video] = won.get(video, False) or wins
    return [{"rung": rung["rung"], **row, "held_under_every_rung": rate([not one for one in won.values()])}]


def _wins(spec: str, attack: str, evidence: DetectorEvidence) -> dict[str, bool]:
    """By video, whether the attack succeeded without being flagged; without videos that a targeted attack cannot win."""
    return {
        one.video: success and not evidence.flagged[spec, attack, one.video]
        for one in evidence.records
        if _is_of(one, attack, evidence) and (spec, attack, one.video) in evidence.flagged
        for success in [_succeeds(one, evidence.target)]
        if success is not None
    }


def _is_of(record: Record, attack: str, evidence: DetectorEvidence) -> bool:
    return (record.attack, record.defense, record.sampler) == (attack, NO_DEFENSE, evidence.sampler)


def _succeeds(record: Record, target: int | None) -> bool | None:
    """Whether a prediction is what the attacker wanted; None where there is nothing to win, as for success rates."""
    if target is None:
        return record.prediction != record.clean_prediction
    if target in record.labels or record.clean_prediction == target:
        return None
    return record.prediction == target
