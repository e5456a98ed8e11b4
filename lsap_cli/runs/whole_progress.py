"""How much of a whole command is over and how long the rest takes: one share and one time for all of its stages.

Both are made of events alone, once one of them says which stages follow. Times are those that were measured in the run:
stages that are still to come take as long for a clip as those did that are over. Nothing is said before that.
"""

from dataclasses import dataclass, field
from math import exp

from lsap_cli.results.base import or_none
from lsap_cli.results.event_words import learning_share
from lsap_cli.results.events import (
    CellEvent,
    Event,
    ExpectedStage,
    FileEvent,
    FramesEvent,
    HeaderEvent,
    JudgingEvent,
    KeptEvent,
    PlanEvent,
    PreviewEvent,
    SkippedEvent,
    StageEvent,
    StepEvent,
    VideoEvent,
)

NOT_KNOWN = "time left: not known yet"
ATTACKERS = "attackers"
"""The name that all stages with attackers have in a plan."""
PASSES_OF_A_STEP = 3.0  # of each clip through the network: one forward, and twice as much backward
LEAST_SHARE = 0.02  # of a stage, before its own pace says anything
TRUSTED_SHARE = 0.2  # of a stage, from which its own pace alone counts
MEMORY_SHARE = 0.1  # of the time that the command has taken: for about so long an estimate counts beside new ones
LEAST_MEMORY, MOST_MEMORY = 1.0, 120.0  # seconds of the same
COUNTED = (VideoEvent, SkippedEvent, HeaderEvent, KeptEvent, FileEvent, PreviewEvent, CellEvent)


@dataclass
class _Measured:
    """A stage as it is measured. Mutable: events add to it."""

    expected: ExpectedStage
    in_plan: bool  # a stage that is not is short: it takes no time before it is measured
    began: float
    total: int = 0
    counted: int = 0
    share: float = 0.0
    seconds_left: float | None = None  # as the stage itself says
    share_before: float = 0.0  # at the estimate before
    step_pace: float | None = None  # seconds of a step for a clip, and for each of its passes through the network
    step_before: StepEvent | None = None
    later_steps: tuple[float, float] = (0.0, 0.0)  # seconds and passes of steps that came after another

    def take_step(self, event: StepEvent) -> None:
        """The pace of a step's clips: a first step, which prepares the others, says it only while there is no other."""
        if not event.seconds or not event.clips or not event.number:
            return
        passes, last = event.clips * PASSES_OF_A_STEP, self.step_before
        self.step_before = event
        if last is not None and last.seconds and last.member == event.member and last.number < event.number:
            seconds, before = self.later_steps
            self.later_steps = (
                seconds + max(0.0, event.seconds - last.seconds),
                before + passes * (event.number - last.number),
            )
        seconds, counted = self.later_steps if self.later_steps[1] else (event.seconds, passes * event.number)
        self.step_pace = seconds / counted

    def left(self, now: float, before: float | None) -> float | None:
        """Seconds that the stage still takes; None: not known.

        The first steps of a stage say little of it: what was expected counts beside its own pace until a part is over.

        Args:
            now: in seconds.
            before: that the whole stage was expected to take; None: not known.
        """
        own, spent = self.seconds_left, now - self.began
        if own is not None and (self.expected.seconds is not None or not before):
            return own
        if own is None and self.share >= LEAST_SHARE and spent > 0:
            own = spent * (1 - self.share) / self.share
        planned = None if before is None else max(0.0, before * (1 - self.share))
        if own is None:
            return planned or (None if self.in_plan else 0.0)
        if planned is None or not before:
            return own
        trust = min(1.0, self.share / TRUSTED_SHARE)
        return trust * own + (1 - trust) * planned


