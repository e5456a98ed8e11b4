"""What a run's events add up to, in bounded memory: a run of a million events takes no more of it than one of ten thousand."""

import json
import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
MOST_ITEMS = 2048  # of each kind that comes often
LOG_LINES = 1000
FREQUENT = ("step", "file", "video", "usage")
COUNTED = ("file", "video", "skipped")  # each one is done with
KIND_MARKS = (b'"kind":"', b'"kind": "')  # as it is written now, and as version 0.1 wrote it
LARGE_BLOCK = 2**18
KIND_WITHIN = 64  # bytes: the kind comes first; version 0.1 put it behind the time


@dataclass(frozen=True)
class Step:
    """One learning step. What the run did not write is None.

    Attributes:
        number: from 1.
        seconds: of learning so far.
        fooled: clips of the batch that were fooled, of `clips`.
        coherence: LSAP's temporal coherence of the gradient or perturbation, as the run defines it.
        step_size: of the update.
        left: seconds that are left, as the run guesses.
    """

    number: float
    time: float | None
    seconds: float | None
    loss: float | None
    fooled: float | None
    clips: float | None
    coherence: float | None
    step_size: float | None
    progress: float | None
    left: float | None


@dataclass(frozen=True)
class Verification:
    """A fooling rate on videos and samplers that were not fitted, with its interval."""

    step: float
    value: float
    low: float
    high: float
    of: int


@dataclass(frozen=True)
class File:
    """One file that `apply` wrote. Norms in levels of 0-255; None where the run has none."""

    path: str
    time: float | None
    linf: float | None
    l2_rms: float | None
    exact: bool | None
    cosine: float | None  # between what was to be added and what a reader finds
    energy_kept: float | None  # of what was to be added
    frames_per_second: float | None


@dataclass(frozen=True)
class Usage:
    """What the run's process uses. None where it was not measured."""

    time: float | None
    memory_bytes: float | None
    cpu_percent: float | None
    gpu_percent: float | None
    gpu_memory_bytes: float | None


@dataclass(frozen=True)
class Stage:
    """A part of the run that began.

    Attributes:
        total: videos or files that follow; None where they are not counted.
        raw: the whole event.
    """

    name: str
    time: float | None
    total: int | None
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class LogLine:
    """An event in words."""

    time: float | None
    kind: str
    text: str


class Thinned(Generic[Item]):
    """A list of at most `limit` items, spread evenly over all that were offered.

    Every `stride`-th is kept; when the list is full, every second one goes and the stride doubles.
    """

    def __init__(self, limit: int = MOST_ITEMS) -> None:
        self.items: list[Item] = []
        self.seen = 0
        self.stride = 1
        self._limit = limit

    def wanted(self) -> bool:
        """Counts one more, and says whether it is to be kept with `add`."""
        self.seen += 1
        return (self.seen - 1) % self.stride == 0

    def add(self, item: Item) -> None:
        self.items.append(item)
        if len(self.items) >= self._limit:
            self.items = self.items[::2]
            self.stride *= 2

    def drop_last_while(self, unwanted: Callable[[Item], bool]) -> None:
        while self.items and unwanted(self.items[-1]):
            self.items.pop()


