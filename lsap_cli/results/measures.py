"""The rates by which rows are compared: which a row has, and which way is bad for the model."""

from collections.abc import Iterable
from typing import Literal

from lsap_cli.results.rates import Rate
from lsap_cli.results.rows import Row, Rows

Metric = Literal["accuracy", "fooling rate", "success rate"]
METRICS: tuple[Metric, ...] = ("accuracy", "fooling rate", "success rate")


def rate_of_row(row: Row | None, metric: str) -> Rate | None:
    """One of a row's rates; None where it was not measured."""
    if row is None:
        return None
    rates = {"accuracy": row.accuracy, "fooling rate": row.fooling_rate, "success rate": row.success_rate}
    return rates[metric]


def metrics_of(rows: Rows) -> list[Metric]:
    """The metrics that any row has, accuracy first."""
    return [metric for metric in METRICS if any(rate_of_row(row, metric) for row in rows.rows)]


def goodness(rate: Rate, metric: str) -> float:
    """The rate as the model's user sees it: 1 is best."""
    return rate.value if metric == "accuracy" else 1.0 - rate.value


def worst_rate(rates: Iterable[Rate], metric: str) -> Rate | None:
    """The rate that is worst for the model (ties: the first); None where there is none."""
    return min(rates, key=lambda rate: goodness(rate, metric), default=None)
