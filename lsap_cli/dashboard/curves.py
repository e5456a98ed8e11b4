"""Curves of a learning run: what is plotted of a history, thinned to what a terminal can show."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lsap_cli.evaluation.rates import rate_of
from lsap_cli.runs.history import History, Step, Verification

T = TypeVar("T")
LEAST_CLIPS = 32  # that one point of the fooling rate pools
POINTS = 100  # of a curve: a terminal's column has two


@dataclass(frozen=True)
class Line:
    """Points of one line; `low` and `high` are its band, empty where it has none."""

    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class Kind:
    """One kind of curve.

    Attributes:
        name: its title.
        about: what it tells, in a few words.
        line: makes it from the steps.
        bounds: of its values, where they are known.
    """

    name: str
    about: str
    line: Callable[[Sequence[Step]], Line]
    bounds: tuple[float, float] | None = None


def _mean_of(get: Callable[[Step], float | None]) -> Callable[[Sequence[Step]], Line]:
    def line(steps: Sequence[Step]) -> Line:
        known = [(step.number, value) for step in steps if (value := get(step)) is not None]
        parts = _parts(known)
        return Line(
            [sum(x for x, _ in part) / len(part) for part in parts],
            [sum(y for _, y in part) / len(part) for part in parts],
            [], [],
        )  # fmt: skip

    return line


def _fooling(steps: Sequence[Step]) -> Line:
    """Fooled clips of the batches, pooled over neighboring steps, with the Wilson interval of the pooled count.

    Each point pools at least LEAST_CLIPS, so that the band says something; where batches are small, neighboring points
    share some of them.
    """
    known = [step for step in steps if step.fooled is not None and step.clips]
    line = Line([], [], [], [])
    if not known:
        return line
    parts = _parts([(step.number, step) for step in known])
    reach = max(len(parts[0]), math.ceil(LEAST_CLIPS / (known[0].clips or 1.0)))
    end = 0
    for part in parts:
        end += len(part)
        middle = end - len(part) // 2
        pool = known[max(0, middle - reach // 2) : max(0, middle - reach // 2) + reach]
        count, of = round(sum(step.fooled or 0 for step in pool)), round(sum(step.clips or 0 for step in pool))
        rate = rate_of(min(max(count, 0), of), of)
        if rate is not None:
            line.x.append(sum(x for x, _ in part) / len(part))
            line.y.append(rate["value"])
            line.low.append(rate["low"])
            line.high.append(rate["high"])
    return line


def _pace(steps: Sequence[Step]) -> Line:
    """Clips a second of learning, between neighboring points."""
    known = [step for step in steps if step.seconds is not None and step.clips]
    ends = [part[-1][1] for part in _parts([(step.number, step) for step in known])]
    line = Line([], [], [], [])
    for before, after in zip([*known[:1], *ends], ends, strict=False):
        passed = (after.seconds or 0.0) - (before.seconds or 0.0)
        if passed > 0 and after.number > before.number:
            line.x.append(after.number)
            line.y.append((after.number - before.number) * (after.clips or 0.0) / passed)
    return line


def _parts(values: Sequence[tuple[float, T]]) -> list[Sequence[tuple[float, T]]]:
    """At most POINTS stretches of about the same length; none is empty."""
    count = min(POINTS, len(values))
    edges = [round(place * len(values) / count) for place in range(count + 1)] if count else [0]
    return [values[a:b] for a, b in itertools.pairwise(edges) if b > a]


KINDS = (
    Kind("loss", "of each batch; falls while the attacker gains", _mean_of(lambda step: step.loss)),
    Kind("fooling rate", "of the batches, with its 95 % band; ● on unseen videos", _fooling, (0.0, 1.0)),
    Kind("coherence", "of the pattern over time", _mean_of(lambda step: step.coherence)),
    Kind(
        "step size", "of the update, in levels of 0-255", _mean_of(lambda step: step.step_size and step.step_size * 255)
    ),
    Kind("clips a second", "how fast it learns", _pace),
)


def pace(history: History) -> float | None:
    """Clips a second lately."""
    line = _pace(history.steps.items[-60:])
    return line.y[-1] if line.y else None


def verified(history: History) -> list[Verification]:
    return history.verifications[-POINTS:]
