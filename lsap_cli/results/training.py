"""results.json of `train`."""

from lsap_cli.results.base import UNSET, Count, Result, UnsetType
from lsap_cli.results.rates import Estimate, Rate
from lsap_cli.results.rows import TwoClassRates
from lsap_cli.results.skipped import SkippedVideo


class ClassAccuracy(Result, frozen=True, kw_only=True):
    """One class on the held-out videos.

    Attributes:
        label: the class.
        fit_videos: of it that were learned from.
        accuracy: of its held-out videos.
    """

    label: str
    fit_videos: Count
    accuracy: Rate | None


class SplitPart(Result, frozen=True, kw_only=True):
    """One side of the split.

    Attributes:
        videos: how many.
        recordings: that they were cut from; none is on two sides.
    """

    videos: Count
    recordings: Count


class TrainingFacts(Result, frozen=True, kw_only=True):
    """What a loop of training did, to any network.

    Attributes:
        trained: `head`, `last` or `all`: the layers that learned.
        parameters: of the network.
        trained_parameters: of the layers that learned.
        steps: updates.
        epochs: passes over the videos, begun ones in part.
        ended_by: `epochs`, `time budget` or `early stop`.
        train_seconds: of training, with its measurements.
        fit: the videos to learn from.
        validation: those that chose the weights, with `--patience`; else null.
        held_out: those that were neither learned from nor chose anything.
    """

    trained: str = "all"
    parameters: Count = 0
    trained_parameters: Count = 0
    steps: Count = 0
    epochs: float = 0.0
    ended_by: str = ""
    train_seconds: float = 0.0
    fit: SplitPart
    validation: SplitPart | None = None
    held_out: SplitPart


class TrainResults(TrainingFacts, frozen=True, kw_only=True, tag_field="schema", tag="lsap.train/1"):
    """What `train` made.

    Attributes:
        out: the folder with the card.
        family: with its settings.
        backbone: null for a family without one.
        initial_weights: the file that it began with; null where all weights were drawn.
        accuracy: top-1 on the held-out videos, of the network as its card loads it.
        accuracy_by_recording: the same, with the interval of the bootstrap over recordings: videos of one recording
            are no independent evidence.
        most_frequent_class: the accuracy of an answer that is always the class with most videos to learn from.
        two_class: AUC and both kinds of errors; absent for other than two classes.
        classes: one entry a class.
        warnings: why the figures are not reliable yet.
        skipped: videos that were left out.
    """

    out: str
    family: str
    backbone: str | None = None
    initial_weights: str | None = None
    accuracy: Rate
    accuracy_by_recording: Estimate | None = None
    most_frequent_class: Rate | None = None
    two_class: TwoClassRates | UnsetType = UNSET
    classes: tuple[ClassAccuracy, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: tuple[SkippedVideo, ...] = ()
