"""When learning ends: after a number of steps, after some seconds, or whichever comes first."""

from dataclasses import dataclass

from perturbations.state import State


@dataclass(frozen=True)
class Schedule:
    """The end of learning.

    Attributes:
        steps: None: no limit.
        seconds: of learning; None: no limit.
        seconds_after: an estimate of other learning that follows in this run.
    """

    steps: int | None
    seconds: float | None = None
    seconds_after: float = 0.0

    def progress(self, state: State) -> float:
        """How much is over, from 0; 1 or more: done."""
        by_steps = state.steps / self.steps if self.steps else 0.0
        by_time = state.seconds / self.seconds if self.seconds else 0.0
        return max(by_steps, by_time)

    def seconds_left(self, state: State) -> float:
        """An estimate for all learning of the run, from the pace so far."""
        done = self.progress(state)
        return (state.seconds * (1 - done) / done if done > 0 else 0.0) + self.seconds_after
