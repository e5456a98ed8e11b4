"""The rows of a results.json: one for each attack, defense and sampler."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lsap_cli.results.base import UNSET, Count, Result, UnsetType
from lsap_cli.results.rates import Estimate, Rate, is_shown, p_words, rate_of
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, Cell, Record


class DominantLabel(Result, frozen=True, kw_only=True):
    """The label that most fooled videos get.

    Attributes:
        label: its name.
        share: its share of the fooled videos.
    """

    label: str
    share: Rate


class NetFoolingRate(Result, frozen=True, kw_only=True):
    """What an attack changes beyond what the defense changes by itself: `attacked` less `alone`.

    Attributes:
        value: the difference.
        low: lower end of the bootstrap's interval over recordings.
        high: upper end.
        attacked: share of predictions over all draws that differ from the clean, undefended one, under the attack.
        alone: the same without the attack.
        draws: predictions a video: more than one behind a random defense.
    """

    value: float
    low: float
    high: float
    attacked: float = 0.0
    alone: float = 0.0
    draws: Count = 1

    @property
    def interval(self) -> str:
        """The interval as text, `-0.05–0.35`."""
        return f"{self.low:.2f}–{self.high:.2f}"


class ByRecording(Result, frozen=True, kw_only=True):
    """Figures with intervals that do not take videos of one recording for independent.

    Attributes:
        recordings: how many there are.
        accuracy: null without labels.
        fooling_rate: null in the row without attack and defense.
    """

    recordings: Count
    accuracy: Estimate | None = None
    fooling_rate: Estimate | None = None


class TwoClassRates(Result, frozen=True, kw_only=True):
    """What a network of two classes does on labeled videos; positive is the second class.

    Attributes:
        threshold: the probability of the second class from which on a video counts as positive.
        positive: the second class; null where no video has it, and in files of version 0.1.
        auc: area under the ROC curve of that probability; null where one of the classes has no video.
        false_negatives: share of the positive videos below the threshold; null without such videos.
        false_positives: share of the negative videos from the threshold on; null without such videos.
    """

    threshold: float
    positive: str | None = None
    auc: Estimate | None = None
    false_negatives: Rate | None = None
    false_positives: Rate | None = None


class Row(Result, frozen=True, kw_only=True):
    """What was measured for one attack, defense and sampler.

    Attributes:
        attack: `none`, `noise`, or the perturbation's name: the file name without its suffix, or with `--perturbed` the
            folder's. In `generate` it is `perturbed`. Attacks that were learned in a `defend` run have names that begin
            with their rung.
        rung: only in rows of the adaptive ladder: `A0` to `A5`.
        seed_of: only in rows of a second `--perturbation` and more: the name of the first.
        model: only in rows of `generate` with several `--model`: the name of the model that was asked.
        defense: `none`, or the spec as it was given.
        sampler: the spec.
        videos: how many were judged.
        clean_accuracy: on the same videos without an attack, behind the same defense.
        attacked_accuracy: under this attack (in rows without one: the same as `clean_accuracy`).
        fooling_rate: predictions that differ from the clean, undefended one with the same sampler; null in the row
            without attack and defense, which is that reference.
        success_rate: predictions that are the target; videos labelled as the target, or predicted as it when clean and
            undefended, are left out; null without a target.
        stealth: only with `--only`: videos of other predictions that keep theirs.
        two_class: only with two classes, on labeled videos: AUC, and both kinds of errors at the threshold.
        dominant_label: null where no video was fooled.
        mcnemar_p: exact two-sided p of McNemar's test, attacked against clean, behind the same defense; null without an
            attack, without labels, or where no outcome differs.
        net_fooling_rate: null in rows without an attack.
        by_recording: intervals over recordings; null while a run is live.
        milliseconds_per_video: that the defense (one draw of it) took for the frames that the samplers need.
    """

    attack: str
    rung: str | UnsetType = UNSET
    seed_of: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    defense: str
    sampler: str
    videos: Count
    clean_accuracy: Rate | None = None
    attacked_accuracy: Rate | None = None
    fooling_rate: Rate | None = None
    success_rate: Rate | None = None
    stealth: Rate | UnsetType | None = UNSET
    two_class: TwoClassRates | UnsetType = UNSET
    dominant_label: DominantLabel | None = None
    mcnemar_p: float | None = None
    net_fooling_rate: NetFoolingRate | None = None
    by_recording: ByRecording | None = None
    milliseconds_per_video: float | None = None

    @property
    def cell(self) -> Cell:
        """Attack, defense and sampler."""
        return self.attack, self.defense, self.sampler

    @property
    def kind(self) -> Literal["clean", "noise", "perturbed"]:
        """What is added to the videos."""
        if self.attack == NO_ATTACK:
            return "clean"
        return "noise" if self.attack == NOISE else "perturbed"

    @property
    def accuracy(self) -> Rate | None:
        """Accuracy on the videos of this row, clean or attacked."""
        if self.kind == "clean":
            return self.clean_accuracy or self.attacked_accuracy
        return self.attacked_accuracy

    @property
    def harm(self) -> float:
        """An attack's harm, to compare rows by; success rate is not used: a defense must give the right answer."""
        if self.accuracy:
            return 1.0 - self.accuracy.value
        return self.fooling_rate.value if self.fooling_rate else 0.0


