"""Result objects with few arguments, for tests."""

from typing import Any, TypeVar

from msgspec import to_builtins

from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Cell, Record, RecordClasses

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """A value that must be there."""
    assert value is not None
    return value


def make_record(
    video: str,
    labels: tuple[int, ...],
    cell: Cell,
    prediction: int,
    clean: int,
    recording: str = "",
    draws: tuple[int, ...] = (),
) -> Record:
    """The record of a video; classes are called by their numbers.

    Args:
        video: its name.
        labels: class numbers; empty without labels.
        cell: attack, defense and sampler.
        prediction: a class number.
        clean: the clean, undefended prediction.
        recording: that the video was cut from.
        draws: of a random defense.
    """
    attack, defense, sampler = cell
    return Record(
        video=video,
        label=str(labels[0]) if labels else None,
        also_accepted=tuple(map(str, labels[1:])),
        attack=attack,
        defense=defense,
        sampler=sampler,
        prediction=str(prediction),
        clean_prediction=str(clean),
        correct=prediction in labels if labels else None,
        changed=prediction != clean,
        recording=recording or video,
        draws=tuple(map(str, draws)) or None,
        milliseconds=0.0,
        classes=RecordClasses(labels=labels, prediction=prediction, clean_prediction=clean, draws=draws),
    )


def rate_object(count: int, of: int) -> Any:  # a JSON object or None
    """A rate as it stands in a results.json."""
    return to_builtins(rate_of(count, of))
