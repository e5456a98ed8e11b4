"""Whether the attackers of a detector's ladder can be believed."""

from collections.abc import Iterator, Sequence

from lsap_cli.adaptive.judging.checks import Finding, as_check, slack
from lsap_cli.results.ladders import Check, DetectorLadder, EvasionRow
from lsap_cli.results.rates import Rate


def detector_checks(ladder: DetectorLadder) -> list[Check]:
    """The checks of a detector's ladder; none where no threshold could be found."""
    return [as_check(ladder.detector, finding) for finding in _findings(ladder)]


def _findings(ladder: DetectorLadder) -> Iterator[Finding]:
    groups = (_rows(ladder, "A0"), _rows(ladder, "A2", "A4"), _rows(ladder, "A5"), ladder.noise)
    transfer, gradient, search, noise = map(_most_won, groups)
    if transfer is None or gradient is None or search is None or noise is None:
        return
    yield Finding(
        gradient.value >= transfer.value - slack(gradient),
        "knowing the detector helps",
        _compared(gradient, "without knowledge", transfer),
        "An attack that does not know the detector and wins more shows that the adaptive ones are too weak: give more --steps.",
    )
    yield Finding(
        gradient.value >= search.value - slack(gradient),
        "white-box beats gradient-free",
        _compared(gradient, "random search", search),
        "A search without gradients that wins more shows that the detector's gradient leads nowhere.",
    )
    yield Finding(
        gradient.low > noise.high,
        "noise does far less",
        _compared(gradient, "noise of the same size", noise),
        "Where the intervals meet, the attack is not shown to be more than noise beside this detector.",
    )


def _rows(ladder: DetectorLadder, *rungs: str) -> list[EvasionRow]:
    return [row for rung in ladder.rungs if rung.rung in rungs for row in rung.rows]


def _most_won(rows: Sequence[EvasionRow]) -> Rate | None:
    rates = [row.evasion_rate for row in rows if row.evasion_rate]
    return max(rates, key=lambda one: one.value, default=None)


def _compared(own: Rate, name: str, other: Rate) -> str:
    return f"wrong and not flagged: {own}, {name}: {other}"