@dataclass
class WholeProgress:
    """Follows the events of one command.

    Attributes:
        share: of the command, 0 to 1; it never falls. None: nothing is measured that says it.
        seconds_left: of the command at the newest event; None: not known.
    """

    share: float | None = None
    seconds_left: float | None = None
    _planned: bool = False
    _plan: tuple[ExpectedStage, ...] = ()
    _stage: _Measured | None = None
    _began: float | None = None
    _now: float = 0.0
    _following: float = 0.0  # seconds of the stages that are not begun
    _clips: float = 0.0
    _clip_seconds: float = 0.0
    _took: dict[tuple[str, float], list[float]] = field(default_factory=dict, repr=False)  # seconds, by kind of stage
    _stage_event: StageEvent | None = field(default=None, repr=False)

    def take(self, event: Event, now: float) -> None:
        """Takes one event.

        Args:
            event: of the run.
            now: when it came, in seconds of any clock that does not go back.
        """
        self._began = now if self._began is None else self._began
        if isinstance(event, PlanEvent):
            self._planned, self._plan = True, event.stages
        elif isinstance(event, StageEvent):
            self._begin(event, now)
        elif self._stage is not None and not self._advance(self._stage, event):
            return
        self._estimate(now)

    def count(self, pieces: int) -> None:
        """Counts videos, files or cells that are over, whose events are not read one by one."""
        if self._stage is not None:
            self._count(self._stage, pieces)

    def look_again(self, now: float) -> None:
        """Estimates anew after some were counted.

        Args:
            now: by the clock of the events.
        """
        if self._began is not None and now > self._now:
            self._estimate(now)

    def left_at(self, now: float) -> float | None:
        """Seconds that are left at a moment after the newest event; None: not known.

        However long the stage takes that is going on, those that follow it are still to come.
        """
        return None if self.seconds_left is None else max(self._following, self.seconds_left - (now - self._now))

    def _run_down(self, stage: _Measured, now: float) -> float | None:
        """The estimate before, less what has passed since: seconds, or a part of the stage, whichever is more."""
        by_clock, following = self.left_at(now), self._following
        if by_clock is None or self.seconds_left is None:
            return None
        over = 1.0 if stage.share_before >= 1.0 else (1 - stage.share) / (1 - stage.share_before)
        stage.share_before = stage.share
        return min(by_clock, following + (self.seconds_left - following) * over)

    def _begin(self, event: StageEvent, now: float) -> None:
        attackers = or_none(event.attackers) if or_none(event.attacker) else None
        number = next((n for n, one in enumerate(self._plan) if _is_of(event, one)), None)
        goes_on = attackers and self._stage is not None and self._stage.expected.stage == ATTACKERS
        self._stage_event = event
        if goes_on:
            return
        self._end(now)
        expected = ExpectedStage(stage=event.name)
        if number is not None:
            expected, self._plan = self._plan[number], self._plan[number + 1 :]
        self._stage = _Measured(expected, number is not None, now, event.total or 0)

    def _end(self, now: float) -> None:
        """Keeps the pace of the stage that ends."""
        stage = self._stage
        if stage is not None and stage.expected.clips:
            if stage.share > 0.5:  # what an earlier part of the run has done passes at once
                self._took.setdefault(_kind(stage.expected), []).append(now - stage.began)
            clips = stage.expected.clips * (stage.share or 1.0)
            self._clips += clips
            self._clip_seconds += now - stage.began if stage.step_pace is None else stage.step_pace * clips

    def _advance(self, stage: _Measured, event: Event) -> bool:
        """Whether the event says how far the stage is."""
        if isinstance(event, COUNTED):
            self._count(stage, 1)
        elif isinstance(event, JudgingEvent):
            stage.share = (stage.counted + event.share) / stage.total if stage.total else 0.0
        elif isinstance(event, FramesEvent):
            stage.share, stage.seconds_left = event.progress, event.seconds_left
        elif isinstance(event, StepEvent):
            of_all = stage.expected.stage == ATTACKERS  # else each attacker is a stage of its own
            stage.share = (learning_share(event, self._stage_event) if of_all else event.progress) or 0.0
            stage.seconds_left = event.seconds_left
            stage.take_step(event)
        else:
            return False
        stage.share = min(1.0, max(0.0, stage.share))
        return True

    def _count(self, stage: _Measured, pieces: int) -> None:
        stage.counted += pieces
        stage.share = min(1.0, stage.counted / stage.total) if stage.total else 0.0

    def _pace(self, now: float) -> float | None:
        """Seconds a clip, in all stages whose clips are known."""
        clips, seconds = self._clips, self._clip_seconds
        stage = self._stage
        if stage is not None and stage.step_pace is not None:  # measurements during learning are not in it
            through = stage.share * stage.expected.clips
            return (seconds + stage.step_pace * through) / (clips + through) if clips > 0 else stage.step_pace
        if stage is not None and stage.share >= LEAST_SHARE:
            clips += stage.share * stage.expected.clips
            seconds += now - stage.began if stage.expected.clips else 0.0
        return seconds / clips if clips > 0 and seconds > 0 else None

    def _expected(self, stage: ExpectedStage, pace: float | None) -> float | None:
        """Seconds that a stage is expected to take before it is measured; None: not known."""
        if stage.seconds is not None:
            return stage.seconds
        if not stage.clips:
            return 0.0
        took = self._took.get(_kind(stage))
        if took:
            return sum(took) / len(took)
        return None if pace is None else stage.clips * pace

    def _nothing_is_known(self, stage: _Measured) -> bool:
        """Whether neither the plan nor the stage that goes on says how much there is to do."""
        is_measured = stage.in_plan and (stage.share >= LEAST_SHARE or stage.seconds_left is not None)
        return not is_measured and not any(one.clips or one.seconds for one in (stage.expected, *self._plan))

    def _estimate(self, now: float) -> None:
        if self._stage is None or not self._planned or self._nothing_is_known(self._stage):
            return
        pace = self._pace(now)
        expected = self._expected(self._stage.expected, pace)
        parts = [self._stage.left(now, expected), *(self._expected(one, pace) for one in self._plan)]
        known = [one for one in parts if one is not None]
        if len(known) < len(parts):
            self._now, self.seconds_left = now, self.left_at(now)
            return
        new, before = sum(known), self._run_down(self._stage, now)
        self._following = sum(known[1:])
        spent = now - (self._began or 0.0)
        memory = min(MOST_MEMORY, max(LEAST_MEMORY, MEMORY_SHARE * spent))
        kept = exp(-(now - self._now) / memory)  # by time, not by events: a hundred of one slow second say no more
        smooth = new if before is None else (1 - kept) * new + kept * before
        self.seconds_left = max(self._following, smooth)
        self._now = now
        whole = spent + self.seconds_left
        self.share = max(self.share or 0.0, spent / whole if whole > 0 else 0.0)


def _kind(expected: ExpectedStage) -> tuple[str, float]:
    """Stages of one kind do the same work: an attacker learns as long as the one before, with all that it measures."""
    return expected.stage.partition(" ")[0], expected.clips


def _is_of(event: StageEvent, expected: ExpectedStage) -> bool:
    if expected.stage == ATTACKERS:
        return or_none(event.attackers) is not None and or_none(event.attacker) is not None
    return event.name.startswith(expected.stage)
