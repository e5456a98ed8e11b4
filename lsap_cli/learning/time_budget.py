"""The time that a whole `generate` may take, counted from the moment that its caller names."""

import time
from dataclasses import dataclass

LOADING_SHARE = 0.33  # of what is left when loading begins: then learning starts with the videos that are decoded
PREDICTING_SHARE = 0.23  # of what is left then: learning starts with the videos whose clean predictions are there


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

    def loading_deadline(self) -> float:
        """When decoding that begins now stops if enough videos are there, by `time.monotonic`."""
        return self._after(LOADING_SHARE)

    def predicting_deadline(self) -> float:
        """When clean predictions that begin now stop likewise."""
        return self._after(PREDICTING_SHARE)

    def _after(self, share: float) -> float:
        """The end of a share of what is left: of a slow start, all that follows bears its part."""
        if self.seconds is None:
            return float("inf")
        return time.monotonic() + share * max(0.0, self.seconds - self.elapsed_seconds)
