"""The state that a run's events add up to, in memory that does not grow with their number."""

from collections import deque
from dataclasses import dataclass, field

import msgspec

from lsap_cli.results.base import UNSET, or_none
from lsap_cli.results.event_lines import OtherEvent, decode_event
from lsap_cli.results.event_words import (
    at_work_words,
    cell_words,
    cluster_words,
    file_words,
    frames_words,
    resumed_words,
    sampler_range_of,
    skipped_words,
    split_words,
    verification_words,
)
from lsap_cli.results.events import (
    CellEvent,
    CellsAtWorkEvent,
    ClusterEvent,
    Event,
    FileEvent,
    FramesEvent,
    JudgingEvent,
    NoteEvent,
    PlanEvent,
    ResumedEvent,
    SkippedEvent,
    SplitEvent,
    StageEvent,
    StartEvent,
    StepEvent,
    UsageEvent,
    VerificationEvent,
    VideoEvent,
    WarningEvent,
    kind_name,
)
from lsap_cli.results.rates import Rate
from lsap_cli.results.spread import SamplerRange
from lsap_cli.runs.thinning import MOST_ITEMS, Thinned, kind_of, last_line, line_at, other_lines
from lsap_cli.runs.whole_progress import WholeProgress

LOG_LINES = 1000
LARGE_BLOCK = 2**18
AnyEvent = Event | OtherEvent
STAGE = kind_name(StageEvent)
FREQUENT = tuple(kind_name(one) for one in (StepEvent, FileEvent, VideoEvent, UsageEvent))
COUNTED = tuple(kind_name(one) for one in (FileEvent, VideoEvent, SkippedEvent, CellEvent))  # each ends a piece of work


@dataclass(frozen=True)
class VerificationPoint:
    """A fooling rate on verification videos after a step; of `train`, an accuracy.

    Attributes:
        samplers: the lowest and the highest rate, where `rate` is the lowest of several samplers.
    """

    step: int
    rate: Rate
    samplers: SamplerRange | None = None


@dataclass(frozen=True)
class LogLine:
    """An event in words."""

    time: float
    kind: str
    text: str


