"""A detector's score of one video."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DetectorScore:
    """One video under one perturbation source."""

    detector: str
    attack: str
    video: str
    recording: str
    score: float
    milliseconds: float

    def as_json(self) -> dict[str, Any]:
        """A line of detections.jsonl."""
        return {
            "detector": self.detector,
            "attack": self.attack,
            "video": self.video,
            "recording": self.recording,
            "score": self.score,
        }
