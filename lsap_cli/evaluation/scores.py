"""A detector's score of one video."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DetectorScore:
    """One video under one perturbation source.

    Attributes:
        detector: its spec.
        attack: name of the perturbation source.
        video: its name.
        recording: that the video was cut from.
        score: the higher, the more it looks perturbed.
        milliseconds: that the detector took.
    """

    detector: str
    attack: str
    video: str
    recording: str
    score: float
    milliseconds: float
