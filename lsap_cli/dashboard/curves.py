"""Curves of a learning run: what is plotted of a history, thinned to what a terminal can show."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lsap_cli.results.base import or_none
from lsap_cli.results.events import StepEvent, UsageEvent
from lsap_cli.results.rates import rate_of
from lsap_cli.runs.history import History, VerificationPoint

T = TypeVar("T")
GENERATE, TRAIN, HARDEN = "generate", "train", "harden"
TRAINING = (TRAIN, HARDEN)  # commands that change a network's weights
LEARNING = (GENERATE, *TRAINING)  # those whose steps have curves
LEAST_CLIPS = 32  # that one point of the fooling rate pools
POINTS = 100  # of a curve: a terminal's column has two


@dataclass(frozen=True)
class CurveLine:
    """Points of one line; `low` and `high` are its band, empty where it has none.

    A value that is not finite is a gap: what stands on its two sides is not joined.
    """

    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]

    def parts(self, values: Sequence[float] | None = None) -> list[list[tuple[float, float]]]:
        """The stretches between gaps, as points (x, y).

        Args:
            values: `low` or `high` instead of `y`.
        """
        points = zip(self.x, self.y if values is None else values, strict=False)
        finite = itertools.groupby(points, lambda point: math.isfinite(point[1]))
        return [list(stretch) for is_finite, stretch in finite if is_finite]


@dataclass(frozen=True)
class CurveKind:
    """One kind of curve.

    Attributes:
        name: its title.
        about: what it is, in a few words.
        line: makes it from the steps, or of a curve of the machine from what the run wrote about its use of it.
        bounds: of its values, where they are known.
        commands: whose runs have it.
        of_machine: whether it is of the machine, over minutes.
    """

    name: str
    about: str
    line: Callable[[Sequence[Any]], CurveLine]  # of StepEvent, or of UsageEvent
    bounds: tuple[float, float] | None = None
    commands: tuple[str, ...] = (GENERATE,)
    of_machine: bool = False

    def line_of(self, history: History) -> CurveLine:
        """The curve of a run."""
        return self.line(history.usage.items if self.of_machine else history.steps.items)


def _mean_of(get: Callable[[StepEvent], float | None]) -> Callable[[Sequence[StepEvent]], CurveLine]:
    def line(steps: Sequence[StepEvent]) -> CurveLine:
        parts = _parts(_with_gaps([(step.number, get(step)) for step in steps]))
        return CurveLine(
            [sum(x for x, _ in part) / len(part) for part in parts],
            [_mean([value for _, value in part]) for part in parts],
            [], [],
        )  # fmt: skip

    return line


def _with_gaps(values: Sequence[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    """Values without those that are missing as usual (recorded at every tenth step, say); longer gaps stay."""
    known = [place for place, (_, value) in enumerate(values) if value is not None]
    distances = sorted(after - before for before, after in itertools.pairwise(known))
    usual = distances[len(distances) // 2] if distances else 1
    kept: list[tuple[int, float | None]] = []
    for before, place in zip([None, *known], known, strict=False):
        if before is not None and place - before >= 2 * usual:
            kept.append((values[(before + place) // 2][0], None))
        kept.append(values[place])
    return kept


def _mean(values: Sequence[float | None]) -> float:
    """Of the finite ones; nan, which is a gap, where a value is missing for a whole stretch."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _share_of(get: Callable[[StepEvent], float | None]) -> Callable[[Sequence[StepEvent]], CurveLine]:
    """A count of clips of the batches, pooled over neighboring steps, with the Wilson interval of the pooled count.

    Each point pools at least LEAST_CLIPS, so that the band is informative; where batches are small, neighboring points
    share some of them.
    """
    return lambda steps: _pooled([(step, count) for step in steps if step.clips and (count := get(step)) is not None])