@dataclass
class History:
    """Everything that the screens show of events.jsonl. `feed` takes whole lines.

    Attributes:
        last_step: the newest step, thinned out or not; likewise `last_file`, `last_usage`.
        counted: videos, files or cells since the stage began, skipped and failed ones among them.
        failed_cells: of a study, since the stage began.
        cluster: what the nodes of a cluster did last; None: there is none.
        at_work: how far the video or file is that is being worked on, in words; empty once it is done.
        share_at_work: the same of a video that is judged, 0 to 1.
        attackers_since: when the first of several attackers began to learn; None: none did yet.
        whole: how far the run is, over all of its stages.
        slow: whether a video of this stage took so long that its progress was reported.
        bad_lines: lines that are no event.
        events: lines that are one.
    """

    steps: Thinned[StepEvent] = field(default_factory=Thinned)
    files: Thinned[FileEvent] = field(default_factory=Thinned)
    usage: Thinned[UsageEvent] = field(default_factory=lambda: Thinned[UsageEvent](1024))
    verifications: list[VerificationPoint] = field(default_factory=list)
    stage: StageEvent | None = None
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    logged: int = 0
    last_step: StepEvent | None = None
    last_file: FileEvent | None = None
    last_usage: UsageEvent | None = None
    cluster: ClusterEvent | None = None
    at_work: str = ""
    share_at_work: float = 0.0
    attackers_since: float | None = None
    whole: WholeProgress = field(default_factory=WholeProgress)
    slow: bool = False
    skipped: int = 0
    failed_cells: int = 0
    warnings: int = 0
    counted: int = 0
    bad_lines: int = 0
    events: int = 0
    last_time: float | None = None

    def feed(self, block: bytes) -> None:
        """Takes in whole lines of events.jsonl, in order.

        Of kinds that come often, only the lines that are kept are decoded, and the last one. In a large block,
        stretches of one such kind are not even split into lines.
        """
        newest: dict[str, bytes] = {}
        if len(block) > LARGE_BLOCK and (kind := kind_of(line_at(block, len(block) // 2))) in FREQUENT:
            start = 0
            for line_start, line_end in other_lines(block, kind):
                self._feed_stretch(kind, block, start, line_start, newest)
                self._feed_line(block[line_start:line_end], newest)
                start = line_end
            self._feed_stretch(kind, block, start, len(block), newest)
        else:
            for line in block.split(b"\n"):
                self._feed_line(line, newest)
        self._take_each_newest(newest)
        self.whole.look_again(self.last_time or 0.0)

    def _feed_line(self, line: bytes, newest: dict[str, bytes]) -> None:
        if not line.strip():
            return
        kind = kind_of(line)
        if kind not in FREQUENT:
            if kind == STAGE:  # what came before it is of the stage before
                self._take_each_newest(newest)
            self._decode_and_take(line)
            return
        newest[kind] = line
        if self._offer(kind):
            self._decode_and_take(line)
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
            self._decode_and_take(line_at(block, start + (end - start) * number // kept))
        if lines:
            newest[kind] = last_line(block, start, end)
        if thinned is not None:
            thinned.offered += lines
        self._count(kind, lines - kept)

    def _thinned(self, kind: str) -> Thinned[StepEvent] | Thinned[FileEvent] | Thinned[UsageEvent] | None:
        if kind == kind_name(StepEvent):
            return self.steps
        if kind == kind_name(FileEvent):
            return self.files
        return self.usage if kind == kind_name(UsageEvent) else None

    def _offer(self, kind: str) -> bool:
        thinned = self._thinned(kind)
        return thinned is not None and thinned.offer()

    def _decode_and_take(self, line: bytes) -> None:
        event = decode_event(line)
        if event is None:
            self.bad_lines += 1
            return
        self._count(event.kind if isinstance(event, OtherEvent) else kind_name(type(event)), 1)
        self._take(event)

    def _count(self, kind: str, lines: int) -> None:
        self.events += lines
        if kind in COUNTED and lines:
            self.counted += lines
            self.whole.count(lines)
            self.at_work, self.share_at_work = "", 0.0

    def _take(self, event: AnyEvent) -> None:
        self.last_time = event.time or self.last_time
        if isinstance(event, StartEvent):  # again, where a run was resumed
            self.whole = WholeProgress()
        if not isinstance(event, OtherEvent | FileEvent | VideoEvent | SkippedEvent | CellEvent):  # those are counted
            self.whole.take(event, event.time)
        match event:
            case StepEvent():
                self._take_step(event)
            case FileEvent():
                self.last_file = event
                self.files.add(event)
                self._log(event, file_words(event))
            case FramesEvent():
                self.at_work = frames_words(event)
            case JudgingEvent():
                self.share_at_work = min(1.0, max(0.0, event.share))
                self.at_work = f"{event.path}: {self.share_at_work:.0%} judged"
                self.slow = True
            case UsageEvent():
                self.last_usage = event
                self.usage.add(event)
            case ClusterEvent():
                self.cluster = event
                if event.start_seconds is not None:
                    self._log(event, cluster_words(event))
            case VerificationEvent():
                self._take_verification(event)
            case StageEvent():
                self.stage = event
                self.counted, self.share_at_work, self.slow = 0, 0.0, False
                self.failed_cells = 0
                if or_none(event.attacker) and self.attackers_since is None:
                    self.attackers_since = event.time
                self._log(event, event.name)
            case SkippedEvent():
                self.skipped += 1
                self._log(event, skipped_words(event))
            case CellEvent():
                self.failed_cells += event.failed
                self._log(event, cell_words(event))
            case CellsAtWorkEvent():
                self.at_work = at_work_words(event)
            case VideoEvent() | PlanEvent():
                pass
            case SplitEvent():
                self._log(event, split_words(event))
            case ResumedEvent():
                self._log(event, resumed_words(event))
            case WarningEvent() | NoteEvent():
                self.warnings += isinstance(event, WarningEvent)
                self._log(event, event.message)
            case _:
                self._log(event, _field_words(event))

    def _take_step(self, event: StepEvent) -> None:
        """A step of the curve; those of attackers that learn after a network was hardened are in no curve."""
        self.last_step = event
        kept = self.steps.items
        if event.member and kept and not kept[-1].member:
            return
        self.steps.drop_last_while(lambda one: one.number >= event.number)  # a resumed run repeats some
        self.steps.add(event)

    def _take_each_newest(self, newest: dict[str, bytes]) -> None:
        for line in newest.values():
            self._take_newest(line)
        newest.clear()

    def _take_newest(self, line: bytes) -> None:
        event = decode_event(line)
        if event is None:
            return
        self.last_time = max(event.time, self.last_time or 0.0)
        match event:
            case StepEvent():
                self.last_step = event
                self.whole.take(event, event.time)
            case FileEvent():
                self.last_file = event
            case UsageEvent():
                self.last_usage = event

    def _take_verification(self, event: VerificationEvent) -> None:
        measured = event.fooled or or_none(event.accuracy)
        if measured is None:
            return
        while self.verifications and self.verifications[-1].step >= event.step:
            self.verifications.pop()
        self.verifications.append(VerificationPoint(event.step, measured, sampler_range_of(event)))
        if len(self.verifications) > MOST_ITEMS:
            self.verifications = self.verifications[::2]
        self._log(event, verification_words(event))

    def _log(self, event: AnyEvent, text: str) -> None:
        kind = event.kind if isinstance(event, OtherEvent) else kind_name(type(event))
        self.log.append(LogLine(event.time, kind, text))
        self.logged += 1


def _field_words(event: AnyEvent) -> str:
    """All fields of an event in a line."""
    if isinstance(event, OtherEvent):
        values = event.fields
        if isinstance(values.get("message"), str):
            return str(values["message"])
    else:
        values = {name: value for name, value in msgspec.structs.asdict(event).items() if name != "time"}
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not UNSET)