@dataclass
class History:
    """Everything that the screens show of events.jsonl. `feed` takes whole lines.

    Attributes:
        last_step: the newest step, thinned out or not; likewise `last_file`, `last_usage`.
        counted: videos or files since the stage began, those that were left out among them.
        at_work: how far the video or file is that is being worked on, in words; empty once it is done.
        share_at_work: the same of a video that is judged, 0 to 1.
        slow: whether a video of this stage took so long that it told.
        bad_lines: lines that are no event.
        events: lines that are one.
    """

    steps: Thinned[Step] = field(default_factory=Thinned)
    files: Thinned[File] = field(default_factory=Thinned)
    usage: Thinned[Usage] = field(default_factory=lambda: Thinned[Usage](1024))
    verifications: list[Verification] = field(default_factory=list)
    stages: deque[Stage] = field(default_factory=lambda: deque(maxlen=200))
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    logged: int = 0
    last_step: Step | None = None
    last_file: File | None = None
    last_usage: Usage | None = None
    at_work: str = ""
    share_at_work: float = 0.0
    slow: bool = False
    skipped: int = 0
    warnings: int = 0
    counted: int = 0
    bad_lines: int = 0
    events: int = 0
    first_time: float | None = None
    last_time: float | None = None

    @property
    def stage(self) -> Stage | None:
        return self.stages[-1] if self.stages else None

    def feed(self, block: bytes) -> None:
        """Takes in whole lines of events.jsonl, in order.

        Of kinds that come often, only the lines that are kept are parsed, and the last one. In a large block, stretches
        of one such kind are not even split into lines: a million steps must not take seconds.
        """
        newest: dict[str, bytes] = {}
        if len(block) > LARGE_BLOCK and (kind := _kind(_line_at(block, len(block) // 2))) in FREQUENT:
            start = 0
            for line_start, line_end in _other_lines(block, kind):
                self._feed_stretch(kind, block, start, line_start, newest)
                self._feed_line(block[line_start:line_end], newest)
                start = line_end
            self._feed_stretch(kind, block, start, len(block), newest)
        else:
            for line in block.split(b"\n"):
                self._feed_line(line, newest)
        for line in newest.values():
            self._take_newest(line)

    def _feed_line(self, line: bytes, newest: dict[str, bytes]) -> None:
        if not line.strip():
            return
        kind = _kind(line)
        if kind not in FREQUENT:
            self._parse_and_take(line)
            return
        thinned = self._thinned(kind)
        newest[kind] = line
        if thinned is not None and thinned.wanted():
            self._parse_and_take(line)
        else:
            self._count(kind, 1)

    def _feed_stretch(self, kind: str, block: bytes, start: int, end: int, newest: dict[str, bytes]) -> None:
        """The lines of one frequent kind between two places of a block."""
        lines, thinned = block.count(b"\n", start, end), self._thinned(kind)
        kept = 0 if thinned is None else lines // thinned.stride
        if kept * 4 > lines:
            for line in block[start:end].split(b"\n"):
                self._feed_line(line, newest)
            return
        for number in range(kept):
            self._parse_and_take(_line_at(block, start + (end - start) * number // kept))
        if lines:
            newest[kind] = block[block.rfind(b"\n", start, end - 1) + 1 : end]
        if thinned is not None:
            thinned.seen += lines
        self._count(kind, lines - kept)

    def _thinned(self, kind: str) -> "Thinned[Any] | None":
        table: dict[str, Thinned[Any]] = {"step": self.steps, "file": self.files, "usage": self.usage}
        return table.get(kind)

    def _parse_and_take(self, line: bytes) -> None:
        event = _parse(line)
        if event is None:
            self.bad_lines += 1
            return
        self._count(event["kind"], 1)
        self._take(event)

    def _count(self, kind: str, lines: int) -> None:
        self.events += lines
        if kind in COUNTED and lines:
            self.counted += lines
            self.at_work, self.share_at_work = "", 0.0

    def _take(self, event: dict[str, Any]) -> None:
        kind, time = event["kind"], number(event.get("time"))
        self.last_time = time if time is not None else self.last_time
        self.first_time = time if self.first_time is None else self.first_time
        if kind == "step" and (step := _step(event)):
            self.steps.drop_last_while(lambda kept: kept.number >= step.number)  # a resumed run repeats some
            self.steps.add(step)
            self.last_step = step
        elif kind == "file":
            self.last_file = _file(event)
            self.files.add(self.last_file)
            self._log(time, kind, _file_words(event))
        elif kind == "frames":
            self.at_work = _frames_words(event)
        elif kind == "judging":
            self.share_at_work = min(1.0, max(0.0, number(event.get("share")) or 0.0))
            self.at_work = f"{event.get('path', '')}: {self.share_at_work:.0%} judged"
            self.slow = True
        elif kind == "usage":
            self.last_usage = _usage(event)
            self.usage.add(self.last_usage)
        elif kind == "verification":
            self._verify(event, time)
        elif kind == "stage":
            self.stages.append(Stage(str(event.get("name", "")), time, _whole(event, "videos", "files"), event))
            self.counted, self.share_at_work, self.slow = 0, 0.0, False
            self._log(time, kind, str(event.get("name", "")))
        elif kind == "skipped":
            self.skipped += 1
            self._log(time, kind, f"left out {event.get('path', '')}: {event.get('reason', '')}")
        elif kind not in ("step", "video"):
            self.warnings += kind == "warning"
            self._log(time, kind, _words(event))

    def _take_newest(self, line: bytes) -> None:
        event = _parse(line)
        if event is None:
            return
        self.last_time = max(number(event.get("time")) or 0.0, self.last_time or 0.0)
        if event["kind"] == "step":
            self.last_step = _step(event) or self.last_step
        elif event["kind"] == "file":
            self.last_file = _file(event)
        elif event["kind"] == "usage":
            self.last_usage = _usage(event)

    def _verify(self, event: dict[str, Any], time: float | None) -> None:
        rate = event.get("fooled")
        if not isinstance(rate, Mapping):
            return
        step, value, low, high, of = (
            number(event.get("step")), *(number(rate.get(key)) for key in ("value", "low", "high", "of"))
        )  # fmt: skip
        if step is None or value is None or low is None or high is None or of is None:
            return
        while self.verifications and self.verifications[-1].step >= step:
            self.verifications.pop()
        self.verifications.append(Verification(step, value, low, high, int(of)))
        if len(self.verifications) > MOST_ITEMS:
            self.verifications = self.verifications[::2]
        self._log(time, "verification", f"step {step:.0f}: fooling rate {value:.2f} ({low:.2f}–{high:.2f}, n {of:.0f})")

    def _log(self, time: float | None, kind: str, text: str) -> None:
        self.log.append(LogLine(time, kind, text))
        self.logged += 1


def number(value: object) -> float | None:
    """A finite JSON number as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _line_at(block: bytes, place: int) -> bytes:
    """The line that the byte at `place` belongs to."""
    start = block.rfind(b"\n", 0, place) + 1
    end = block.find(b"\n", place)
    return block[start : end if end >= 0 else len(block)]


def _other_lines(block: bytes, kind: str) -> Iterator[tuple[int, int]]:
    """Where the lines that are not plainly events of one kind begin and end."""
    name = kind.encode()
    usual = rb'\{(?:"kind":"' + name + rb'"|"time": [0-9.]+, "kind": "' + name + rb'")'
    if not re.match(usual, block):
        yield 0, block.find(b"\n") + 1
    for found in re.compile(rb"\n(?!" + usual + b")").finditer(block, 0, len(block) - 1):
        yield found.end(), block.find(b"\n", found.end()) + 1


def _kind(line: bytes) -> str:
    """The kind of an event, without parsing it; empty where it is not found at its place."""
    for mark in KIND_MARKS:
        start = line.find(mark, 0, KIND_WITHIN)
        if start >= 0:
            start += len(mark)
            return line[start : line.find(b'"', start)].decode("ascii", "replace")
    return ""


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("kind"), str) else None


def _step(event: Mapping[str, Any]) -> Step | None:
    name = number(event.get("number"))
    if name is None:
        return None
    get = {key: number(event.get(key)) for key in ("time", "seconds", "loss", "fooled", "clips", "coherence")}
    size, progress, left = (number(event.get(key)) for key in ("step_size", "progress", "seconds_left"))
    return Step(name, **get, step_size=size, progress=progress, left=left)


def _file(event: Mapping[str, Any]) -> File:
    exact = event.get("exact")
    frames, seconds = number(event.get("frames")), number(event.get("seconds"))
    return File(
        path=str(event.get("path", "")),
        time=number(event.get("time")),
        linf=number(event.get("linf")),
        l2_rms=number(event.get("l2_rms")),
        exact=exact if isinstance(exact, bool) else None,
        cosine=number(event.get("cosine")),
        energy_kept=number(event.get("energy_kept")),
        frames_per_second=frames / seconds if frames is not None and seconds else None,
    )


def _file_words(event: Mapping[str, Any]) -> str:
    linf = number(event.get("linf"))
    return f"{event.get('path', '')}" + (f": largest change {linf:.0f}/255" if linf is not None else "")


def _frames_words(event: Mapping[str, Any]) -> str:
    frame, frames, pace = (number(event.get(key)) for key in ("frame", "frames", "frames_per_second"))
    if frame is None or frames is None or pace is None:
        return ""
    return f"{event.get('path', '')}: {event.get('doing', '')} frame {frame:.0f} of {frames:.0f}, {pace:.0f} a second"


def _usage(event: Mapping[str, Any]) -> Usage:
    keys = ("time", "memory_bytes", "cpu_percent", "gpu_percent", "gpu_memory_bytes")
    return Usage(*(number(event.get(key)) for key in keys))


def _words(event: Mapping[str, Any]) -> str:
    """An event of any kind in a line: its message, or all its fields."""
    if isinstance(event.get("message"), str):
        return str(event["message"])
    rest = {key: value for key, value in event.items() if key not in ("time", "kind")}
    return ", ".join(f"{key} {value}" for key, value in rest.items())


def _whole(event: Mapping[str, Any], *keys: str) -> int | None:
    found = next((event[key] for key in keys if key in event), None)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None
