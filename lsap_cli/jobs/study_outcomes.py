"""What is kept of a judged video: its prediction beside the clean one, and whether the cell's goal is reached."""

from dataclasses import dataclass

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.labels import class_index
from lsap_cli.evaluation.records import classes_of, hits_target
from lsap_cli.results.base import UNSET
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.records import Record
from lsap_cli.results.study import StudyOutcome
from lsap_cli.study.axes import parse_goal
from lsap_cli.study.cells import PlannedCell


def clip_elements(classifier: Classifier) -> int:
    """Values of a clip of a network: T x 3 x H x W."""
    height, width = classifier.geometry.size
    return classifier.frames * 3 * height * width


@dataclass(frozen=True)
class Goal:
    """A cell's goal on one victim.

    Attributes:
        target: class number of the target; None: there is none.
        source: class number of the only class that is attacked; None: all are.
    """

    target: int | None
    source: int | None

    @classmethod
    def of(cls, cell: PlannedCell, classifier: Classifier) -> "Goal":
        """The goal of a cell.

        Raises:
            LsapError: if the victim has no class of that name.
        """
        kind, label = parse_goal(cell.axes["goal"])
        number = None if label is None else class_index(label, classifier.labels, classifier.name, "goal")
        return cls(number if kind == "target" else None, number if kind == "only" else None)

    def hit(self, record: Record) -> bool | None:
        """Whether a record reaches the goal; None: it does not count."""
        if self.target is not None:
            return hits_target(record, self.target)
        classes = classes_of(record)
        return classes.prediction != self.source if classes.clean_prediction == self.source else None

    def stealth(self, record: Record) -> bool | None:
        """With `only`: whether a video of another prediction keeps it; None: it does not count."""
        return None if classes_of(record).clean_prediction == self.source else not record.changed


def make_outcome(record: Record, added: str, goal: Goal, norms: EffectiveNorms | None, rung: str = "") -> StudyOutcome:
    """What is kept of a record.

    Args:
        record: of one video.
        added: what was added to it.
        goal: of the cell.
        norms: of the change of its frames; None: it was not measured.
        rung: of an attacker of a ladder.
    """
    return StudyOutcome(
        video=record.video, recording=record.recording, label=record.label, also_accepted=record.also_accepted,
        added=added, rung=rung or UNSET, prediction=record.prediction, clean_prediction=record.clean_prediction,
        correct=record.correct, changed=record.changed,
        hit=UNSET if goal.target is None and goal.source is None else goal.hit(record),
        stealth=UNSET if goal.source is None else goal.stealth(record),
        linf=None if norms is None else norms.linf,
        l2_rms=None if norms is None else norms.l2_rms,
        map=None if norms is None else norms.map,
    )  # fmt: skip
