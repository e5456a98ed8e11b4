"""The ladder of a detector: attackers who make the bare model wrong and keep the detector's score below its threshold.

A0  as learned without knowledge of the detector
A2  with the gradients of the margin and of the detector's score: one cautious, one bold
A4  as A2, within what the detector declares not to see
A5  without gradients

An attack wins a video when the prediction is what it wanted and the video is not flagged. Carlini and Wagner, AISec 2017;
Tramer et al., NeurIPS 2020; Bryniarski et al., 2021. Law 8: a detector's figure is the minimum over the ladder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from defenses.detectors import Detector
from lsap_cli.adaptive.attackers import Attacker
from lsap_cli.adaptive.checks import Check, detector_checks
from lsap_cli.adaptive.detector_constraint import OperatingPoint
from lsap_cli.adaptive.ladders import SEARCH_STEPS, Rung, going_on, within_null_space
from lsap_cli.evaluation.rates import rate
from lsap_cli.evaluation.rows import NO_DEFENSE, Record
from perturbations import Binding, Perturbation
from perturbations.attacks.base import ENOUGH
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch

SAYS = {
    "A0": "learned without knowledge of the detector",
    "A2": "learned with the gradient of the margin and, while a video is flagged, that of the detector's score",
    "A4": "as A2, within what the detector declares not to see",
    "A5": "learned without gradients: a flagged video costs as much as a clip that is won",
}
CAUTIOUS, BOLD = 0.2, 0.6  # flagged fit videos, as a share, at which quieting them counts as much as the margin
MISSING = {
    "A1": "a score has no identity whose gradient could stand in for its own",
    "A3": "it gives a video one score: nothing is drawn anew",
}


@dataclass(frozen=True)
class Evasion:
    """All attackers of one detector.

    Attributes:
        spec: of the detector.
        detector: built.
        rungs: in order.
        point: its threshold, as attackers know it.
    """

    spec: str
    detector: Detector
    rungs: tuple[Rung, ...]
    point: OperatingPoint


@dataclass(frozen=True)
class Judged:
    """What was found on the evaluation videos.

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


def plan_evasion(
    spec: str,
    detector: Detector,
    point: OperatingPoint,
    blind: Sequence[str],
    given: Perturbation,
    steps: int,
) -> Evasion:
    """Which attackers a detector meets.

    Args:
        spec: of the detector, as it was given.
        detector: built.
        point: its threshold from clean fit videos.
        blind: names of attacks that were learned without knowledge of it.
        given: the perturbation that is evaluated. All have its budget, and its binding but for patterns that the detector
            cannot see otherwise.
        steps: of learning, for each; the search has more.
    """
    where = f"below {spec}"
    # Plain steps, as the alarm keeps running means of its own; and nothing but the margin pulls against the alarm.
    method = Lsap(update="pgd", enough=ENOUGH, excite=0, loosen=1)
    base = Attacker(
        f"A2 cautious ({where})", method, None, given.budget, given.binding, steps, evades=detector, bearable=CAUTIOUS
    )
    bold = replace(base, name=f"A2 bold ({where})", bearable=BOLD)
    search = replace(base, name=f"A5 random search ({where})", attack=RandomSearch(), steps=SEARCH_STEPS * steps)
    rungs = [Rung("A0", name, role="transfer") for name in blind]
    rungs += [Rung("A2", one.name, one) for one in (base, bold, going_on(base, given, where))]
    rungs += [Rung("A4", one.name, one) for one in _unseen(base, detector, where)]
    rungs.append(Rung("A5", search.name, search, role="search"))
    return Evasion(spec, detector, tuple(rungs), point)


def _unseen(base: Attacker, detector: Detector, where: str) -> list[Attacker]:
    """As for a defense, and the period at which the detector is blind."""
    found = within_null_space(base, detector, where)
    if detector.blind_period is not None:
        cycle = Binding("cyclic", detector.blind_period)
        found.append(replace(base, name=f"A4 period of {detector.blind_period} frames ({where})", binding=cycle))
    return found


def knowing_detectors(evasions: Sequence[Evasion]) -> dict[str, list[str]]:
    """The detectors that each attack of a ladder is shown to: those on whose ladders it is."""
    specs: dict[str, list[str]] = {}
    for evasion in evasions:
        for one in evasion.rungs:
            specs.setdefault(one.name, []).append(evasion.spec)
    return specs