class DefenseGain(Result, frozen=True, kw_only=True):
    """What a defense changes under one attack and sampler, against no defense on the same videos.

    Right is a prediction that is a label of the video; without labels, one that is the clean, undefended prediction.

    Attributes:
        attack: as in the rows.
        sampler: the spec.
        defense: the spec.
        gained: videos that are right behind the defense only.
        lost: videos that are right without it only.
        of: videos that were judged.
        p: exact two-sided p of McNemar's test; null where no video differs.
        adjusted_p: the same, corrected for the number of defenses (Holm, 1979).
    """

    attack: str
    sampler: str
    defense: str
    gained: Count
    lost: Count
    of: Count
    p: float | None = None
    adjusted_p: float | None = None

    @property
    def helps(self) -> bool:
        """Whether it is shown to help: more is gained than lost, and chance alone seldom does that."""
        return self.gained > self.lost and is_shown(self.adjusted_p)

    def __str__(self) -> str:
        corrected = "" if self.adjusted_p is None else " after Holm"
        return f"{self.gained} gained, {self.lost} lost of {self.of}, {p_words(self.adjusted_p)}{corrected}"


def best_defense(gains: Iterable[DefenseGain], attack: str, sampler: str) -> DefenseGain | None:
    """The defense with the largest net gain among those that are shown to help (ties: the first); None if none is."""
    helping = [one for one in gains if (one.attack, one.sampler) == (attack, sampler) and one.helps]
    return max(helping, key=lambda one: one.gained - one.lost, default=None)


@dataclass
class CellCounts:
    """Outcomes of one cell, counted record by record."""

    videos: int = 0
    labelled: int = 0
    correct: int = 0
    changed: int = 0

    def add(self, record: Record) -> None:
        """Counts one record."""
        self.videos += 1
        self.changed += record.changed
        if record.correct is not None:
            self.labelled += 1
            self.correct += record.correct


def count_records(records: Iterable[Record]) -> dict[Cell, CellCounts]:
    """The outcomes of all cells, in the order in which cells first appear."""
    cells: dict[Cell, CellCounts] = {}
    for record in records:
        cells.setdefault(record.cell, CellCounts()).add(record)
    return cells


def counted_rows(cells: Mapping[Cell, CellCounts]) -> list[Row]:
    """Rows with the rates that counts alone give; what else a row has is left null."""
    return [_counted_row(cell, cells) for cell in cells]


def _counted_row(cell: Cell, cells: Mapping[Cell, CellCounts]) -> Row:
    attack, defense, sampler = cell
    own, clean = cells[cell], cells.get((NO_ATTACK, defense, sampler))
    is_reference = (attack, defense) == (NO_ATTACK, NO_DEFENSE)
    return Row(
        attack=attack,
        defense=defense,
        sampler=sampler,
        videos=own.videos,
        clean_accuracy=None if clean is None else rate_of(clean.correct, clean.labelled),
        attacked_accuracy=rate_of(own.correct, own.labelled),
        fooling_rate=None if is_reference else rate_of(own.changed, own.videos),
    )


@dataclass(frozen=True)
class Rows:
    """Rows found by attack, defense and sampler; names keep the order in which the run measured them."""

    rows: tuple[Row, ...]

    @classmethod
    def of_every_defense(cls, rows: Sequence[Row]) -> "Rows":
        """The rows of attacks that are judged behind every defense: no rungs of ladders, no further seeds."""
        return cls(tuple(row for row in rows if not row.rung and not row.seed_of))

    @cached_property
    def samplers(self) -> list[str]:
        return _in_order(row.sampler for row in self.rows)

    @cached_property
    def defenses(self) -> list[str]:
        """Every defense, `none` first when it was measured."""
        return sorted(_in_order(row.defense for row in self.rows), key=lambda name: name != NO_DEFENSE)

    @cached_property
    def perturbations(self) -> list[str]:
        return _in_order(row.attack for row in self.rows if row.kind == "perturbed")

    @cached_property
    def attacks(self) -> list[str]:
        """Every attack that was measured: `none`, `noise`, then the perturbations."""
        measured = {row.attack for row in self.rows}
        return [name for name in (NO_ATTACK, NOISE) if name in measured] + self.perturbations

    @property
    def labelled(self) -> bool:
        return any(row.accuracy for row in self.rows)

    @property
    def targeted(self) -> bool:
        return any(row.success_rate for row in self.rows)

    def find(self, attack: str, defense: str, sampler: str) -> Row | None:
        return self._by_cell.get((attack, defense, sampler))

    def clean_accuracy(self, defense: str, sampler: str) -> Rate | None:
        """Accuracy on clean videos behind a defense, from whichever row has it."""
        row = self.find(NO_ATTACK, defense, sampler)
        if row and row.accuracy:
            return row.accuracy
        return self._clean_accuracies.get((defense, sampler))

    @cached_property
    def _by_cell(self) -> dict[Cell, Row]:
        """The first row of each cell: looked up for every cell of a table."""
        return {row.cell: row for row in reversed(self.rows)}

    @cached_property
    def _clean_accuracies(self) -> dict[tuple[str, str], Rate]:
        """By defense and sampler, from the first row that has it."""
        return {(row.defense, row.sampler): row.clean_accuracy for row in reversed(self.rows) if row.clean_accuracy}

    def strongest(self, sampler: str) -> Row | None:
        """The undefended row of the perturbation that does most harm with this sampler."""
        rows = [self.find(name, NO_DEFENSE, sampler) for name in self.perturbations]
        measured = [row for row in rows if row and (row.fooling_rate or row.accuracy or row.success_rate)]
        return max(measured, key=lambda row: row.harm, default=None)

    def best_defended(self, attack: str, sampler: str) -> Row | None:
        """The row of the defense that helps most against one attack (ties: the first)."""
        rows = [self.find(attack, name, sampler) for name in self.defenses if name != NO_DEFENSE]
        measured = [row for row in rows if row and (row.accuracy or row.fooling_rate)]
        return min(measured, key=lambda row: row.harm, default=None)


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
