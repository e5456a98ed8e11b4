"""When learning ends: after a number of steps, some seconds, some queries, or whichever comes first."""

from dataclasses import dataclass

from perturbations.state import State


@dataclass(frozen=True)
class Schedule:
    """The end of learning.

    Attributes:
        steps: None: no limit.
        seconds: of learning; None: no limit.
        seconds_after: an estimate of other learning that follows in this run.
        queries: clips that the network may be asked about; None: no limit.
    """

    steps: int | None
    seconds: float | None = None
    seconds_after: float = 0.0
    queries: int | None = None

    def progress(self, state: State) -> float:
        """How much is over, from 0; 1 or more: done."""
        by_steps = state.steps / self.steps if self.steps else 0.0
        by_time = state.seconds / self.seconds if self.seconds else 0.0
        return max(by_steps, by_time, self._by_queries(state))

    def _by_queries(self, state: State) -> float:
        """Steps ask about equally many clips: there is none that would go beyond the limit."""
        if self.queries is None:
            return 0.0
        a_step = state.queries / state.steps if state.steps else 0
        return 1.0 if state.queries + a_step > self.queries else state.queries / self.queries

    def seconds_left(self, state: State) -> float:
        """An estimate for all learning of the run, from the pace so far."""
        done = self.progress(state)
        return (state.seconds * (1 - done) / done if done > 0 else 0.0) + self.seconds_after


@dataclass(frozen=True)
class RoundSchedule(Schedule):
    """The end of one round of a race. Step sizes fall within the round, so that what it ends with can be compared.

    Attributes:
        first: steps of the rounds before.
        begin: progress at the round's first step, in [0, 1): later rounds begin with smaller steps.
        seconds_before: of the rounds before; `seconds` counts from there.
    """

    first: int = 0
    begin: float = 0.0
    seconds_before: float = 0.0

    def progress(self, state: State) -> float:
        """How much of the round is over, from `begin`; 1 or more: done."""
        assert self.steps is not None
        if state.steps >= self.steps:
            return 1.0
        if self.seconds is not None and state.seconds - self.seconds_before >= self.seconds:
            return 1.0
        return self.begin + (1 - self.begin) * max(0, state.steps - self.first) / (self.steps - self.first)

    def seconds_left(self, state: State) -> float:
        """An estimate for all learning of the run, from the round's pace so far."""
        assert self.steps is not None
        done = state.steps - self.first
        spent = state.seconds - self.seconds_before
        own = spent / done * max(0, self.steps - state.steps) if done > 0 else 0.0
        if self.seconds is not None:
            own = min(own, max(0.0, self.seconds - spent))
        return own + self.seconds_after
