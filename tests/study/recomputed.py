"""The figures of a study's tables, made of its records.jsonl as docs/study.md says it; nothing of lsap is used."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Line = dict[str, Any]
SHARES = {  # what was added, and the key of the outcome
    "SR": ("perturbed", "hit"), "FR": ("perturbed", "changed"), "ACC": ("perturbed", "correct"),
    "stealth": ("perturbed", "stealth"), "clean ACC": ("none", "correct"), "clean FR": ("none", "changed"),
    "noise SR": ("noise", "hit"), "noise FR": ("noise", "changed"), "noise ACC": ("noise", "correct"),
}  # fmt: skip
RUNGS = ("A0", "A1", "A2", "A3", "A4", "A5")
FALSE_ALARMS, THRESHOLD_FOLDS = 0.05, 5


@dataclass(frozen=True)
class Figure:
    """A figure of a table.

    Attributes:
        value: of it.
        count: with `of`, of a rate; None: it is none.
        of: of a rate.
        low: of the rate's interval.
        high: likewise.
        deviation: over seeds; None: there is one seed.
    """

    value: float
    count: int | None = None
    of: int | None = None
    low: float | None = None
    high: float | None = None
    deviation: float | None = None


def figure_of(measure: str, lines: Sequence[Line]) -> Figure | None:
    """A measure over all folds and seeds of some lines; None: there is nothing that counts."""
    seeds = list(dict.fromkeys(one["axes"]["seed"] for one in lines))
    if measure in ("AUC", "precision", "recall", "false alarms", "F1"):
        return _of_detector(measure, [one for one in lines if one["axes"]["seed"] == seeds[0]])
    whole = _over_all(measure, lines)
    if whole is None or len(seeds) == 1:
        return whole
    each = [_over_all(measure, [one for one in lines if one["axes"]["seed"] == seed]) for seed in seeds]
    deviation = statistics.stdev(one.value for one in each if one is not None)
    return Figure(whole.value, whole.count, whole.of, whole.low, whole.high, deviation)


def _over_all(measure: str, lines: Sequence[Line]) -> Figure | None:
    if measure in SHARES:
        added, key = SHARES[measure]
        chosen = [one for one in lines if one["added"] == added and one.get(key) is not None]
        return _rate([one[key] for one in chosen], len({one["video"] for one in chosen}))
    if measure in (*RUNGS, "robust ACC"):
        rungs = RUNGS if measure == "robust ACC" else (measure,)
        right: dict[tuple[str, str], bool] = defaultdict(lambda: True)
        for one in lines:
            if one.get("rung") in rungs and one["correct"] is not None:
                right[one["video"], one["axes"]["seed"]] &= one["correct"]
        return _rate(list(right.values()), len({video for video, _ in right}))
    return _of_pattern(measure, [one for one in lines if one["added"] == "perturbed"])


def _of_pattern(measure: str, lines: Sequence[Line]) -> Figure | None:
    cells = {one["cell"]: one for one in lines}.values()
    values: dict[str, Callable[[], Iterable[float]]] = {
        "P-l2": lambda: (
            one["l2_rms"] / 255 * math.sqrt(one["elements"]) for one in lines if one["l2_rms"] is not None
        ),
        "P-linf": lambda: (one["linf"] / 255 for one in lines if one["linf"] is not None),
        "MAP": lambda: (one["map"] for one in lines if one["map"] is not None),
        "seconds": lambda: (one["learn_seconds"] for one in cells),
        "ms a step": lambda: (1000 * one["learn_seconds"] / one["steps"] for one in cells if one["steps"]),
    }
    found = list(values[measure]())
    if not found:
        return None
    return Figure(max(found) if measure == "P-linf" else statistics.mean(found))


def _rate(outcomes: Sequence[bool], videos: int) -> Figure | None:
    """A share with its Wilson interval, as that of as many outcomes as there are videos."""
    if not outcomes:
        return None
    share, z = sum(outcomes) / len(outcomes), statistics.NormalDist().inv_cdf(0.975)
    middle = (share + z * z / (2 * videos)) / (1 + z * z / videos)
    half = z / (1 + z * z / videos) * math.sqrt(share * (1 - share) / videos + z * z / (4 * videos**2))
    return Figure(share, sum(outcomes), len(outcomes), max(0.0, middle - half), min(1.0, middle + half))


def _of_detector(measure: str, lines: Sequence[Line]) -> Figure | None:
    clean, attacked = ([one for one in lines if one["added"] == added] for added in ("none", "perturbed"))
    if measure == "AUC":
        pairs = [(a["score"] > b["score"]) + (a["score"] == b["score"]) / 2 for a in attacked for b in clean]
        return Figure(statistics.mean(pairs))
    thresholds = _thresholds(clean)
    hits = [one["score"] > thresholds[one["recording"]] for one in attacked]
    alarms = [one["score"] > thresholds[one["recording"]] for one in clean]
    if measure == "F1":
        marked = len(hits) + sum(hits) + sum(alarms)
        return Figure(2 * sum(hits) / marked)
    outcomes = {
        "recall": hits, "false alarms": alarms, "precision": [True] * sum(hits) + [False] * sum(alarms),
    }[measure]  # fmt: skip
    return _rate(outcomes, len(outcomes))


def _thresholds(clean: Sequence[Line]) -> dict[str, float]:
    """Of each recording: sorted recordings are dealt to folds in turn, and the scores of the other folds give it."""
    recordings = sorted({one["recording"] for one in clean})
    folds = min(THRESHOLD_FOLDS, len(recordings))
    fold_of = {recording: number % folds for number, recording in enumerate(recordings)}
    found = {}
    for recording, fold in fold_of.items():
        scores = sorted(one["score"] for one in clean if fold_of[one["recording"]] != fold)
        rank = math.ceil((len(scores) + 1) * (1 - FALSE_ALARMS))
        found[recording] = scores[min(rank, len(scores)) - 1]
    return found
