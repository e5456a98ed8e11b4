"""What `lsap datasets show` finds in a set of videos."""

from lsap_cli.results.base import Count, Result
from lsap_cli.results.documents import SkippedVideo


class ClassCount(Result, frozen=True, kw_only=True):
    """How many videos of a set have one label.

    Attributes:
        label: as the set calls it; empty: none.
        videos: how many.
        known: whether the model has it; null without a model.
        model_class: what the model calls it; null likewise, and where the model has none.
    """

    label: str
    videos: Count
    known: bool | None = None
    model_class: str | None = None


class Spread(Result, frozen=True, kw_only=True):
    """Smallest, middle and largest of some figures.

    Attributes:
        least: the smallest.
        median: half of the videos have less.
        most: the largest.
    """

    least: float
    median: float
    most: float


class ValueCount(Result, frozen=True, kw_only=True):
    """How many videos have a value.

    Attributes:
        value: in words, such as `320x240`.
        videos: how many.
    """

    value: str
    videos: Count


class SplitCounts(Result, frozen=True, kw_only=True):
    """The split that `generate` would make of a set.

    Attributes:
        fit: videos to learn from.
        fit_groups: recordings of them.
        verify: videos to verify on.
        verify_groups: recordings of them.
    """

    fit: Count
    fit_groups: Count
    verify: Count
    verify_groups: Count


class SetFacts(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.set/1"):
    """Facts about a set of videos. No frame was decoded.

    Attributes:
        source: as it was given.
        format: the name of its format.
        videos: how many it has, those that would be left out not counted.
        groups: recordings.
        largest_group: videos of the largest one.
        classes: by number of videos, the most first.
        looked_at: videos whose headers were looked for, those that have none among them.
        frames: of those, as the headers claim.
        seconds: likewise.
        sizes: of their frames.
        rates: frames a second.
        codecs: of their frames.
        left_out: what cannot be used, and why; of videos, those that were looked at.
        unreadable: videos among them: files of the set whose header cannot be read, or that do not exist.
        split: that `generate` would make; null where there are fewer than two groups.
        notes: sentences on what the source was taken for, and on what is unusual.
    """

    source: str
    format: str
    videos: Count
    groups: Count
    largest_group: Count
    classes: tuple[ClassCount, ...] = ()
    looked_at: Count = 0
    frames: Spread | None = None
    seconds: Spread | None = None
    sizes: tuple[ValueCount, ...] = ()
    rates: tuple[ValueCount, ...] = ()
    codecs: tuple[ValueCount, ...] = ()
    left_out: tuple[SkippedVideo, ...] = ()
    unreadable: Count = 0
    split: SplitCounts | None = None
    notes: tuple[str, ...] = ()
