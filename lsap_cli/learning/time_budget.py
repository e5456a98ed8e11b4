"""The time that a whole `generate` may take, counted from the moment that its caller names."""

import time
from dataclasses import dataclass

LOADING_SHARE = 0.35  # of the budget: then learning starts with the videos that are decoded
PREDICTING_SHARE = 0.5  # of the budget: then it starts with the videos whose clean predictions are there


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

    @property
    def predicting_deadline(self) -> float:
        """When clean predictions stop likewise."""
        return float("inf") if self.seconds is None else self.started + PREDICTING_SHARE * self.seconds