def _pooled(known: Sequence[tuple[StepEvent, float]]) -> CurveLine:
    line = CurveLine([], [], [], [])
    if not known:
        return line
    parts = _parts([(step.number, step) for step, _ in known])
    reach = max(len(parts[0]), math.ceil(LEAST_CLIPS / (known[0][0].clips or 1.0)))
    end = 0
    for part in parts:
        end += len(part)
        middle = end - len(part) // 2
        pool = known[max(0, middle - reach // 2) : max(0, middle - reach // 2) + reach]
        count, of = round(sum(one for _, one in pool)), round(sum(step.clips or 0 for step, _ in pool))
        rate = rate_of(min(max(count, 0), of), of)
        if rate is not None:
            line.x.append(sum(x for x, _ in part) / len(part))
            line.y.append(rate.value)
            line.low.append(rate.low)
            line.high.append(rate.high)
    return line


def _learning_pace(steps: Sequence[StepEvent]) -> CurveLine:
    """Clips a second of learning, between neighboring points."""
    known = [step for step in steps if step.seconds is not None and step.clips]
    ends = [part[-1][1] for part in _parts([(step.number, step) for step in known])]
    line = CurveLine([], [], [], [])
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


def _usage_of(get: Callable[[UsageEvent], float | None]) -> Callable[[Sequence[UsageEvent]], CurveLine]:
    """A figure of the machine over the minutes since the run's first one."""

    def line(events: Sequence[UsageEvent]) -> CurveLine:
        known = [(event.time, value) for event in events if (value := get(event)) is not None]
        start = events[0].time if events else 0.0
        parts = _parts(known)
        return CurveLine(
            [(sum(x for x, _ in part) / len(part) - start) / 60 for part in parts],
            [_mean([y for _, y in part]) for part in parts],
            [], [],
        )  # fmt: skip

    return line


def _disk_pace(events: Sequence[UsageEvent]) -> CurveLine:
    """MB a second that were read and written, between neighboring events."""
    line = CurveLine([], [], [], [])
    known = [(event.time, moved) for event in events if (moved := or_none(event.disk_bytes)) is not None]
    for (before, first), (after, last) in itertools.pairwise(known):
        if after > before and last >= first:  # a resumed run counts from 0 again
            line.x.append((after - known[0][0]) / 60)
            line.y.append((last - first) / 2**20 / (after - before))
    return line


def _gigabytes(size: float | None) -> float | None:
    return None if size is None else size / 2**30


CURVES = (
    CurveKind("loss", "of each batch, falls while the attacker gains", _mean_of(lambda step: step.loss)),
    CurveKind(
        "fooling rate",
        "of the batches, with its 95 % band, ● on unseen videos",
        _share_of(lambda step: step.fooled),
        (0.0, 1.0),
    ),
    CurveKind("coherence", "of the pattern over time", _mean_of(lambda step: step.coherence)),
    CurveKind(
        "step size", "of the update, in levels of 0-255", _mean_of(lambda step: step.step_size and step.step_size * 255)
    ),
    CurveKind(
        "training loss",
        "cross-entropy of each batch",
        _mean_of(lambda step: step.loss),
        commands=TRAINING,
    ),
    CurveKind(
        "accuracy",
        "of the batches, with its 95 % band, ● on unseen videos",
        _share_of(lambda step: or_none(step.right)),
        (0.0, 1.0),
        TRAINING,
    ),
    CurveKind("learning rate", "of the head", _mean_of(lambda step: or_none(step.learning_rate)), commands=TRAINING),
    CurveKind("clips a second", "how fast it learns", _learning_pace, commands=LEARNING),
)


MACHINE = (
    CurveKind(
        "processor", "% of one core, over minutes", _usage_of(lambda one: one.cpu_percent),
        commands=LEARNING, of_machine=True,
    ),
    CurveKind(
        "memory", "GB of the run's process, over minutes", _usage_of(lambda one: _gigabytes(one.memory_bytes)),
        commands=TRAINING, of_machine=True,
    ),
    CurveKind(
        "GPU", "% busy, over minutes", _usage_of(lambda one: or_none(one.gpu_percent)), commands=(), of_machine=True
    ),
    CurveKind("disk", "MB a second read and written, over minutes", _disk_pace, commands=(), of_machine=True),
)  # fmt: skip


def value_limits(lines: Sequence[CurveLine], first: float = -math.inf, last: float = math.inf) -> tuple[float, float]:
    """The lowest and the highest value between two places, with some room: ticks of a flat line differ, too."""
    seen = [y for line in lines for part in line.parts() for x, y in part if first <= x <= last]
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    room = max(0.05 * (high - low), 0.005 * max(abs(low), abs(high))) or 1.0
    return low - room, high + room


def clips_per_second(history: History) -> float | None:
    """Clips a second lately."""
    line = _learning_pace(history.steps.items[-60:])
    return line.y[-1] if line.y else None


def newest_verifications(history: History) -> list[VerificationPoint]:
    return history.verifications[-POINTS:]
