"""What a results document may hold besides its rows: checks, an adaptive ladder, detectors, a sampler matrix.

The shapes are those of docs/file-formats.md. What cannot be read is left out; nothing raises.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lsap_cli.dashboard.words import DASH, one_line
from lsap_cli.reports.rows import Rate, printable
from lsap_cli.runs.history import number

WORST = "◀"
RATES = ("attacked_accuracy", "evasion_rate", "flagged_rate", "fooling_rate", "success_rate")


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
        defense: that he is judged behind, or the detector, as `detector SPEC`.
        name: his rung and what he does.
        rates: (sampler, what it is of, rate), such as ("uniform", "attacked accuracy", ...).
        worst: the samplers through which no other does more harm; their rates count.
    """

    defense: str
    name: str
    rates: tuple[tuple[str, str, Rate], ...]
    worst: tuple[str, ...] = ()

    def line(self, sampler: str) -> str:
        """What he does, and what counts of it through a sampler; a detector's ladder has one, which is taken instead."""
        mine = [one for one in self.rates if one[0] == sampler] or self.rates
        if not mine:
            return f"{one_line(self.name, 30):<30} {DASH}"
        through, of, rate = mine[0]
        mark = f" {WORST}" if through in self.worst or "" in self.worst else ""
        return f"{one_line(self.name, 30):<30} {of.removeprefix('attacked ')} {rate}{mark}"


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
    """The checks, each with the defense that it is about; `all` is the whole run."""
    return [
        Check(
            printable(one.get("status", "?")).upper(),
            f"{printable(one.get('name', ''))} ({printable(one.get('defense', 'all'))})",
            printable(one.get("figure", "")),
        )
        for one in _objects(results.get("checks"))
    ]


def read_ladder(results: Mapping[str, Any]) -> list[Rung]:
    """Every rung of every defense and detector, with the rates of its rows, one sampler after the other."""
    return [
        _rung(defense, rung)
        for ladder in ("ladder", "detector_ladder")
        for defense in _objects(results.get(ladder))
        for rung in _objects(defense.get("rungs"))
    ]


def _rung(defense: Mapping[str, Any], rung: Mapping[str, Any]) -> Rung:
    attack, letter = printable(rung.get("attack") or ""), printable(rung.get("rung") or "")
    against = printable(defense.get("detector") or defense.get("defense") or "")
    name = attack.removesuffix(f" ({against})").removesuffix(f" (below {against})")
    rates = [
        (printable(row.get("sampler", "")), key.replace("_", " "), rate)
        for row in _objects(rung.get("rows"))
        for key in RATES
        if (rate := read_rate(row.get(key)))
    ]
    worst = [one for one in _objects(defense.get("robust")) if printable(one.get("attack") or "") == attack]
    return Rung(
        f"detector {against}" if "detector" in defense else against,
        f"{letter} {re.sub('^A[0-9] ', '', name)}".strip(),  # another ladder's rung may be this one's A0
        tuple(rates),
        tuple(printable(one.get("sampler", "")) for one in worst),
    )


def read_detectors(results: Mapping[str, Any]) -> list[Detector]:
    return [
        Detector(
            f"{printable(one.get('detector', 'detector'))}, {printable(one.get('attack', ''))}",
            tuple(_points(one.get("curve"))),
            tuple(_figures(one)),
        )
        for one in _objects(results.get("detectors"))
    ]


def read_matrix(results: Mapping[str, Any]) -> Matrix | None:
    """The sampler matrix: a row for each perturbation, named by the samplers that it was learned through."""
    cells: dict[tuple[str, str], Rate] = {}
    for one in _objects(results.get("sampler_matrix")):
        fit, rates = one.get("fit"), one.get("rates")
        if not isinstance(fit, list) or not isinstance(rates, Mapping):
            continue
        name = f"{printable(one.get('attack', ''))}: {', '.join(map(printable, fit))}"
        for sampler, value in rates.items():
            if rate := read_rate(value):
                cells[name, printable(sampler)] = rate
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


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; nothing where there is no list."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def _points(curve: object) -> Iterator[tuple[float, float]]:
    """(false positive rate, true positive rate) from the two lists of a curve."""
    if not isinstance(curve, Mapping):
        return
    axes = [curve.get(name) for name in ("false_positive_rate", "true_positive_rate")]
    if not all(isinstance(axis, list) for axis in axes):
        return
    for pair in zip(*axes, strict=False):
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
