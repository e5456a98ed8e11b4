"""What a results document may hold besides its rows: checks, an adaptive ladder, detectors, a sampler matrix.

Every reader takes what a run wrote, whichever lsap wrote it, and leaves out what it cannot read; nothing raises.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsap_cli.reports.rows import Rate, printable
from lsap_cli.runs.history import number

RATES = ("robust_accuracy", "attacked_accuracy", "fooling_rate", "success_rate", "rate")


@dataclass(frozen=True)
class Check:
    """One sanity check: PASS, WARN or FAIL, what was tested, and the figure behind it."""

    verdict: str
    test: str
    figure: str


@dataclass(frozen=True)
class Rung:
    """One attacker of the adaptive ladder against one defense.

    Attributes:
        rates: by what they are of, such as `attacked accuracy`.
    """

    defense: str
    name: str
    rates: tuple[tuple[str, Rate], ...]


@dataclass(frozen=True)
class Detector:
    """A detector's ROC curve and figures.

    Attributes:
        points: (false positive rate, true positive rate), by rising false positives.
        figures: such as ("auc", "0.93").
    """

    name: str
    points: tuple[tuple[float, float], ...]
    figures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Matrix:
    """Rates for samplers learned through (rows) by samplers looked through (columns)."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Rate]


def read_checks(results: Mapping[str, Any]) -> list[Check]:
    return [
        Check(
            printable(one.get("verdict", one.get("status", "?"))).upper(),
            printable(one.get("test") or one.get("name") or one.get("check") or ""),
            printable(one.get("figure") or one.get("message") or one.get("value") or ""),
        )
        for one in _objects(results.get("checks"), "test")
    ]


def read_ladder(results: Mapping[str, Any]) -> list[Rung]:
    return [
        Rung(
            printable(one.get("defense", "")),
            printable(one.get("rung") or one.get("name") or one.get("attack") or ""),
            tuple((name.replace("_", " "), rate) for name in RATES if (rate := read_rate(one.get(name)))),
        )
        for one in _rungs(results.get("ladder"))
    ]


def read_detectors(results: Mapping[str, Any]) -> list[Detector]:
    return [
        Detector(
            printable(one.get("detector") or one.get("name") or "detector"),
            tuple(_points(one.get("roc"))),
            tuple(_figures(one)),
        )
        for one in _objects(results.get("detectors"), "detector")
    ]


def read_matrix(results: Mapping[str, Any]) -> Matrix | None:
    """The sampler matrix, from a list of cells or from two lists of names and a table of rates."""
    found = results.get("sampler_matrix")
    if isinstance(found, Mapping) and isinstance(found.get("rates"), list):
        rows, columns = (
            _names(found, "fitted", "fit", "fit_samplers", "rows"),
            _names(found, "samplers", "evaluated", "evaluation", "eval", "columns"),
        )
        table = {
            (row, column): rate
            for row, line in zip(rows, found["rates"], strict=False)
            if isinstance(line, list)
            for column, value in zip(columns, line, strict=False)
            if (rate := read_rate(value))
        }
        return Matrix(tuple(rows), tuple(columns), table) if table else None
    if isinstance(found, Mapping):
        found = found.get("cells", found.get("rows"))
    cells: dict[tuple[str, str], Rate] = {}
    for one in _objects(found, "fitted"):
        row = next((one[key] for key in ("fitted", "fit", "learned", "fit_sampler", "group") if key in one), "all")
        column = next((one[key] for key in ("sampler", "evaluated", "evaluation", "eval_sampler") if key in one), None)
        rate = next((rate for name in ("fooling_rate", *RATES) if (rate := read_rate(one.get(name)))), None)
        if column is not None and rate is not None:
            cells[printable(row), printable(column)] = rate
    if not cells:
        return None
    return Matrix(tuple(dict.fromkeys(key[0] for key in cells)), tuple(dict.fromkeys(key[1] for key in cells)), cells)


def read_rate(value: object) -> Rate | None:
    """A rate, or None where the value is none."""
    if not isinstance(value, Mapping):
        return None
    try:
        return Rate.read(value)
    except (KeyError, TypeError, ValueError):
        return None


def _objects(value: object, name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list, or of an object whose keys are their names."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if isinstance(one, Mapping):
                yield {name: key, **one}
            elif isinstance(one, list):
                yield from ({name: key, **each} for each in one if isinstance(each, Mapping))
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def _rungs(value: object) -> Iterator[Mapping[str, Any]]:
    """Rungs in a flat list, or below each defense."""
    for one in _objects(value, "defense"):
        inner = one.get("rungs")
        if isinstance(inner, list):
            yield from ({"defense": one.get("defense", ""), **each} for each in inner if isinstance(each, Mapping))
        else:
            yield one


def _points(roc: object) -> Iterator[tuple[float, float]]:
    """From {"fpr": [...], "tpr": [...]} or [[fpr, tpr], ...]."""
    pairs: Sequence[Any] = []
    if isinstance(roc, Mapping):
        pairs = list(
            zip(_list(roc, "fpr", "false_positive_rate"), _list(roc, "tpr", "true_positive_rate"), strict=False)
        )
    elif isinstance(roc, list):
        pairs = [
            (one.get("fpr"), one.get("tpr")) if isinstance(one, Mapping) else one
            for one in roc
            if isinstance(one, Mapping) or (isinstance(one, list) and len(one) >= 2)
        ]
    for pair in pairs:
        x, y = number(pair[0]), number(pair[1])
        if x is not None and y is not None:
            yield x, y


def _figures(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Everything of a detector that is a number, a rate, or a value with an interval."""
    for key, value in one.items():
        name = printable(key).replace("_", " ")
        rate = read_rate(value)
        plain = number(value)
        if rate is not None:
            yield name, str(rate)
        elif plain is not None:
            yield name, f"{plain:.3g}"
        elif isinstance(value, Mapping) and (middle := number(value.get("value"))) is not None:
            low, high = number(value.get("low")), number(value.get("high"))
            interval = f" ({low:.2f}–{high:.2f})" if low is not None and high is not None else ""
            yield name, f"{middle:.3g}{interval}"


def _names(found: Mapping[str, Any], *keys: str) -> list[str]:
    return [printable(one) for one in _list(found, *keys)]


def _list(found: Mapping[str, Any], *keys: str) -> list[Any]:
    """The first of these that is a list."""
    return next((list(found[key]) for key in keys if isinstance(found.get(key), list)), [])
