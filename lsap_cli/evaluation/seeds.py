"""The spread over perturbations that differ in their seed alone, apart from the spread over videos."""

from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import Any

from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.rates import rate
from lsap_cli.evaluation.rows import Record

Outcome = Callable[[Record], bool | None]
"""Whether a record counts for a rate; None: it has no say."""


def spread_over_seeds(records: Sequence[Record], attacks: Sequence[str], target: int | None) -> list[dict[str, Any]]:
    """For each defense and sampler, how rates differ between perturbations, and how between videos.

    The two are never pooled: clips of one video under several perturbations are no further videos. The mean over
    perturbations has a standard deviation over perturbations (n - 1), and an interval over videos: the bootstrap's over
    recordings, of the share of perturbations that each video counts under. Behind a random defense: the first draw.

    Args:
        records: of all videos; every cell has the same videos.
        attacks: names of the perturbations, at least two.
        target: the class of a targeted attack.
    """
    cells: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for one in records:
        if one.attack in attacks:
            cells.setdefault((one.defense, one.sampler), {}).setdefault(one.attack, []).append(one)
    return [
        {
            "defense": defense,
            "sampler": sampler,
            "accuracy": _spread(cell, attacks, _is_right),
            "fooling_rate": _spread(cell, attacks, _is_changed),
            "success_rate": None if target is None else _spread(cell, attacks, _is_target(target)),
        }
        for (defense, sampler), cell in cells.items()
    ]


def _spread(cell: dict[str, list[Record]], attacks: Sequence[str], outcome: Outcome) -> dict[str, Any] | None:
    """None where no video has a say."""
    counted: dict[str, dict[str, bool]] = {name: {} for name in attacks}  # by perturbation and video
    recordings: dict[str, str] = {}
    for name in attacks:
        for one in cell[name]:
            found = outcome(one)
            if found is not None:
                counted[name][one.video] = found
                recordings[one.video] = one.recording
    if not recordings:
        return None
    rates = {name: rate(list(mine.values())) for name, mine in counted.items()}
    values = [one["value"] for one in rates.values() if one]
    shares = [mean(counted[name][video] for name in attacks) for video in recordings]
    return {
        "rates": rates,
        "mean": mean(values),
        "standard_deviation": stdev(values),
        "over_videos": mean_by_recording(shares, list(recordings.values())),
    }


def _is_right(record: Record) -> bool | None:
    return record.correct


def _is_changed(record: Record) -> bool | None:
    return record.prediction != record.clean_prediction


def _is_target(target: int) -> Outcome:
    """As in the rows: videos that are of the target class, or are taken for it already, have no say."""

    def outcome(record: Record) -> bool | None:
        if target in record.labels or record.clean_prediction == target:
            return None
        return record.prediction == target

    return outcome
