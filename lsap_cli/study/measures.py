"""The measures that a table can show, each made of records alone: a share of videos, or a figure of the pattern."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lsap_cli.results.base import or_none
from lsap_cli.results.records import NO_ATTACK, NOISE, PERTURBED
from lsap_cli.results.study import StudyRecord

Outcome = Callable[[StudyRecord], bool | None]
RUNGS = ("A0", "A1", "A2", "A3", "A4", "A5")


@dataclass(frozen=True)
class VideoShare:
    """A share of videos.

    Attributes:
        added: to the videos whose outcomes count.
        outcome: of a record; None: the video is left out.
        meaning: in words.
    """

    added: str
    outcome: Outcome
    meaning: str

    def outcomes(self, records: Sequence[StudyRecord]) -> Iterator[tuple[StudyRecord, bool]]:
        """The records that count, with their outcomes."""
        for one in records:
            outcome = self.outcome(one) if one.added == self.added else None
            if outcome is not None:
                yield one, outcome


@dataclass(frozen=True)
class LadderShare:
    """A share of videos that are right under every attacker of some rungs.

    Attributes:
        rungs: of the ladder; the clean video is right, too, where it is counted at all.
        meaning: in words.
    """

    rungs: tuple[str, ...]
    meaning: str

    def outcomes(self, records: Sequence[StudyRecord]) -> Iterator[tuple[StudyRecord, bool]]:
        """The first record of each video and seed that such an attacker was judged on, and whether all are right."""
        groups: dict[tuple[str, str], list[StudyRecord]] = {}
        for one in records:
            if or_none(one.rung) in self.rungs and one.correct is not None:
                groups.setdefault((one.video, one.axes["seed"]), []).append(one)
        for group in groups.values():
            yield group[0], all(bool(one.correct) for one in group)


@dataclass(frozen=True)
class PatternFigure:
    """A figure that is no share.

    Attributes:
        value: of the records of perturbed videos; None: it cannot be known.
        decimals: that a table shows.
        meaning: in words.
    """

    value: Callable[[Sequence[StudyRecord]], float | None]
    decimals: int
    meaning: str


@dataclass(frozen=True)
class DetectorFigure:
    """A figure of the cell's detector.

    Attributes:
        name: of the figure.
        meaning: in words.
    """

    name: str
    meaning: str


Measure = VideoShare | LadderShare | PatternFigure | DetectorFigure


def _hit(record: StudyRecord) -> bool | None:
    return or_none(record.hit)


def _stealth(record: StudyRecord) -> bool | None:
    return or_none(record.stealth)


def _changed(record: StudyRecord) -> bool | None:
    return record.changed


def _correct(record: StudyRecord) -> bool | None:
    return record.correct


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _map(records: Sequence[StudyRecord]) -> float | None:
    return _mean([one.map for one in records if one.map is not None])


def _p_l2(records: Sequence[StudyRecord]) -> float | None:
    return _mean([one.l2_rms / 255 * math.sqrt(one.elements) for one in records if one.l2_rms is not None])


def _p_linf(records: Sequence[StudyRecord]) -> float | None:
    return max((one.linf / 255 for one in records if one.linf is not None), default=None)


def _of_cells(records: Sequence[StudyRecord]) -> list[StudyRecord]:
    """One record of each cell: what learning took is the same in all of its records."""
    return list({one.cell: one for one in records}.values())


def _seconds(records: Sequence[StudyRecord]) -> float | None:
    return _mean([one.learn_seconds for one in _of_cells(records)])


def _milliseconds(records: Sequence[StudyRecord]) -> float | None:
    cells = [one for one in _of_cells(records) if one.steps]
    return _mean([1000 * one.learn_seconds / one.steps for one in cells])


MEASURES: dict[str, Measure] = {
    "P-l2": PatternFigure(
        _p_l2, 2, "mean over videos of the change's l2 norm in [0, 1] units over a clip of the victim"
    ),
    "P-linf": PatternFigure(_p_linf, 3, "the largest change of any value, in [0, 1] units"),
    "MAP": PatternFigure(_map, 2, "mean over videos of the mean absolute change, in levels of 0-255"),
    "SR": VideoShare(PERTURBED, _hit, "success rate: predicted as the target; goal `only`: no longer the class"),
    "FR": VideoShare(PERTURBED, _changed, "fooling rate: another prediction than that of the clean, undefended video"),
    "ACC": VideoShare(PERTURBED, _correct, "accuracy on perturbed videos"),
    "stealth": VideoShare(PERTURBED, _stealth, "goal `only`: videos of other predictions that keep theirs"),
    "clean ACC": VideoShare(NO_ATTACK, _correct, "accuracy on clean videos behind the same defense"),
    "clean FR": VideoShare(NO_ATTACK, _changed, "clean videos whose prediction the defense alone changes"),
    "noise SR": VideoShare(NOISE, _hit, "success rate of noise of equal root mean square"),
    "noise FR": VideoShare(NOISE, _changed, "fooling rate of noise of equal root mean square"),
    "noise ACC": VideoShare(NOISE, _correct, "accuracy under noise of equal root mean square"),
    **{
        rung: LadderShare((rung,), f"videos that are right under every attacker of rung {rung} that was judged")
        for rung in RUNGS
    },
    "robust ACC": LadderShare(RUNGS, "videos that are right under every attacker of the ladder that was judged"),
    "AUC": DetectorFigure("auc", "area under the detector's ROC curve, clean against perturbed"),
    "precision": DetectorFigure("precision", "of flagged videos, at thresholds that clean videos of others gave"),
    "recall": DetectorFigure("recall", "perturbed videos that are flagged, at the same thresholds"),
    "false alarms": DetectorFigure("false_positive_rate", "clean videos that are flagged, at the same thresholds"),
    "F1": DetectorFigure("f1", "harmonic mean of precision and recall, at the same thresholds"),
    "seconds": PatternFigure(_seconds, 1, "of learning a perturbation, mean over folds and seeds"),
    "ms a step": PatternFigure(_milliseconds, 2, "of learning, mean over folds and seeds"),
}
"""By name, in the order of the documents."""

USUAL_MEASURES = ("P-l2", "P-linf", "MAP", "SR", "FR", "ACC")
CONTROLS = ("clean ACC", "noise FR", "noise ACC")
"""What stands beside every rate (law 7)."""
