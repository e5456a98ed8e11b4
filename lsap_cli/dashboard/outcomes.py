"""What happened to each video: records.jsonl, for the details of a cell and for paired tests between runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsap_cli.reports.rows import NO_ATTACK, NOISE, Rate, Rows, printable
from lsap_cli.results.rates import mcnemar
from lsap_cli.runs.following import Tail
from lsap_cli.runs.reading import RECORDS_FILE

PERTURBED = "perturbed"
Key = tuple[str, str, str]  # attack, defense, sampler


@dataclass(frozen=True)
class Outcome:
    """One video in one cell; `correct` is None without labels."""

    video: str
    label: str
    clean_prediction: str
    prediction: str
    correct: bool | None
    changed: bool


@dataclass(frozen=True)
class Pair:
    """One cell of two runs.

    Attributes:
        attack: none, noise or perturbed: the perturbation may have another name in each run.
        metric: what the rates are of: accuracy where both runs have labels, else fooling rate.
        p: exact two-sided p of McNemar's test over the videos that both runs judged; None where no outcome differs or
            the runs keep no outcomes.
        paired: how many videos those are.
    """

    attack: str
    defense: str
    sampler: str
    metric: str
    first: Rate
    second: Rate
    p: float | None
    paired: int


def read_outcomes(folder: Path) -> dict[Key, list[Outcome]]:
    """By cell, in the order of the file; damaged lines are left out."""
    cells: dict[Key, list[Outcome]] = {}
    for record in _records(folder / RECORDS_FILE):
        key = tuple(printable(record.get(name, "")) for name in ("attack", "defense", "sampler"))
        correct = record.get("correct")
        cells.setdefault(key, []).append(  # type: ignore[arg-type]  # three names give three words
            Outcome(
                video=printable(record.get("video", "")),
                label=printable(record.get("label") or ""),
                clean_prediction=printable(record.get("clean_prediction", "")),
                prediction=printable(record.get("prediction", "")),
                correct=correct if isinstance(correct, bool) else None,
                changed=record.get("changed") is True,
            )
        )
    return cells


def pairs(
    first: tuple[Rows, Mapping[Key, list[Outcome]]], second: tuple[Rows, Mapping[Key, list[Outcome]]]
) -> list[Pair]:
    """The cells that two runs have in common, each with both rates and the paired test."""
    theirs = {(_kind(row.attack), row.defense, row.sampler): row for row in second[0].rows}
    found: list[Pair] = []
    for row in first[0].rows:
        other = theirs.get((_kind(row.attack), row.defense, row.sampler))
        if other is None:
            continue
        labelled = row.accuracy is not None and other.accuracy is not None
        one, two = (row.accuracy, other.accuracy) if labelled else (row.fooling_rate, other.fooling_rate)
        if one is None or two is None:
            continue
        p, paired = _test(
            first[1].get((row.attack, row.defense, row.sampler), []),
            second[1].get((other.attack, other.defense, other.sampler), []),
            labelled,
        )
        metric = "accuracy" if labelled else "fooling rate"
        found.append(Pair(_kind(row.attack), row.defense, row.sampler, metric, one, two, p, paired))
    return found


def _test(first: list[Outcome], second: list[Outcome], labelled: bool) -> tuple[float | None, int]:
    others = {one.video: one for one in second}
    matched = [(one, others[one.video]) for one in first if one.video in others]
    if labelled:
        matched = [(a, b) for a, b in matched if a.correct is not None and b.correct is not None]
        outcomes = [(a.correct is True, b.correct is True) for a, b in matched]
    else:
        outcomes = [(a.changed, b.changed) for a, b in matched]
    return mcnemar([a for a, _ in outcomes], [b for _, b in outcomes]), len(outcomes)


def _kind(attack: str) -> str:
    return attack if attack in (NO_ATTACK, NOISE) else PERTURBED


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    tail = Tail(path)
    for block in tail.read():
        for line in block.split(b"\n"):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record
    tail.close()
