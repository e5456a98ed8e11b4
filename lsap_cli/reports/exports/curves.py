"""The curves of a run, from its events."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lsap_cli.reports.exports.names import UniqueNames
from lsap_cli.results.base import or_none
from lsap_cli.results.event_lines import OtherEvent
from lsap_cli.results.events import Event, FileEvent, StageEvent, StepEvent, UsageEvent, VerificationEvent

Value = float | None
Named = tuple[tuple[str, ...], int, Value]  # a curve's name by its levels, the step, the value


@dataclass(frozen=True)
class Point:
    """A point of a curve.

    Attributes:
        step: of learning, number of the file, or seconds since the start.
        value: finite.
        time: seconds since 1970.
    """

    step: int
    value: float
    time: float


Curves = dict[str, list[Point]]


@dataclass
class _Reader:
    """What earlier events say of later ones."""

    attacker: str = ""
    files: int = 0
    started: float | None = None
    points: dict[tuple[str, ...], dict[int, Point]] = field(default_factory=dict)

    def take(self, event: Event | OtherEvent) -> None:
        if self.started is None:
            self.started = event.time
        if isinstance(event, StageEvent):
            number = or_none(event.attacker)
            self.attacker = "" if number is None else f"attacker {number}"
        for name, step, value in self._values(event):
            if value is not None:
                self.points.setdefault(name, {})[step] = Point(step, float(value), event.time)

    def _values(self, event: Event | OtherEvent) -> Iterator[Named]:
        if isinstance(event, StepEvent):
            yield from _step_values(event, self._who("learning", event.member))
        elif isinstance(event, VerificationEvent):
            yield from _verification_values(event, self._who("verification", event.member))
        elif isinstance(event, FileEvent):
            self.files += 1
            yield from _file_values(event, self.files)
        elif isinstance(event, UsageEvent):
            seconds = max(0, round(event.time - (self.started or event.time)))
            yield from _usage_values(event, seconds)

    def _who(self, what: str, member: object) -> str:
        """The first level of a name: what it is of, and whose."""
        whose = [self.attacker, f"member {member}" if isinstance(member, str | int) else ""]
        return " ".join([what, *filter(None, whose)])


def read_curves(events: Iterable[Event | OtherEvent]) -> Curves:
    """Curves by name, points by step. A step that a resumed run did again counts once, as it was done last.

    Args:
        events: of a run, in their order.
    """
    reader = _Reader()
    for event in events:
        reader.take(event)
    names = UniqueNames()
    return {names(name): [points[step] for step in sorted(points)] for name, points in reader.points.items()}


def _step_values(event: StepEvent, who: str) -> Iterator[Named]:
    fooled = event.fooled / event.clips if event.fooled is not None and event.clips else None
    right = or_none(event.right)
    values: dict[str, Value] = {
        "loss": event.loss,
        "fooling rate of batches": fooled,
        "accuracy of batches": right / event.clips if right is not None and event.clips else None,
        "gradient": event.gradient,
        "step size": event.step_size,
        "coherence": event.coherence,
    }
    for name, value in values.items():
        yield (who, name), event.number, value


def _verification_values(event: VerificationEvent, who: str) -> Iterator[Named]:
    yield (who, "loss"), event.step, event.loss
    rates = {"": event.fooled} | dict(or_none(event.by_sampler) or {})
    for sampler, rate in rates.items():
        if rate is not None:
            name = (who, "fooling rate") if not sampler else (who, "fooling rate", sampler)
            for end, value in (("", rate.value), (" low", rate.low), (" high", rate.high)):
                yield (*name[:-1], name[-1] + end), event.step, value

    for outcome, measured in (
        ("accuracy", or_none(event.accuracy)),
        ("accuracy under attack", or_none(event.attacked)),
    ):
        if measured is not None:
            for end, value in (("", measured.value), (" low", measured.low), (" high", measured.high)):
                yield (who, outcome + end), event.step, value


def _file_values(event: FileEvent, number: int) -> Iterator[Named]:
    values = {
        "linf": event.linf,
        "l2_rms": event.l2_rms,
        "cosine": event.cosine,
        "energy kept": event.energy_kept,
        "seconds": event.seconds,
    }
    for name, value in values.items():
        yield ("files", name), number, or_none(value)


def _usage_values(event: UsageEvent, seconds: int) -> Iterator[Named]:
    gigabytes = None if event.memory_bytes is None else event.memory_bytes / 2**30
    gpu_bytes = or_none(event.gpu_memory_bytes)
    values: dict[str, Value] = {
        "memory in GB": gigabytes,
        "processor in percent": event.cpu_percent,
        "GPU in percent": or_none(event.gpu_percent),
        "GPU memory in GB": None if gpu_bytes is None else gpu_bytes / 2**30,
    }
    for name, value in values.items():
        yield ("usage", name), seconds, value
