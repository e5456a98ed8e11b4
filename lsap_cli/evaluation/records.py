"""From predictions to records: each prediction beside the clean, undefended one with the same sampler."""

from collections.abc import Sequence
from functools import lru_cache

from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.results.base import UNSET
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Record, RecordClasses


def make_records(video: Video, predictions: Sequence[Prediction], names: Sequence[str]) -> list[Record]:
    """One video's records.

    Args:
        video: with its labels, as class numbers.
        predictions: of the video; among them those of the clean, undefended video with each sampler.
        names: of the classes.
    """
    recording = video.group  # once: a name that is parsed is a new text each time
    clean = {one.sampler: one.label for one in predictions if (one.source, one.defense) == (NO_ATTACK, NO_DEFENSE)}
    return [
        Record(
            video=video.name,
            label=names[video.labels[0]] if video.labels else None,
            also_accepted=tuple(names[label] for label in video.labels[1:]),
            attack=one.source,
            defense=one.defense,
            sampler=one.sampler,
            prediction=names[one.label],
            clean_prediction=names[clean[one.sampler]],
            correct=one.label in video.labels if video.labels else None,
            changed=one.label != clean[one.sampler],
            recording=recording,
            draws=tuple(names[label] for label in one.draws) or None,
            positive_probability=UNSET if one.positive is None else one.positive,
            milliseconds=round(one.milliseconds, 3),
            confidence=UNSET if one.confidence is None else _shared(round(one.confidence, 3)),
            classes=_classes(video.labels, one.label, clean[one.sampler], one.draws),
        )
        for one in predictions
    ]


@lru_cache(2**14)
def _classes(labels: tuple[int, ...], prediction: int, clean_prediction: int, draws: tuple[int, ...]) -> RecordClasses:
    """The same object for equal numbers: many records of a long run have them."""
    return RecordClasses(labels=labels, prediction=prediction, clean_prediction=clean_prediction, draws=draws)


@lru_cache(1001)
def _shared(confidence: float) -> float:
    """The same object for equal values."""
    return confidence


def classes_of(record: Record) -> RecordClasses:
    """The class numbers of a record. Names are not enough: two labels can have one name.

    Raises:
        LsapError: if it was written by version 0.1, which did not keep them.
    """
    if isinstance(record.classes, RecordClasses):
        return record.classes
    raise LsapError(f"the record of {record.video} has no class numbers: an earlier version of lsap wrote it", 1)


def hits_target(record: Record, target: int) -> bool | None:
    """Whether the prediction is the target; None for videos that success rates leave out.

    Those are labeled as the target, or predicted as it when clean and undefended.
    """
    classes = classes_of(record)
    if target in classes.labels or classes.clean_prediction == target:
        return None
    return classes.prediction == target
