"""Outcomes by class: which classes keep their accuracy, and what their videos are taken for. From records alone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Record, RecordClasses
from lsap_cli.results.text import printable

ClassKey = tuple[str, int | None]  # name and number: two classes can have one name


@dataclass(frozen=True, kw_only=True)
class TakenFor:
    """A wrong class that videos of one class get.

    Attributes:
        label: the wrong class.
        share: of the videos of the right class.
    """

    label: str
    share: Rate


@dataclass(frozen=True, kw_only=True)
class ClassOutcome:
    """One class under one attack.

    Attributes:
        label: the class.
        attack: as in the rows.
        videos: of the class.
        accuracy: null where classes are clean predictions.
        fooling_rate: null without attack and defense.
        taken_for: wrong classes, the most frequent first.
    """

    label: str
    attack: str
    videos: int
    accuracy: Rate | None = None
    fooling_rate: Rate | None = None
    taken_for: tuple[TakenFor, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ClassOutcomes:
    """All classes behind one defense, with one sampler.

    Attributes:
        defense: as in the rows.
        sampler: as in the rows.
        labeled: whether a video's class is its label; else it is the clean, undefended prediction.
        without_label: videos that are left out because others have a label and these have none.
        outcomes: one for each class and attack.
    """

    defense: str
    sampler: str
    labeled: bool
    without_label: int = 0
    outcomes: tuple[ClassOutcome, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Every class that has a video."""
        return list(dict.fromkeys(one.label for one in self.outcomes))

    def find(self, label: str, attack: str) -> ClassOutcome | None:
        """One class under one attack; None where no video of it was judged."""
        return next((one for one in self.outcomes if (one.label, one.attack) == (label, attack)), None)


@dataclass
class _Counts:
    videos: int = 0
    correct: int = 0
    changed: int = 0
    taken_for: Counter[ClassKey] = field(default_factory=Counter)


def class_outcomes(records: Iterable[Record], defense: str, sampler: str) -> ClassOutcomes:
    """Counts outcomes by class; labels count as classes if any of the records has one.

    Args:
        records: of a run, in any order.
        defense: the records behind it are counted, others are passed over.
        sampler: likewise.
    """
    by_label: dict[tuple[str, ClassKey], _Counts] = {}
    by_prediction: dict[tuple[str, ClassKey], _Counts] = {}
    unlabeled: set[str] = set()
    for record in records:
        if (printable(record.defense), printable(record.sampler)) != (defense, sampler):
            continue
        classes = record.classes if isinstance(record.classes, RecordClasses) else None
        prediction = (record.prediction, classes.prediction if classes else None)
        if record.label is None:
            unlabeled.add(record.video)
            clean = (record.clean_prediction, classes.clean_prediction if classes else None)
            _count(by_prediction, record, clean, prediction if record.changed else None)
        else:
            own = (record.label, classes.labels[0] if classes and classes.labels else None)
            _count(by_label, record, own, None if record.correct else prediction)
    labeled = bool(by_label)
    return ClassOutcomes(
        defense=defense,
        sampler=sampler,
        labeled=labeled,
        without_label=len(unlabeled) if labeled else 0,
        outcomes=_outcomes(by_label if labeled else by_prediction, labeled, defense),
    )


def _count(
    counts: dict[tuple[str, ClassKey], _Counts], record: Record, own: ClassKey, mistake: ClassKey | None
) -> None:
    one = counts.setdefault((record.attack, own), _Counts())
    one.videos += 1
    one.correct += bool(record.correct)
    one.changed += record.changed
    if mistake is not None:
        one.taken_for[mistake] += 1


def _outcomes(counts: dict[tuple[str, ClassKey], _Counts], labeled: bool, defense: str) -> tuple[ClassOutcome, ...]:
    keys = {key for _, key in counts} | {key for one in counts.values() for key in one.taken_for}
    names = _unique_names(keys)
    return tuple(
        ClassOutcome(
            label=names[key],
            attack=printable(attack),
            videos=one.videos,
            accuracy=rate_of(one.correct, one.videos) if labeled else None,
            fooling_rate=None if (attack, defense) == (NO_ATTACK, NO_DEFENSE) else rate_of(one.changed, one.videos),
            taken_for=tuple(
                TakenFor(label=names[wrong], share=share)
                for wrong, count in sorted(one.taken_for.items(), key=lambda item: (-item[1], names[item[0]]))
                if (share := rate_of(count, one.videos))
            ),
        )
        for (attack, key), one in sorted(counts.items(), key=lambda item: names[item[0][1]])
    )


def _unique_names(keys: Iterable[ClassKey]) -> dict[ClassKey, str]:
    """A printable name for each class; with its number where another class has the same one."""
    ordered = sorted(keys, key=lambda key: (key[0], -1 if key[1] is None else key[1]))
    often = Counter(printable(name) for name, _ in ordered)
    return {
        (name, number): printable(name) if often[printable(name)] == 1 else f"{printable(name)} (class {number})"
        for name, number in ordered
    }
