"""The time that a whole `generate` may take, counted from the moment that its caller names."""

import time
from dataclasses import dataclass

LOADING_SHARE = 0.35  # of the budget: then learning starts with the videos that are decoded


@dataclass(frozen=True)
class TimeBudget:
    """Seconds for a command, from its start to its end.

    Attributes:
        seconds: None: no limit.
        started: when the command began, by `time.monotonic`.
    """

    seconds: float | None
    started: float

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def loading_deadline(self) -> float:
        """When decoding stops if enough videos are there, by `time.monotonic`."""
        return float("inf") if self.seconds is None else self.started + LOADING_SHARE * self.seconds
