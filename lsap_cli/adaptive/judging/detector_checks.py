"""Whether the attackers of a detector's ladder can be believed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lsap_cli.adaptive.judging.checks import Check, Finding, as_check, slack, with_interval
from lsap_cli.evaluation.rates import Rate


def detector_checks(ladders: Sequence[Mapping[str, Any]]) -> list[Check]:
    """The checks of each detector's ladder; none where no threshold could be found.

    Args:
        ladders: as `detector_ladder_results` returns them.
    """
    return [as_check(ladder["detector"], finding) for ladder in ladders for finding in _findings(ladder)]


def _findings(ladder: Mapping[str, Any]) -> Iterator[Finding]:
    by_rung: dict[str, list[Any]] = {}
    for rung in ladder["rungs"]:
        by_rung.setdefault(rung["rung"], []).extend(rung["rows"])
    groups = (by_rung["A0"], by_rung["A2"] + by_rung["A4"], by_rung["A5"], ladder["noise"])
    if not all(groups):
        return
    transfer, gradient, search, noise = map(_most_won, groups)
    yield Finding(
        gradient["value"] >= transfer["value"] - slack(gradient),
        "knowing the detector helps",
        _compared(gradient, "without knowledge", transfer),
        "An attack that does not know the detector and wins more shows that the adaptive ones are too weak: give more --steps.",
    )
    yield Finding(
        gradient["value"] >= search["value"] - slack(gradient),
        "white-box beats gradient-free",
        _compared(gradient, "random search", search),
        "A search without gradients that wins more shows that the detector's gradient leads nowhere.",
    )
    yield Finding(
        gradient["low"] > noise["high"],
        "noise does far less",
        _compared(gradient, "noise of the same size", noise),
        "Where the intervals meet, the attack is not shown to be more than noise beside this detector.",
    )


def _most_won(rows: Sequence[Mapping[str, Any]]) -> Rate:
    rates: list[Rate] = [row["evasion_rate"] for row in rows]
    return max(rates, key=lambda one: one["value"])


def _compared(own: Rate, name: str, other: Rate) -> str:
    return f"wrong and not flagged: {with_interval(own)}, {name}: {with_interval(other)}"
