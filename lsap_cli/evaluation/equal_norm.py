"""Natural corruptions that change a video as much as a perturbation does: how strong must each kind be for that?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import torch

from defenses import Clip, Defense
from defenses.corruptions import STRENGTHS, VARIED_SETTINGS
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.corruptions import name_of
from lsap_cli.evaluation.frames import FLOAT_SHARE, defended_levels, split_indices
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.results.rates import rate
from lsap_cli.results.records import Record
from lsap_cli.results.robustness import EqualCorruption
from lsap_cli.video.changes import Changes
from lsap_cli.video.memory_limit import frames_at_once
from lsap_cli.video.reading import FrameReader

MOST = 32  # videos for the search of a strength; its norm is then measured on all
TINY = 1e-9
WITHIN = 0.1  # part of the target norm by which a kind may miss it and still count as equal
UNSTEADY = ("frame-rate",)  # kinds whose change does not rise steadily with their strength
EQUAL = "equal norm"


def equal_name(kind: str) -> str:
    """What the corruption of equal norm is called among the defenses of a judge: `corruption jpeg equal norm`."""
    return name_of(kind, EQUAL)


@dataclass
class _Search:
    """One kind's strengths from weak to strong, halved until two neighbors have the target norm between them.

    Where a stronger one can change less (sampled frames may be just those that a low frame rate keeps), all are tried
    at once.
    """

    strengths: Sequence[Defense]
    target: float
    rises: bool
    tried: dict[int, float] = field(default_factory=dict)  # norm by place
    weaker: int = -1
    stronger: int = -1

    def __post_init__(self) -> None:
        self.stronger = len(self.strengths)

    @property
    def next(self) -> list[int]:
        """The places to try; none: it is found."""
        if not self.rises:
            return [] if self.tried else list(range(len(self.strengths)))
        return [(self.weaker + self.stronger) // 2] if self.stronger - self.weaker > 1 else []

    def learn(self, place: int, norm: float) -> None:
        self.tried[place] = norm
        if norm < self.target:
            self.weaker = max(self.weaker, place)
        else:
            self.stronger = min(self.stronger, place)

    @property
    def nearest(self) -> Defense:
        """By the ratio of the norms: a corruption that changes nothing is not near to one that changes little."""
        return self.strengths[min(self.tried, key=lambda place: abs(log((self.tried[place] or TINY) / self.target)))]


def measured_changes(protocol: EvaluationProtocol, video: Video, defenses: Mapping[str, Defense]) -> dict[str, Changes]:
    """What defenses do to the frames of a clean video that the samplers choose, by name. Nothing is classified.

    Raises:
        UnreadableVideo: if the video cannot be read.
    """
    reader = FrameReader(video.media)
    count = len(reader.times)
    sampled = torch.cat(
        [indices.flatten() for indices in protocol.all_clip_indices(video, reader.times).values()]
    ).unique()
    drawn = {name: protocol.drawn(one, name, video) for name, one in defenses.items()}
    changes = {name: Changes() for name in drawn}
    at_once = frames_at_once(reader.height, reader.width)
    for part, needed in split_indices(sampled, [None, *drawn.values()], count, at_once):
        clip = Clip(reader.frames(needed), needed, count)
        for name, defense in drawn.items():
            for piece, _ in split_indices(part, [defense], count, at_once // FLOAT_SHARE):
                bare = defended_levels(None, clip, piece)
                changes[name].add(bare, defended_levels(defense, clip, piece))
    return changes


def looked_at(videos: Sequence[Video]) -> list[Video]:
    """The videos for the search of strengths, spread evenly over all."""
    count = min(MOST, len(videos))
    return [videos[number * len(videos) // count] for number in range(count)]


def rounds() -> int:
    """The largest number of passes over each video."""
    return max(len(strengths).bit_length() for kind, strengths in STRENGTHS.items() if kind not in UNSTEADY)


def match_corruptions(
    protocol: EvaluationProtocol, videos: Sequence[Video], target: float, on_video: Callable[[Video], None]
) -> dict[str, Defense]:
    """Finds, for each kind, the strength whose change comes nearest to a norm, by measurement.

    A strength's norm is the root mean square of its change in whole levels, over the clean frames that the
    samplers choose, as for perturbations. Where it rises with the strength, the range is halved. No network is needed.

    Args:
        protocol: whose samplers choose.
        videos: clean ones to measure on; they must be readable.
        target: root mean square, in levels of 0-255, above 0.
        on_video: called after each measurement of a video.

    Returns:
        The defense of each kind.
    """
    searches = {kind: _Search(strengths, target, kind not in UNSTEADY) for kind, strengths in STRENGTHS.items()}
    while places := [(kind, place) for kind, one in searches.items() for place in one.next]:
        trying = {_trial(kind, place): STRENGTHS[kind][place] for kind, place in places}
        changes = {name: Changes() for name in trying}
        for video in videos:
            for name, one in measured_changes(protocol, video, trying).items():
                changes[name].merge(one)
            on_video(video)
        for kind, place in places:
            searches[kind].learn(place, changes[_trial(kind, place)].l2_rms)
    return {kind: one.nearest for kind, one in searches.items()}


def _trial(kind: str, place: int) -> str:
    """The seed's name, the same at every strength, so that a stronger corruption only adds to a weaker."""
    return f"{kind} {place}" if kind in UNSTEADY else kind


def equal_corruptions(
    records: Sequence[Record], chosen: Mapping[str, Defense], changes: Mapping[str, Changes], target: float
) -> dict[str, EqualCorruption]:
    """The corruptions of equal norm, by kind.

    Args:
        records: of clean, labeled videos behind `equal_name` of each kind.
        chosen: the corruption of each kind.
        changes: what each of them did, by `equal_name`.
        target: root mean square of the perturbation's change, in levels of 0-255.
    """
    kinds: dict[str, EqualCorruption] = {}
    for kind, defense in chosen.items():
        selected = [one for one in records if one.defense == equal_name(kind)]
        right = [bool(one.correct) for one in selected]
        norm = changes[equal_name(kind)].l2_rms
        kinds[kind] = EqualCorruption(
            setting=f"{VARIED_SETTINGS[kind]}={getattr(defense, VARIED_SETTINGS[kind]):g}",
            l2_rms=norm,
            reached=abs(norm - target) <= WITHIN * target,
            accuracy=rate(right),
            by_recording=mean_by_recording([float(one) for one in right], [one.recording for one in selected]),
        )
    return kinds
