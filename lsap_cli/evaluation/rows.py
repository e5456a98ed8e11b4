"""From predictions to the rows of results.json: one for each attack, defense and sampler."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.evaluation.rates import Rate, mcnemar, rate, rate_of

NO_ATTACK = "none"
NO_DEFENSE = "none"


@dataclass(frozen=True)
class Record:
    """One video under one attack, defense and sampler, with what it is compared to.

    Attributes:
        video: its name.
        labels: class numbers that count as right; empty: not labelled.
        clean_prediction: on the clean, undefended video with the same sampler: what fooling is measured against.
        recording: that the video was cut from.
        draws: behind a random defense: the prediction of each draw, the first being `prediction`.
    """

    video: str
    labels: tuple[int, ...]
    attack: str
    defense: str
    sampler: str
    prediction: int
    clean_prediction: int
    milliseconds: float
    recording: str = ""
    draws: tuple[int, ...] = ()

    @property
    def fooled_share(self) -> float:
        """The share of draws whose prediction is not the clean, undefended one."""
        drawn = self.draws or (self.prediction,)
        return sum(one != self.clean_prediction for one in drawn) / len(drawn)

    @property
    def correct(self) -> bool | None:
        """Whether the prediction is one of the labels; None without labels."""
        return self.prediction in self.labels if self.labels else None

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        """A line of records.jsonl."""
        return {
            "video": self.video,
            "label": names[self.labels[0]] if self.labels else None,
            "also_accepted": [names[label] for label in self.labels[1:]],
            "attack": self.attack,
            "defense": self.defense,
            "sampler": self.sampler,
            "prediction": names[self.prediction],
            "clean_prediction": names[self.clean_prediction],
            "correct": self.correct,
            "changed": self.prediction != self.clean_prediction,
            "recording": self.recording,
            "draws": [names[one] for one in self.draws] or None,
            "milliseconds": round(self.milliseconds, 3),
        }


def make_records(video: Video, predictions: Sequence[Prediction]) -> list[Record]:
    """One video's predictions, each beside the clean, undefended one."""
    clean = {one.sampler: one.label for one in predictions if (one.source, one.defense) == (NO_ATTACK, NO_DEFENSE)}
    return [
        Record(
            video.name,
            video.labels,
            one.source,
            one.defense,
            one.sampler,
            one.label,
            clean[one.sampler],
            one.milliseconds,
            video.group,
            one.draws,
        )
        for one in predictions
    ]


def make_rows(
    records: Sequence[Record], names: Sequence[str], target: int | None, source: int | None = None
) -> list[dict[str, Any]]:
    """Rows in the order in which their cells first appear.

    Args:
        records: of all videos; every cell has the same videos.
        names: the classes.
        target: the class of a targeted attack.
        source: the class that a discriminative attack is about: rows then also say how it fares, and the others.
    """
    cells: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        cells.setdefault((record.attack, record.defense, record.sampler), []).append(record)
    return [
        _row(cell, cells[NO_ATTACK, cell[0].defense, cell[0].sampler], names, target) | _of_one_class(cell, source)
        for cell in cells.values()
    ]


def _row(
    cell: Sequence[Record], unattacked: Sequence[Record], names: Sequence[str], target: int | None
) -> dict[str, Any]:
    first = cell[0]
    is_reference = (first.attack, first.defense) == (NO_ATTACK, NO_DEFENSE)
    right, clean_right = _outcomes(cell), _outcomes(unattacked)
    return {
        "attack": first.attack,
        "defense": first.defense,
        "sampler": first.sampler,
        "videos": len(cell),
        "clean_accuracy": rate(clean_right),
        "attacked_accuracy": rate(right),
        "fooling_rate": None if is_reference else rate([one.prediction != one.clean_prediction for one in cell]),
        "success_rate": None if target is None else _success(cell, target),
        "dominant_label": None if is_reference else _dominant_label(cell, names),
        "mcnemar_p": None if first.attack == NO_ATTACK else mcnemar(clean_right, right),
        "net_fooling_rate": None if first.attack == NO_ATTACK else _net_fooling(cell, unattacked),
        "by_recording": _by_recording(cell, is_reference),
        "milliseconds_per_video": round(sum(one.milliseconds for one in cell) / len(cell), 2),
    }


def _of_one_class(cell: Sequence[Record], source: int | None) -> dict[str, Any]:
    """How a discriminative attack does: on videos that were taken for its class, and on the others.

    `success_rate` is the share of the first that no longer are, `stealth` the share of the others whose prediction
    stays (Li et al., NDSS 2019).
    """
    if source is None:
        return {}
    return {
        "success_rate": rate([one.prediction != source for one in cell if one.clean_prediction == source]),
        "stealth": rate([one.prediction == one.clean_prediction for one in cell if one.clean_prediction != source]),
    }


def _outcomes(cell: Sequence[Record]) -> list[bool]:
    return [one.prediction in one.labels for one in cell if one.labels]


def _net_fooling(cell: Sequence[Record], unattacked: Sequence[Record]) -> dict[str, Any] | None:
    """What the attack changes beyond what the defense changes by itself: P(changed | attack) - P(changed | none).

    Both are taken over all draws of a random defense, which are the same with and without the attack. The interval is
    the bootstrap's over recordings, of the difference video by video.
    """
    alone = [one.fooled_share for one in unattacked]
    attacked = [one.fooled_share for one in cell]
    net = mean_by_recording([a - b for a, b in zip(attacked, alone, strict=True)], [one.recording for one in cell])
    return net and {
        **net,
        "attacked": sum(attacked) / len(attacked),
        "alone": sum(alone) / len(alone),
        "draws": max(1, len(cell[0].draws)),
    }


def _by_recording(cell: Sequence[Record], is_reference: bool) -> dict[str, Any]:
    """Accuracy and fooling rate with intervals that do not take videos of one recording for independent."""
    labelled = [one for one in cell if one.labels]
    return {
        "recordings": len({one.recording for one in cell}),
        "accuracy": mean_by_recording([float(bool(one.correct)) for one in labelled], [r.recording for r in labelled]),
        "fooling_rate": None
        if is_reference
        else mean_by_recording(
            [float(one.prediction != one.clean_prediction) for one in cell], [r.recording for r in cell]
        ),
    }


def _success(cell: Sequence[Record], target: int) -> Rate | None:
    """Videos that are of the target class, or are taken for it already, are left out."""
    return rate(
        [one.prediction == target for one in cell if target not in one.labels and one.clean_prediction != target]
    )


def _dominant_label(cell: Sequence[Record], names: Sequence[str]) -> dict[str, Any] | None:
    """The label that most fooled videos get, and its share of them."""
    fooled = [one.prediction for one in cell if one.prediction != one.clean_prediction]
    if not fooled:
        return None
    label, count = Counter(fooled).most_common(1)[0]
    return {"label": names[label], "share": rate_of(count, len(fooled))}
