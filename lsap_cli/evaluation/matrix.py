"""The matrix of an evaluation: which perturbation sources, behind which defenses; and what is measured of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from defenses import Defense
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.cost import Cost
from lsap_cli.evaluation.sources import PerturbationSource
from lsap_cli.video.changes import Changes

Cell = tuple[str, str]
"""A perturbation source and a defense, by name and spec."""


@dataclass(frozen=True)
class EvaluationMatrix:
    """What is judged.

    Attributes:
        sources: perturbation sources by name.
        defenses: by spec; None stands for no defense.
        defense_subsets: sources that are judged behind some defenses only, with the specs of these.
        measured: specs of defenses whose change to the frames is measured.
    """

    sources: Mapping[str, PerturbationSource]
    defenses: Mapping[str, Defense | None]
    defense_subsets: Mapping[str, Collection[str]] = field(default_factory=dict)
    measured: Collection[str] = ()

    def defenses_of(self, source: str) -> list[str]:
        """The specs of the defenses that a source is judged behind."""
        return [spec for spec in self.defenses if spec in self.defense_subsets.get(source, self.defenses)]

    def is_random(self, spec: str) -> bool:
        """Whether a defense is drawn for each video."""
        defense = self.defenses[spec]
        return defense is not None and not defense.deterministic


@dataclass(frozen=True)
class Prediction:
    """What the classifier predicts for one video under one perturbation source, defense and sampler.

    Attributes:
        source: name of the perturbation source.
        defense: its spec.
        sampler: its spec.
        label: class number.
        milliseconds: that the defense took for this video.
        draws: behind a random defense: the class number of each draw, the first being `label`.
        positive: with two classes: the probability of the second; else None.
        confidence: the probability of `label`; None where the network gives labels only.
    """

    source: str
    defense: str
    sampler: str
    label: int
    milliseconds: float
    draws: tuple[int, ...] = ()
    positive: float | None = None
    confidence: float | None = None


@dataclass
class FrameChanges:
    """What was done to frames, in levels.

    Attributes:
        by_source: by the name of a perturbation source.
        by_defense: by the spec of a measured defense, beside the bare frames.
    """

    by_source: dict[str, Changes] = field(default_factory=dict)
    by_defense: dict[str, Changes] = field(default_factory=dict)

    def merge(self, other: "FrameChanges") -> None:
        """Adds the changes of more frames."""
        for mine, added in ((self.by_source, other.by_source), (self.by_defense, other.by_defense)):
            for name, one in added.items():
                mine.setdefault(name, Changes()).merge(one)


@dataclass
class Measurements:
    """What accumulates while videos are judged. `MatrixJudge` owns one and changes it with every video.

    Attributes:
        changes: of the frames of all videos.
        cost: of everything that was judged.
        corpora: evidence of all videos for defenses that are fitted on the other videos, by source and defense.
    """

    changes: FrameChanges = field(default_factory=FrameChanges)
    cost: Cost = field(default_factory=Cost)
    corpora: dict[Cell, Corpus] = field(default_factory=dict)
