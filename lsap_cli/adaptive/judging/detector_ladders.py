"""Ladders of detectors from records and detections: what each attack wins, and the worst of them.

An attack wins a video when the prediction is its aim and the video is not flagged. Law 8: a detector's figure is
the minimum over the ladder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from lsap_cli.adaptive.judging.defense_ladders import NO_EFFORTS, missing_rungs, rung_fields
from lsap_cli.adaptive.planning.detector_ladders import DETECTOR_DESCRIPTIONS, DetectorLadderPlan
from lsap_cli.evaluation.records import classes_of, hits_target
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.ladders import AttackerEffort, DetectorLadder, DetectorRung, EvasionRow, FitThreshold
from lsap_cli.results.rates import rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Record


@dataclass(frozen=True)
class AttacksOnDetectors:
    """Predictions and detections of the evaluation videos.

    Attributes:
        records: of all attacks.
        rows: of all detectors and attacks.
        flagged: by detector, attack and video, whether the threshold from other clean videos was exceeded.
        sampler: whose clips the detectors looked at: the first one.
        target: the class of a targeted attack.
        noise: the name of the noise control.
    """

    records: Sequence[Record]
    rows: Sequence[DetectorRow]
    flagged: Mapping[tuple[str, str, str], bool]
    sampler: str
    target: int | None
    noise: str

    def records_of(self, attack: str, defense: str = NO_DEFENSE) -> list[Record]:
        """Predictions of the model behind a defense under an attack."""
        cell = attack, defense, self.sampler
        return [one for one in self.records if (one.attack, one.defense, one.sampler) == cell]

    def changed(self, attack: str, defense: str = NO_DEFENSE) -> dict[str, bool]:
        """By video, whether the prediction is not that of the clean video behind the same defense."""
        if defense == NO_DEFENSE:
            return {one.video: one.changed for one in self.records_of(attack)}
        clean = {one.video: classes_of(one).prediction for one in self.records_of(NO_ATTACK, defense)}
        return {
            one.video: classes_of(one).prediction != clean[one.video]
            for one in self.records_of(attack, defense)
            if one.video in clean
        }

    def wins(self, spec: str, attack: str, defense: str = NO_DEFENSE) -> dict[str, bool]:
        """Whether the attack succeeded unflagged, by video; videos that a targeted attack cannot win are left out."""
        changed = self.changed(attack, defense)
        return {
            one.video: success and not self.flagged[spec, attack, one.video]
            for one in self.records_of(attack, defense)
            if (spec, attack, one.video) in self.flagged
            for success in [_succeeds(one, self.target, changed.get(one.video))]
            if success is not None
        }


def detector_ladder(
    ladder: DetectorLadderPlan,
    threshold: FitThreshold,
    attacks: AttacksOnDetectors,
    efforts: Mapping[str, AttackerEffort] = NO_EFFORTS,
) -> DetectorLadder:
    """A detector's rungs with what they win, the noise control, and the worst rung.

    Args:
        ladder: as planned.
        threshold: on clean fit videos.
        attacks: predictions and detections.
        efforts: of the attackers that learned in the run, by name.
    """
    rungs = tuple(
        DetectorRung(**rung_fields(one, DETECTOR_DESCRIPTIONS, efforts), rows=_rows(ladder, one.attack, attacks))
        for one in ladder.rungs
    )
    return DetectorLadder(
        detector=ladder.spec,
        defense=ladder.defense,
        gradient=ladder.detector.gradient,
        null_space=ladder.detector.null_space,
        fit=threshold,
        rungs=rungs,
        missing=missing_rungs(ladder.missing),
        noise=_rows(ladder, attacks.noise, attacks),
        robust=_worst(ladder, rungs, attacks),
    )


def _rows(ladder: DetectorLadderPlan, attack: str, attacks: AttacksOnDetectors) -> tuple[EvasionRow, ...]:
    """What an attack wins against the model with a detector beside it: one row, none where it was not measured."""
    spec = ladder.spec
    wins = attacks.wins(spec, attack, ladder.defense)
    detection = next((row for row in attacks.rows if (row.detector, row.attack) == (spec, attack)), None)
    if detection is None or not wins:
        return ()
    changed = attacks.changed(attack, ladder.defense)
    return (
        EvasionRow(
            attack=attack,
            detector=spec,
            defense=ladder.defense,
            sampler=attacks.sampler,
            videos=len(changed),
            fooling_rate=rate(list(changed.values())),
            flagged_rate=detection.operating_point.recall,
            false_alarms=detection.operating_point.false_positive_rate,
            evasion_rate=rate(list(wins.values())),
            robust_rate=rate([not won for won in wins.values()]),
            auc=detection.auc,
            tpr_at_fpr=detection.tpr_at_fpr,
        ),
    )


def _worst(
    ladder: DetectorLadderPlan, rungs: Sequence[DetectorRung], attacks: AttacksOnDetectors
) -> tuple[EvasionRow, ...]:
    """The minimum over the ladder: the rung that wins most videos, and the videos that no rung wins."""
    rows = [(row, rung) for rung in rungs for row in rung.rows]
    if not rows:
        return ()
    row, rung = max(rows, key=lambda one: one[0].evasion_rate.value if one[0].evasion_rate else 0.0)
    won: dict[str, bool] = {}
    for one in ladder.rungs:
        for video, wins in attacks.wins(ladder.spec, one.attack, ladder.defense).items():
            won[video] = won.get(video, False) or wins
    held = rate([not one for one in won.values()])
    return (msgspec.structs.replace(row, rung=rung.rung, held_under_every_rung=held),)


def _succeeds(record: Record, target: int | None, changed: bool | None) -> bool | None:
    """Whether a prediction is the attacker's aim; None where there is nothing to win, as for success rates."""
    if target is None:
        return changed
    return hits_target(record, target)
