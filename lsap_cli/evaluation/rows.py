"""From records to the rows of results.json: one for each perturbation source, defense and sampler."""

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.records import classes_of, hits_target
from lsap_cli.evaluation.two_classes import two_class_rates
from lsap_cli.results.base import UNSET
from lsap_cli.results.rates import Rate, mcnemar, rate, rate_of
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Cell, Record
from lsap_cli.results.rows import ByRecording, DominantLabel, NetFoolingRate, Row


def make_rows(
    records: Sequence[Record], target: int | None = None, source_class: int | None = None, threshold: float = 0.5
) -> list[Row]:
    """Rows in the order in which their cells first appear.

    Args:
        records: of all videos; every cell has the same videos.
        target: class number of a targeted attack.
        source_class: class number that a discriminative attack is about: `success_rate` is then the share of videos
            predicted as it that no longer are, and `stealth` the share of the others whose prediction stays (Li et al.,
            NDSS 2019).
        threshold: of a network with two classes: the probability of the second from which on a video counts as one.
    """
    cells: dict[Cell, list[Record]] = {}
    for record in records:
        cells.setdefault(record.cell, []).append(record)
    return [
        replace(
            _row(records, cells[NO_ATTACK, defense, sampler], target, source_class),
            two_class=two_class_rates(records, threshold),
        )
        for (_, defense, sampler), records in cells.items()
    ]


def _row(records: Sequence[Record], unattacked: Sequence[Record], target: int | None, source_class: int | None) -> Row:
    """The row of one cell. `unattacked` has the records of the same defense and sampler without an attack."""
    attack, defense, sampler = records[0].cell
    is_reference = (attack, defense) == (NO_ATTACK, NO_DEFENSE)
    right, clean_right = _outcomes(records), _outcomes(unattacked)
    success = None if target is None else _rate_of_known([hits_target(one, target) for one in records])
    return Row(
        attack=attack,
        defense=defense,
        sampler=sampler,
        videos=len(records),
        clean_accuracy=rate(clean_right),
        attacked_accuracy=rate(right),
        fooling_rate=None if is_reference else rate([one.changed for one in records]),
        success_rate=success if source_class is None else _departures(records, source_class),
        stealth=UNSET if source_class is None else _stealth(records, source_class),
        dominant_label=None if is_reference else _dominant_label(records),
        mcnemar_p=None if attack == NO_ATTACK else mcnemar(clean_right, right),
        net_fooling_rate=None if attack == NO_ATTACK else _net_fooling(records, unattacked),
        by_recording=_by_recording(records, is_reference),
        milliseconds_per_video=round(sum(one.milliseconds or 0.0 for one in records) / len(records), 2),
    )


def _outcomes(records: Sequence[Record]) -> list[bool]:
    """Whether each labeled video is predicted right."""
    return [one.correct for one in records if one.correct is not None]


def _rate_of_known(outcomes: Sequence[bool | None]) -> Rate | None:
    """The rate over videos that have an outcome."""
    return rate([one for one in outcomes if one is not None])


def _departures(records: Sequence[Record], source_class: int) -> Rate | None:
    """Videos predicted as the class when clean that no longer are."""
    classes = [classes_of(one) for one in records]
    return rate([one.prediction != source_class for one in classes if one.clean_prediction == source_class])


def _stealth(records: Sequence[Record], source_class: int) -> Rate | None:
    """Videos of other predictions that keep theirs."""
    return rate([not one.changed for one in records if classes_of(one).clean_prediction != source_class])


def _net_fooling(records: Sequence[Record], unattacked: Sequence[Record]) -> NetFoolingRate | None:
    """What the attack changes beyond what the defense changes by itself: P(changed | attack) - P(changed | none).

    Both are taken over all draws of a random defense, which are the same with and without the attack. The interval is
    the bootstrap's over recordings, of the difference video by video.
    """
    alone = [one.changed_share for one in unattacked]
    attacked = [one.changed_share for one in records]
    differences = [a - b for a, b in zip(attacked, alone, strict=True)]
    net = mean_by_recording(differences, [one.recording for one in records], bounds=(-1.0, 1.0))
    if net is None:
        return None
    return NetFoolingRate(
        value=net.value,
        low=net.low,
        high=net.high,
        attacked=sum(attacked) / len(attacked),
        alone=sum(alone) / len(alone),
        draws=max(1, len(records[0].draws or ())),
    )


def _by_recording(records: Sequence[Record], is_reference: bool) -> ByRecording:
    """Accuracy and fooling rate with intervals that do not take videos of one recording for independent."""
    labeled = [one for one in records if one.correct is not None]
    recordings = [one.recording for one in records]
    changed = [float(one.changed) for one in records]
    return ByRecording(
        recordings=len(set(recordings)),
        accuracy=mean_by_recording([float(bool(one.correct)) for one in labeled], [one.recording for one in labeled]),
        fooling_rate=None if is_reference else mean_by_recording(changed, recordings),
    )


def _dominant_label(records: Sequence[Record]) -> DominantLabel | None:
    """The label that most fooled videos get, and its share of them."""
    names = {classes_of(one).prediction: one.prediction for one in records}
    fooled = [classes_of(one).prediction for one in records if one.changed]
    if not fooled:
        return None
    label, count = Counter(fooled).most_common(1)[0]
    share = rate_of(count, len(fooled))
    assert share is not None  # some video is fooled
    return DominantLabel(label=names[label], share=share)
