"""Certificates of randomized smoothing, and accuracy under natural corruptions."""

from msgspec import field

from lsap_cli.results.base import UNSET, Count, Result, UnsetType
from lsap_cli.results.rates import Estimate, Rate


class CertifiedVideo(Result, frozen=True, kw_only=True):
    """What is certain about a clean video: a line of certificates.jsonl.

    Attributes:
        smoothing: the spec.
        video: its name.
        label: null without labels.
        also_accepted: other labels that count as right.
        prediction: of the smoothed classifier; null where it abstains.
        radius: within which the prediction is certain.
        lower: lower bound of the probability that a noisy copy gets the prediction.
        needed: radius that the perturbation's budget needs.
    """

    smoothing: str
    video: str
    label: str | None = None
    also_accepted: tuple[str, ...] = ()
    prediction: str | None = None
    radius: float | None
    lower: float | None
    needed: float


class CertificateRow(Result, frozen=True, kw_only=True):
    """What one smoothing certifies.

    Attributes:
        smoothing: the spec.
        videos: how many were judged.
        abstained: videos without a prediction.
        smoothed_accuracy: videos whose prediction is right.
        certified_accuracy: videos whose prediction is right, and certain within the budget.
        needed_radius: that the perturbation's budget needs.
        median_radius: over the videos.
        largest_radius: if all copies of a video agree.
        vacuous: whether even the largest radius is too small for the budget.
    """

    smoothing: str
    videos: Count
    abstained: Rate | None = None
    smoothed_accuracy: Rate | None = None
    certified_accuracy: Rate | None = None
    needed_radius: float
    median_radius: float | None = None
    largest_radius: float
    vacuous: bool


class PerturbationSize(Result, frozen=True, kw_only=True):
    """How much a perturbation source changed frames, and what it did, without a defense.

    Attributes:
        attack: its name.
        l2_rms: root mean square of the changes, in levels of 0-255.
        accuracy: under it; null without labels.
    """

    attack: str
    l2_rms: float
    accuracy: Rate | None = None


class EqualCorruption(Result, frozen=True, kw_only=True):
    """A corruption whose change is about as large as the perturbation's.

    Attributes:
        setting: its strength, `sigma=4`.
        l2_rms: root mean square of its changes, in levels of 0-255.
        reached: whether that is equal, within `within`.
        accuracy: under it.
        by_recording: the same with an interval over recordings.
    """

    setting: str
    l2_rms: float
    reached: bool
    accuracy: Rate | None = None
    by_recording: Estimate | None = None


class EqualNorm(Result, frozen=True, kw_only=True):
    """Natural corruptions of the perturbation's size.

    Attributes:
        l2_rms: target root mean square, in levels of 0-255.
        within: part of it by which a corruption may miss it.
        perturbation: null where it is not known.
        noise: the control; null where there is none.
        kinds: by kind.
    """

    l2_rms: float
    within: float
    perturbation: PerturbationSize | None = None
    noise: PerturbationSize | None = None
    kinds: dict[str, EqualCorruption] = field(default_factory=dict)


class NaturalRobustness(Result, frozen=True, kw_only=True):
    """Accuracy under natural corruptions of five severities.

    Attributes:
        clean: accuracy on the same videos, not corrupted.
        kinds: five accuracies each.
        l2_rms: root mean squares of their changes, in levels of 0-255.
        mpc: mean performance under corruption.
        rpc: relative performance under corruption: part of the clean accuracy; null where that is 0.
        equal_norm: corruptions as large as the perturbation; absent where its size is not known.
    """

    clean: Rate | None = None
    kinds: dict[str, tuple[Rate | None, ...]] = field(default_factory=dict)
    l2_rms: dict[str, tuple[float, ...]] = field(default_factory=dict)
    mpc: Estimate | None = None
    rpc: Estimate | None = None
    equal_norm: EqualNorm | UnsetType = UNSET
