"""One video under one perturbation source, defense and sampler: a prediction, beside the clean one."""

from lsap_cli.results.base import UNSET, Count, Result, UnsetType

NO_ATTACK = "none"
NO_DEFENSE = "none"
NO_DEFENSE_NAME = "no defense"
NOISE = "noise"  # the control of equal budget
PERTURBED = "perturbed"  # the perturbation of `generate`, in its rows

Cell = tuple[str, str, str]  # attack, defense, sampler


class RecordClasses(Result, frozen=True, kw_only=True, gc=False):
    """The numbers of the classes that a record names: two labels can have one name.

    Attributes:
        labels: classes that count as right; empty without labels.
        prediction: of the network.
        clean_prediction: on the clean, undefended video with the same sampler.
        draws: behind a random defense, of each draw; else empty.
    """

    labels: tuple[Count, ...]
    prediction: Count
    clean_prediction: Count
    draws: tuple[Count, ...] = ()


class Record(Result, frozen=True, kw_only=True, gc=False):  # of a long run there are millions
    """One video under one perturbation source, defense and sampler.

    Attributes:
        video: its name.
        label: null without labels.
        also_accepted: other labels that count as right.
        attack: the perturbation source, as in the rows.
        defense: as in the rows.
        sampler: as in the rows.
        prediction: a label.
        clean_prediction: on the clean, undefended video with the same sampler.
        correct: whether the prediction is `label` or one of `also_accepted`; null without labels.
        changed: whether the two predictions differ.
        recording: that the video was cut from, as its set or its file's name says; its own name otherwise.
        draws: behind a random defense: the prediction of each draw, the first being `prediction`; else null.
        positive_probability: only with two classes: of the second one.
        milliseconds: that the defense took for this video.
        confidence: the probability of the prediction, to three decimals; absent where the network gives labels only,
            and in files of version 0.1.
        classes: the numbers of the classes that are named here; absent in files of version 0.1.
    """

    video: str
    label: str | None = None
    also_accepted: tuple[str, ...] = ()
    attack: str
    defense: str
    sampler: str
    prediction: str
    clean_prediction: str
    correct: bool | None = None
    changed: bool
    recording: str = ""
    draws: tuple[str, ...] | None = None
    positive_probability: float | UnsetType = UNSET
    milliseconds: float | None = None
    confidence: float | UnsetType = UNSET
    classes: RecordClasses | UnsetType = UNSET

    @property
    def cell(self) -> Cell:
        """Attack, defense and sampler."""
        return self.attack, self.defense, self.sampler

    @property
    def changed_share(self) -> float:
        """The share of draws whose prediction is not the clean, undefended one."""
        if isinstance(self.classes, RecordClasses) and self.classes.draws:
            drawn = self.classes.draws
            return sum(one != self.classes.clean_prediction for one in drawn) / len(drawn)
        if self.draws:
            return sum(one != self.clean_prediction for one in self.draws) / len(self.draws)
        return float(self.changed)


def defense_name(defense: str) -> str:
    """A defense's spec as a person reads it."""
    return NO_DEFENSE_NAME if defense == NO_DEFENSE else defense