def evasion_results(evasions: Sequence[Evasion], judged: Judged, noise: str) -> list[dict[str, Any]]:
    """Each detector's rungs with what they win, the noise beside them, and the worst of them.

    Args:
        evasions: as planned.
        judged: what was found of them.
        noise: the name of the noise control.
    """
    return [_result(evasion, judged, noise) for evasion in evasions]


def evasion_checks(results: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Whether each detector's figures can be believed."""
    found: list[Check] = []
    for one in results:
        by_rung: dict[str, list[Any]] = {}
        for rung in one["rungs"]:
            by_rung.setdefault(rung["rung"], []).extend(rung["rows"])
        found += detector_checks(
            one["detector"], by_rung["A0"], by_rung["A2"] + by_rung["A4"], by_rung["A5"], one["noise"]
        )
    return found


def _result(evasion: Evasion, judged: Judged, noise: str) -> dict[str, Any]:
    rungs = [one.result(SAYS, _rows(evasion.spec, one.name, judged)) for one in evasion.rungs]
    return {
        "detector": evasion.spec,
        "gradient": evasion.detector.gradient,
        "null_space": evasion.detector.null_space,
        "fit": asdict(evasion.point) | {"aim": evasion.point.aim},
        "rungs": rungs,
        "missing": [{"rung": rung, "why": why} for rung, why in MISSING.items()],
        "noise": _rows(evasion.spec, noise, judged),
        "robust": _worst(evasion, rungs, judged),
    }


def _rows(spec: str, attack: str, judged: Judged) -> list[dict[str, Any]]:
    """What an attack wins against the bare model with a detector beside it: one row, none where it was not measured."""
    wins = _wins(spec, attack, judged)
    detection = next((row for row in judged.rows if (row["detector"], row["attack"]) == (spec, attack)), None)
    if detection is None or not wins:
        return []
    mine = [one for one in judged.records if _is_of(one, attack, judged)]
    return [
        {
            "attack": attack,
            "detector": spec,
            "sampler": judged.sampler,
            "videos": len(mine),
            "fooling_rate": rate([one.prediction != one.clean_prediction for one in mine]),
            "flagged_rate": detection["operating_point"]["recall"],
            "false_alarms": detection["operating_point"]["false_positive_rate"],
            "evasion_rate": rate(list(wins.values())),
            "robust_rate": rate([not won for won in wins.values()]),
            "auc": detection["auc"],
            "tpr_at_fpr": detection["tpr_at_fpr"],
        }
    ]


def _worst(evasion: Evasion, rungs: Sequence[Mapping[str, Any]], judged: Judged) -> list[dict[str, Any]]:
    """The minimum over the ladder: the rung that wins most videos, and the videos that no rung wins."""
    found = [(row, rung) for rung in rungs for row in rung["rows"]]
    if not found:
        return []
    row, rung = max(found, key=lambda one: float(one[0]["evasion_rate"]["value"]))
    won: dict[str, bool] = {}
    for one in evasion.rungs:
        for video, wins in _wins(evasion.spec, one.name, judged).items():
            won[video] = won.get(video, False) or wins
    return [{"rung": rung["rung"], **row, "held_under_every_rung": rate([not one for one in won.values()])}]


def _wins(spec: str, attack: str, judged: Judged) -> dict[str, bool]:
    """By video, whether the attack had its way and was not flagged; without those that a targeted one cannot win."""
    return {
        one.video: won and not judged.flagged[spec, attack, one.video]
        for one in judged.records
        if _is_of(one, attack, judged) and (spec, attack, one.video) in judged.flagged
        for won in [_has_its_way(one, judged.target)]
        if won is not None
    }


def _is_of(record: Record, attack: str, judged: Judged) -> bool:
    return (record.attack, record.defense, record.sampler) == (attack, NO_DEFENSE, judged.sampler)


def _has_its_way(record: Record, target: int | None) -> bool | None:
    """Whether a prediction is what the attacker wanted; None where there is nothing to win, as for success rates."""
    if target is None:
        return record.prediction != record.clean_prediction
    if target in record.labels or record.clean_prediction == target:
        return None
    return record.prediction == target
